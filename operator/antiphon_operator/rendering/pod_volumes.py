"""The volumes of a voice pod, and where its container finds them."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_operator import names
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.group_stages import takes_sessions
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan
from antiphon_operator.rendering.pod_resources import SHARED_MEMORY_BYTES, has_partition
from antiphon_operator.rendering.quantities import memory_quantity, stored_memory

CONFIG_FILE = f"/etc/antiphon/config/{names.CONFIG_KEY}"
TOKEN_FILE = f"/etc/antiphon/control/{names.TOKEN_KEY}"
KEYS_FOLDER = "/etc/antiphon/keys"
MODELS_FOLDER = "/var/cache/antiphon"
SCRATCH_FOLDER = "/tmp"  # noqa: S108 (a volume of the pod's own)


@dataclass(frozen=True)
class PodVolume:
    """A volume, and its one mount."""

    name: str
    path: str
    source: Obj
    read_only: bool = True

    @property
    def volume(self) -> Obj:
        return {"name": self.name, **self.source}

    @property
    def mount(self) -> Obj:
        mount: Obj = {"name": self.name, "mountPath": self.path}
        return {**mount, "readOnly": True} if self.read_only else mount


def pod_volumes(plan: AgentPlan, group_plan: GroupPlan) -> list[PodVolume]:
    agent, group = plan.name, group_plan.group
    volumes = [
        PodVolume("config", _folder(CONFIG_FILE), {"configMap": {"name": names.child_name(agent, group.name)}}),
        PodVolume("control", _folder(TOKEN_FILE), {"secret": {"secretName": names.control_secret_name(agent)}}),
        *_keys(plan, group_plan),
        _models(plan),
        PodVolume("tmp", SCRATCH_FOLDER, {"emptyDir": {}}, read_only=False),
    ]
    if has_partition(group_plan):
        shared = {"medium": "Memory", "sizeLimit": memory_quantity(SHARED_MEMORY_BYTES)}
        volumes.append(PodVolume("shm", "/dev/shm", {"emptyDir": shared}, read_only=False))  # noqa: S108
    return volumes


def keys_file(plan: AgentPlan, group_plan: GroupPlan) -> str | None:
    """Of the callers' keys. Only where callers come: other groups serve the agent's own pods, which have no key."""
    keys = plan.resolution.agent.spec.access.api_keys
    if keys is None or not takes_sessions(group_plan.group, plan.resolution):
        return None
    return f"{KEYS_FOLDER}/{keys.key}"


def _keys(plan: AgentPlan, group_plan: GroupPlan) -> list[PodVolume]:
    """The Secret has to be there: a pod without the keys that were asked for must not start."""
    keys = plan.resolution.agent.spec.access.api_keys
    if keys is None or keys_file(plan, group_plan) is None:
        return []
    source = {"secretName": keys.name, "items": [{"key": keys.key, "path": keys.key}]}
    return [PodVolume("keys", KEYS_FOLDER, {"secret": source})]


def _models(plan: AgentPlan) -> PodVolume:
    """Without a size a scratch volume has no limit: how much the sources hold is not known before they are fetched."""
    cache = plan.resolution.agent.spec.runtime.model_cache
    if cache.image is not None:
        return PodVolume("models", MODELS_FOLDER, {"image": {"reference": cache.image}})
    if cache.claim is not None:
        claim = {"persistentVolumeClaim": {"claimName": cache.claim}}
        return PodVolume("models", MODELS_FOLDER, claim, read_only=False)
    limit = {"sizeLimit": stored_memory(cache.size)} if cache.size else {}
    return PodVolume("models", MODELS_FOLDER, {"emptyDir": limit}, read_only=False)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
