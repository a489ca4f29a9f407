"""When a controller in a sampled fleet is asked, and what it then sees."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from antiphon_crds.durations import parse_duration_seconds
from antiphon_crds.policy import Objective
from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured, Observation, PodSeen, StageSeen
from antiphon_policies.simulating.pools import GOING, SERVING, Bools, Ints, Pools
from antiphon_policies.simulating.speeds import Floats

RECENT_SECONDS, RATE_SECONDS = 30.0, 60.0
TURNS, RESPONSES = 0, 1
"""From the user's last sound, and from the decision that the turn was over."""
_KINDS = {"turn": TURNS, "mouthToEar": TURNS, "response": RESPONSES, "result": RESPONSES}


@dataclass(frozen=True, slots=True)
class Attention:
    """A controller is asked no sooner than its own interval after the last time, and only if what it would see is another
    thing than then. So a quiet night costs little; and a controller that wavers does so less than if it were always asked."""

    change: float = 0.2
    """Share by which the sessions must have become more or fewer."""
    at_least: float = 3.0
    """Sessions that this must be, where there are few."""
    quiet_seconds: float = 300.0
    """After which it is asked whatever it would see."""


@dataclass(slots=True)
class Seen:
    """What controllers see, one figure for each agent."""

    sessions: Ints
    ready: Ints
    """Replicas that take new sessions."""
    rejected: Ints
    broken: Bools
    """Whether recent turns broke the promise."""


class Watch:
    """When each controller was asked last, and what it saw then."""

    def __init__(self, interval_seconds: Floats, attention: Attention) -> None:
        agents = len(interval_seconds)
        self._intervals, self._attention = interval_seconds, attention
        self._at = np.full(agents, -math.inf)
        nothing = np.zeros(agents, dtype=np.int64)
        self._last = Seen(nothing.copy(), nothing - 1, nothing.copy(), np.zeros(agents, dtype=np.bool_))

    def due(self, now: float, new: Seen) -> dict[int, str]:
        """Agents that are to be asked now, and why."""
        last, attention = self._last, self._attention
        since = now - self._at
        moved = np.maximum(attention.at_least, attention.change * last.sessions)
        reasons = {
            "quiet": since >= attention.quiet_seconds,
            "sessions": np.abs(new.sessions - last.sessions) >= moved,
            "rejections": new.rejected != last.rejected,
            "promise": new.broken != last.broken,
            "replicas": new.ready != last.ready,
        }
        may = since >= self._intervals
        found: dict[int, str] = {}
        for name, holds in reasons.items():
            found.update(dict.fromkeys(np.flatnonzero(holds & may).tolist(), name))
        self._keep(now, new, np.array(sorted(found), dtype=np.int64))
        return found

    def _keep(self, now: float, new: Seen, those: Ints) -> None:
        self._at[those] = now
        for mine, theirs in (
            (self._last.sessions, new.sessions),
            (self._last.ready, new.ready),
            (self._last.rejected, new.rejected),
            (self._last.broken, new.broken),
        ):
            mine[those] = theirs[those]


class Past:
    """Counters of all agents as they were at each of the last steps."""

    def __init__(self, agents: int, bounds_ms: tuple[float, ...], steps: int) -> None:
        self.bounds = bounds_ms
        self._inner = np.asarray(bounds_ms[:-1])
        width = len(bounds_ms)
        self.buckets = np.zeros((2, agents, width))
        """Of turns and of responses, as far as they are counted, since the start."""
        self.totals = np.zeros((2, agents))
        self._steps = steps + 1
        self._buckets = np.zeros((self._steps, 2, agents, width))
        self._totals = np.zeros((self._steps, 2, agents))
        self._sessions = np.zeros((self._steps, 2, agents))
        self.turns, self.kept = np.zeros(agents), np.zeros(agents)
        """Of the promise, since the start."""
        self._promised = np.zeros((self._steps, 2, agents))
        self.step = 0

    def add(self, kind: int, agents: Ints, times_ms: Floats) -> None:
        _, count, width = self.buckets.shape
        places = agents * width + np.searchsorted(self._inner, times_ms)
        self.buckets[kind] += np.bincount(places, minlength=count * width).reshape(count, width)
        self.totals[kind] += np.bincount(agents, times_ms, minlength=count)

    def begin(self, offered: Ints, rejected: Ints) -> None:
        """What there was at the start did not arrive."""
        self._sessions[0, 0], self._sessions[0, 1] = offered, rejected

    def keep(self, offered: Ints, rejected: Ints) -> None:
        """The end of a step."""
        self.step += 1
        place = self.step % self._steps
        self._buckets[place], self._totals[place] = self.buckets, self.totals
        self._sessions[place, 0], self._sessions[place, 1] = offered, rejected
        self._promised[place, 0], self._promised[place, 1] = self.turns, self.kept

    def late_shares(self, steps: int) -> Floats:
        """Of each agent's turns in the last steps; 0 where there were none."""
        place, _ = self._before(steps)
        turns, kept = self.turns - self._promised[place, 0], self.kept - self._promised[place, 1]
        shares: Floats = np.divide(turns - kept, turns, out=np.zeros_like(turns), where=turns > 0)
        return shares

    def _before(self, steps: int) -> tuple[int, int]:
        steps = min(max(1, steps), self.step, self._steps - 1)
        return (self.step - steps) % self._steps, steps

    def gained(self, kind: int, agent: int, steps: int) -> tuple[Distribution, int]:
        """And over how many steps."""
        place, covered = self._before(steps)
        counts = self.buckets[kind, agent] - self._buckets[place, kind, agent]
        total = self.totals[kind, agent] - self._totals[place, kind, agent]
        return Distribution(self.bounds, tuple(counts.tolist()), float(total)), covered

    def answered(self, agent: int, steps: int) -> tuple[float, int]:
        """Turns, and over how many steps."""
        place, covered = self._before(steps)
        return float(self.turns[agent] - self._promised[place, 0, agent]), covered

    def sessions(self, agent: int, steps: int) -> tuple[float, float, int]:
        """Offered and rejected, and over how many steps."""
        place, covered = self._before(steps)
        offered, rejected = self._sessions[self.step % self._steps, :, agent] - self._sessions[place, :, agent]
        return float(offered), float(rejected), covered


