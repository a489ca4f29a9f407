"""The status of what platform teams write: who uses it, and whether it can be read. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from antiphon_crds.policy import SLAPolicy
from antiphon_operator.objects import Obj
from antiphon_operator.operate import reasons
from antiphon_operator.operate.conditions import Verdict, conditions, verdict
from antiphon_operator.operate.world import Parsed
from antiphon_policies.guarding.rules.freezing import not_kept


def catalog_status(found: Parsed[Any], agents: Collection[Obj], now: str) -> Obj:
    """Of a policy or a model."""
    return {**common_status(found, now), "agents": len(agents), **_promises_kept(found.raw, agents)}


def common_status(found: Parsed[Any], now: str) -> Obj:
    before = found.raw.get("status") or {}
    generation = int(found.raw["metadata"].get("generation") or 0)
    return {
        "observedGeneration": generation,
        "conditions": conditions([_accepted(found)], before.get("conditions") or (), generation, now),
    }


def _accepted(found: Parsed[Any]) -> Verdict:
    if found.problems:
        return verdict(reasons.INVALID, map(str, found.problems))
    if isinstance(found.object, SLAPolicy) and (lost := not_kept(found.object.spec.guardrails.freeze)):
        return verdict(reasons.FREEZE_NOT_KEPT, lost)
    return verdict(reasons.VALID)


def _promises_kept(raw: Obj, agents: Collection[Obj]) -> Obj:
    """Only a policy counts who keeps it."""
    if raw["kind"] != "SLAPolicy":
        return {}
    sla = [(agent.get("status") or {}).get("sla") for agent in agents]
    return {"met": sla.count("Met"), "breached": sla.count("Breached")}
