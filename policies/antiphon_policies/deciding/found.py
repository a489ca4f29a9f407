"""What an agent was found to be like, as what planning needs. The very same objects tick after tick while nothing changes: making
them anew takes longer, and so does telling that they are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from antiphon_policies.deciding.combining import fitted, with_overhead
from antiphon_policies.facts import AgentFacts, Setting

_MOST_KNOWN = 16


@dataclass(frozen=True, slots=True)
class Learned:
    """Of one agent."""

    overhead_ms: float
    turns_per_second: float
    duty_cycle: float


@dataclass(frozen=True, slots=True)
class Found:
    """An agent as it is planned for."""

    given: AgentFacts
    learned: Learned
    facts: AgentFacts
    """With what was learned."""
    cheapest: AgentFacts
    """The same, to be planned for at whatever quality is allowed."""
    setting: Setting
    """What it runs with."""
    fitted: Setting
    """What of that can be predicted."""
    known: Mapping[Learned, tuple[AgentFacts, AgentFacts]] = field(default_factory=dict)
    """What else was learned of late, and the facts with it: what is learned goes to and fro between a few figures."""


def found(before: Found | None, given: AgentFacts, learned: Learned, setting: Setting) -> Found:
    if before is None or before.given is not given:
        return _with(Found(given, learned, given, given, setting, fitted(given, setting)), learned)
    if before.setting is not setting and before.setting != setting:
        before = replace(before, setting=setting, fitted=fitted(given, setting))
    return before if before.learned == learned else _with(before, learned)


def _with(before: Found, learned: Learned) -> Found:
    known = before.known
    if learned not in known:
        facts = with_overhead(before.given, learned.overhead_ms, learned.turns_per_second, learned.duty_cycle)
        kept = list(known.items())[-_MOST_KNOWN + 1 :]
        known = {**dict(kept), learned: (facts, replace(facts, prefer="Cost"))}
    facts, cheapest = known[learned]
    return Found(before.given, learned, facts, cheapest, before.setting, before.fitted, known)
