"""Plans of agents that nobody wrote: examples with names, bounds, volumes, partitions and options drawn at random."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agent_plans import SETTINGS, example_agents, plan_of
from hypothesis import strategies as st

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.durations import CPU_PATTERN, QUANTITY_PATTERN
from antiphon_operator.placing.choice import Choice
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings

Manifest = dict[str, Any]

agent_names = st.from_regex(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
group_names = st.from_regex(r"[a-z]([-a-z0-9]{0,18}[a-z0-9])?", fullmatch=True)
amounts_of_memory = st.from_regex(QUANTITY_PATTERN.replace("[0-9]*", "[0-9]{0,4}"), fullmatch=True).filter(
    lambda text: len(text) <= 20
)
amounts_of_cpu = st.from_regex(CPU_PATTERN, fullmatch=True).filter(lambda text: len(text) <= 12)
_ONE_OF_MIG = {"deviceClassName": "mig.nvidia.com", "allocationMode": "ExactCount", "count": 1}
CLAIM = {"devices": {"requests": [{"name": "gpu", "exactly": _ONE_OF_MIG}]}}
"""With the API server's defaults: lists of a claim are applied whole, and without them each apply would be a change."""
_IMAGES = st.sampled_from(["ghcr.io/acme/voice:2", f"example.org/voice@sha256:{'0' * 64}"])
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
_TOLERATIONS = st.sampled_from(
    [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"operator": "Exists"},
        {"key": "team", "operator": "Equal", "value": "voice"},
    ]
)
_LABELS = st.dictionaries(st.sampled_from(["zone", "example.com/pool"]), st.sampled_from(["a", "voice-1"]), max_size=2)


@st.composite
def drawn_agents(draw: st.DrawFn) -> VoiceAgent:
    manifest = example_agents()[draw(st.sampled_from(sorted(example_agents())))].to_manifest()
    manifest["metadata"] = {"name": draw(agent_names), "namespace": draw(st.sampled_from(["default", "team-a"]))}
    spec = manifest["spec"]
    spec["sessions"] |= {"drain": draw(st.sampled_from(["0s", "1500ms", "15m", "24h"]))}
    spec["access"] = draw(_access)
    spec["runtime"] = draw(_runtime)
    spec["placement"]["colocate"] = draw(st.sampled_from(["Node", "Zone", "Anywhere"]))
    _draw_groups(draw, spec["placement"]["groups"])
    for stage in spec["pipeline"].values():
        _draw_stage(draw, stage)
    return VoiceAgent.from_manifest(manifest)


@st.composite
def drawn_plans(draw: st.DrawFn) -> AgentPlan:
    plan = plan_of(draw(drawn_agents()))
    groups = tuple(_drawn_group_plan(draw, group_plan) for group_plan in plan.groups)
    rotation = draw(st.sampled_from(["", "2026-11-21"]))
    return replace(plan, token=draw(st.text("abc123_-", min_size=8, max_size=43)), rotation=rotation, groups=groups)


drawn_settings = st.builds(
    RenderSettings,
    runtime_image=st.just(SETTINGS.runtime_image),
    image_pull_policy=st.sampled_from([None, "IfNotPresent"]),
    operator_namespace=st.sampled_from(["antiphon-system", "ops"]),
    prometheus_namespace=st.sampled_from([None, "monitoring"]),
    cluster_domain=st.sampled_from([None, "cluster.local"]),
)

_access = st.fixed_dictionaries(
    {},
    optional={
        "apiKeys": st.sampled_from([{"name": "keys"}, {"name": "callers.of-acme", "key": "api.keys"}]),
        "allowedOrigins": st.just(["https://shop.example"]),
    },
)
_caches = st.one_of(
    st.just({}),
    st.builds(lambda size: {"size": size}, amounts_of_memory),
    st.just({"claim": "models"}),
    st.builds(lambda image: {"image": image}, _IMAGES),
)
_runtime = st.fixed_dictionaries(
    {"modelCache": _caches},
    optional={
        "image": _IMAGES,
        "imagePullSecrets": st.just(["registry"]),
        "tracesEndpoint": st.just("http://traces.monitoring:4318"),
        "logLevel": st.sampled_from(["debug", "warning"]),
    },
)


def _draw_groups(draw: st.DrawFn, groups: list[Manifest]) -> None:
    names = draw(st.lists(group_names, min_size=len(groups), max_size=len(groups), unique=True))
    renamed = {group["name"]: name for group, name in zip(groups, names, strict=True)}
    for group in groups:
        group["name"] = renamed[group["name"]]
        if "overflow" in group:
            group["overflow"]["group"] = renamed[group["overflow"]["group"]]
        group["resources"] = draw(
            st.fixed_dictionaries({}, optional={"cpu": amounts_of_cpu, "memory": amounts_of_memory})
        )
        group["nodeSelector"] = draw(_LABELS)
        group["tolerations"] = draw(st.lists(_TOLERATIONS, max_size=2))


def _draw_stage(draw: st.DrawFn, stage: Manifest) -> None:
    """What is said to a model may be any text."""
    stage["batch"] = draw(
        st.fixed_dictionaries({}, optional={"max": st.integers(1, 64), "maxWaitMs": st.integers(0, 100)})
    )
    stage["concurrency"] = draw(
        st.fixed_dictionaries({}, optional={"workers": st.integers(1, 4), "maxQueue": st.integers(1, 100)})
    )
    if "instructions" in stage.get("options", {}):
        stage["options"]["instructions"] = draw(_TEXTS)


def _drawn_group_plan(draw: st.DrawFn, plan: GroupPlan) -> GroupPlan:
    return replace(
        plan, choice=_drawn_choice(draw, plan.choice), replicas=draw(st.integers(0, 50)), surge=draw(st.booleans())
    )


def _drawn_choice(draw: st.DrawFn, choice: Choice) -> Choice:
    resources, claim = draw(st.sampled_from([(choice.resources, None), ({}, None), ({}, CLAIM)]))
    return replace(
        choice,
        resources=resources,
        claim=claim,
        node_selector=draw(_LABELS),
        tolerations=tuple(draw(st.lists(_TOLERATIONS, max_size=1))),
        hardware=draw(st.sampled_from([None, "h200-141gb/1g.18gb"])),
    )
