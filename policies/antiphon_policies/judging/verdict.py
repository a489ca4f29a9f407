"""The state of an agent, by those of its objectives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from antiphon_crds.stages import LATENCY_INDICATORS
from antiphon_policies.judging.judgement import Judgement, Reason, State


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `status.sla` says, and why."""

    state: State
    reason: Reason
    message: str
    worst: Judgement | None = None
    """The one that is furthest over its target, or nearest to it, of those that are known."""

    @property
    def missing(self) -> bool:
        """Whether nothing is known of a promise, so that nothing may be given back for it."""
        return self.state == "Unknown" and self.reason not in ("NoTraffic", "TooFewSamples")


def verdict(judgements: Sequence[Judgement]) -> Verdict:
    """The worst state. Unknown is never success:

    - one that is breached, or at risk, is so whatever the others are;
    - one of which nothing is known (not measured, stale, implausible) makes the agent's state Unknown;
    - where nothing happened that another could be measured of (no call was refused, nobody spoke over the agent), the
      ones that were measured speak for the agent, if a latency is among them or none is promised;
    - without calls the state is Unknown, for the reason NoTraffic: nobody was kept waiting, and nobody was served.
    """
    worst = worst_of(judgements)
    for wanted in ("Breached", "AtRisk"):
        found = [judgement for judgement in judgements if judgement.state == wanted]
        if found:
            first = max(found, key=_ratio)
            return Verdict(first.state, first.reason, _told(first), worst)
    missing = [judgement for judgement in judgements if judgement.missing]
    if missing:
        return Verdict("Unknown", missing[0].reason, "; ".join(map(_told, missing)), worst)
    return _quiet(judgements, worst)


def worst_of(judgements: Iterable[Judgement]) -> Judgement | None:
    known = [judgement for judgement in judgements if judgement.ratio is not None]
    return max(known, key=_ratio, default=None)


def worst_latency(judgements: Iterable[Judgement]) -> Judgement | None:
    """Of those that a faster setting helps."""
    return worst_of(judgement for judgement in judgements if _is_latency(judgement))


def _quiet(judgements: Sequence[Judgement], worst: Judgement | None) -> Verdict:
    """None is over, near or missing: each is kept, or little happened."""
    kept = [judgement for judgement in judgements if judgement.state == "Met"]
    speak = [judgement for judgement in judgements if _is_latency(judgement)] or judgements
    if any(judgement.state == "Met" for judgement in speak):
        return Verdict(
            "Met", "Kept", f"{len(kept)} of {len(judgements)} objectives kept, of the others nothing to tell", worst
        )
    few = next((judgement for judgement in judgements if judgement.reason == "TooFewSamples"), None)
    if few:
        return Verdict("Unknown", "TooFewSamples", _told(few), worst)
    return Verdict("Unknown", "NoTraffic", "no calls that anything could be measured of", worst)


def _is_latency(judgement: Judgement) -> bool:
    """Recovery is not: it is kept as long as nothing else is measured."""
    return judgement.objective.indicator in LATENCY_INDICATORS and judgement.objective.indicator != "recovery"


def _ratio(judgement: Judgement) -> float:
    return judgement.ratio or 0.0


def _told(judgement: Judgement) -> str:
    return f"{judgement.objective.name}: {judgement.message}"
