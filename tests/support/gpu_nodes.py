"""Nodes, slices and agents to place, and the presets and examples of the repository."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from manifest_files import EXAMPLES, PRESETS, documents
from objects import model, variant

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.manifests import load
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.objects import Obj
from antiphon_operator.placing.choice import Choice, Misfit
from antiphon_operator.placing.place import ClusterView, place
from antiphon_policies.resolution import Catalog, Resolution, resolve

RTX_PRO = "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition"
H200 = "NVIDIA-H200"
MIB_OF = {H200: 143771, RTX_PRO: 97887, "NVIDIA-B200": 183359, "Tesla-T4": 15360, "NVIDIA-H100-80GB-HBM3": 81559}
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def node(
    name: str,
    product: str = "",
    labels: Mapping[str, str] | None = None,
    *,
    ready: bool = True,
    cordoned: bool = False,
    taints: tuple[Mapping[str, str], ...] = (),
    **resources: int,
) -> Obj:
    """`mig_1g_18gb=7` is so much of nvidia.com/mig-1g.18gb, `gpu=8` of nvidia.com/gpu."""
    told = {"nvidia.com/gpu.product": product} if product else {}
    if product in MIB_OF:
        told["nvidia.com/gpu.memory"] = str(MIB_OF[product])
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "110"}
    amounts |= {f"nvidia.com/{_resource(key)}": str(count) for key, count in resources.items()}
    conditions = [{"type": "Ready", "status": "True" if ready else "Unknown"}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux", **told, **(labels or {})}},
        "spec": {"taints": [dict(taint) for taint in taints], "unschedulable": cordoned},
        "status": {"allocatable": amounts, "capacity": amounts, "conditions": conditions},
    }


def _resource(key: str) -> str:
    parts = key.split("_")
    return key if len(parts) == 1 else f"{parts[0]}-{'.'.join(parts[1:])}"


def resource_slice(node_name: str, *devices: Obj, generation: int = 1) -> Obj:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node_name}-gpu.nvidia.com-{generation}"},
        "spec": {
            "driver": "gpu.nvidia.com",
            "nodeName": node_name,
            "pool": {"name": node_name, "generation": generation, "resourceSliceCount": 1},
            "devices": list(devices),
        },
    }


def mig_device(gpu: int, start: int, profile: str, memory: str, product: str = "NVIDIA H200") -> Obj:
    """As NVIDIA's driver publishes it."""
    told = {"type": "mig", "profile": profile, "productName": product, "parentUUID": f"GPU-{gpu}"}
    return {
        "name": f"gpu-{gpu}-mig-{profile.replace('.', '')}-{start}",
        "attributes": {name: {"string": value} for name, value in told.items()},
        "capacity": {"memory": {"value": memory}, "multiprocessors": {"value": "16"}},
    }


def gpu_device(gpu: int, memory: str = "143771Mi", product: str = "NVIDIA H200") -> Obj:
    attributes = {"type": {"string": "gpu"}, "productName": {"string": product}}
    return {"name": f"gpu-{gpu}", "attributes": attributes, "capacity": {"memory": {"value": memory}}}


def gpu_variant(name: str, gib: float, gpus: int = 0, per_session: str | None = None) -> dict[str, Any]:
    """`gib` 0: it runs on the CPU."""
    memory = {"host": "1Gi"}
    if gib:
        memory["gpu"] = f"{gib:g}Gi"
    if per_session:
        memory["perSession"] = per_session
    return variant(name, memory=memory, gpus=gpus)


def llm_resolution(*variants: dict[str, Any], **spec: Any) -> Resolution:
    """Of an agent with a vad on the CPU and an llm with these variants; `spec` is the agent's."""
    from_spec = {"vad": {"model": "vad-model"}, "llm": {"model": "llm-model"}}
    told = {"pipeline": from_spec, "scaling": {"mode": "External"}, **spec}
    agent = VoiceAgent.model_validate({"metadata": {"name": "a"}, "spec": told})
    heard = [{**one, "capabilities": {"audioInput": True}} for one in variants]
    return resolve(agent, Catalog(models={"vad-model": model("vad"), "llm-model": model("llm", *heard)}))


def llm_group(**more: Any) -> dict[str, Any]:
    """spec.placement with one group of all stages."""
    return {"groups": [{"name": "main", "stages": ["vad", "llm"], **more}]}


def placed(resolution: Resolution, view: ClusterView, group: int = 0) -> Choice | Misfit:
    return place(resolution.groups[group], resolution, view)


def choice_of(resolution: Resolution, view: ClusterView, group: int = 0) -> Choice:
    found = placed(resolution, view, group)
    assert isinstance(found, Choice), found
    return found


def misfit_of(resolution: Resolution, view: ClusterView, group: int = 0) -> Misfit:
    found = placed(resolution, view, group)
    assert isinstance(found, Misfit), found
    return found


@cache
def catalog() -> Catalog:
    """Of all presets and examples."""
    objects = [one.object for one in _loaded()]
    return Catalog(
        {one.metadata.name: one for one in objects if isinstance(one, SLAPolicy)},
        {one.metadata.name: one for one in objects if isinstance(one, VoiceModel)},
        {one.metadata.name: one for one in objects if isinstance(one, GPUPool)},
    )


@cache
def example(name: str) -> Resolution:
    """The agent of that name, with everything that it names."""
    (agent,) = [
        one.object for one in _loaded() if isinstance(one.object, VoiceAgent) and one.object.metadata.name == name
    ]
    return resolve(agent, catalog())


@cache
def _loaded() -> tuple[Any, ...]:
    return tuple(load(document) for path in [*PRESETS, *EXAMPLES] for document in documents(path))