@dataclass(frozen=True, slots=True)
class Sight:
    """Of one agent of a fleet. What stages computed is not sampled, and so is not seen."""

    facts: AgentFacts
    agent: int
    pools: Mapping[str, int]
    """Row of each group."""
    step_seconds: float
    begins_at: float
    windows: tuple[tuple[Objective, int], ...]
    """Objectives that are sampled, and the steps of their windows."""

    @property
    def kinds(self) -> set[int]:
        """Of turns and responses, what any objective is about."""
        return {_KINDS[objective.indicator] for objective, _ in self.windows if objective.indicator in _KINDS}

    def look(self, now: float, arrays: Pools, past: Past, in_force: Setting, response: bool) -> Observation:
        recent, covered = past.gained(int(response), self.agent, self._steps(RECENT_SECONDS))
        offered, rejected, steps = past.sessions(self.agent, self._steps(RATE_SECONDS))
        turns, turn_steps = past.answered(self.agent, self._steps(RATE_SECONDS))
        seconds = max(1, steps) * self.step_seconds
        return Observation(
            at=self.begins_at + now,
            source="simulator",
            pods=tuple(self._pods(arrays, in_force)),
            entries=frozenset((self.facts.entry,)),
            replicas={name: int(arrays.wanted[row]) for name, row in self.pools.items()},
            measured=dict(self._measured(past)),
            recent=Measured(0.0, durations=recent, covered_seconds=covered * self.step_seconds),
            arrivals_per_second=offered / seconds,
            rejected_per_second=rejected / seconds,
            turns_per_second=turns / (max(1, turn_steps) * self.step_seconds),
        )

    def _steps(self, seconds: float) -> int:
        return max(1, round(seconds / self.step_seconds))

    def _measured(self, past: Past) -> Iterator[tuple[str, Measured]]:
        for objective, steps in self.windows:
            if objective.indicator in _KINDS:
                durations, covered = past.gained(_KINDS[objective.indicator], self.agent, steps)
                yield objective.name, Measured(0.0, durations=durations, covered_seconds=covered * self.step_seconds)
            else:
                offered, rejected, covered = past.sessions(self.agent, steps)
                yield (
                    objective.name,
                    Measured(0.0, part=rejected, whole=offered, covered_seconds=covered * self.step_seconds),
                )

    def _pods(self, arrays: Pools, in_force: Setting) -> Iterator[PodSeen]:
        for group in self.facts.groups:
            row = self.pools[group.name]
            stages = {
                stage.stage: StageSeen(in_force.stages[stage.stage].variant, in_force.stages[stage.stage].cap)
                for stage in self.facts.stages
                if stage.group == group.name
            }
            for state, number, sessions in arrays.replicas(row):
                serves = state in (SERVING, GOING)
                yield PodSeen(
                    name=f"{group.name}-{number}",
                    group=group.name,
                    ready=serves,
                    going=state == GOING,
                    age_seconds=0.0 if serves else math.inf,
                    sessions=sessions if serves else None,
                    capacity=group.max_sessions,
                    stages=stages if serves else {},
                )


def windows_of(facts: AgentFacts, step_seconds: float) -> tuple[tuple[Objective, int], ...]:
    sampled = [one.objective for one in facts.objectives if one.objective.indicator in (*_KINDS, "rejectedSessions")]
    return tuple(
        (objective, max(1, round(parse_duration_seconds(objective.window) / step_seconds))) for objective in sampled
    )
