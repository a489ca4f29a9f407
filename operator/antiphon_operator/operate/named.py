"""What an agent's manifest names: read from the raw object, so that it works for one that can't be read otherwise too. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from antiphon_operator.kube.resources import GPU_POOLS, SLA_POLICIES, VOICE_MODELS, Resource
from antiphon_operator.objects import Obj


def names_of(agent: Obj) -> Iterator[tuple[Resource, str]]:
    spec = agent.get("spec") or {}
    if isinstance(policy := spec.get("slaPolicy"), str):
        yield SLA_POLICIES, policy
    for stage in _values(spec.get("pipeline")):
        yield from ((VOICE_MODELS, name) for name in _models(stage))
    for group in (spec.get("placement") or {}).get("groups") or ():
        if isinstance(pool := group.get("pool"), str):
            yield GPU_POOLS, pool


def _values(pipeline: Any) -> Iterator[Mapping[str, Any]]:
    for stage in (pipeline or {}).values():
        if isinstance(stage, Mapping):
            yield stage


def _models(stage: Mapping[str, Any]) -> Iterator[str]:
    for name in (stage.get("model"), stage.get("turnEndModel"), (stage.get("trial") or {}).get("model")):
        if isinstance(name, str):
            yield name
