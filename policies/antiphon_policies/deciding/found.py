"""What an agent was found to be like, as what planning needs. The very same objects tick after tick while nothing changes: making
them anew takes longer, and so does telling that they are the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from antiphon_policies.deciding.combining import fitted, with_overhead
from antiphon_policies.facts import AgentFacts, Setting


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


def found(before: Found | None, given: AgentFacts, learned: Learned, setting: Setting) -> Found:
    if before is None or before.given is not given or before.learned != learned:
        facts = with_overhead(given, learned.overhead_ms, learned.turns_per_second, learned.duty_cycle)
        return Found(given, learned, facts, replace(facts, prefer="Cost"), setting, fitted(facts, setting))
    if before.setting is setting or before.setting == setting:
        return before
    return replace(before, setting=setting, fitted=fitted(before.facts, setting))
