"""One replica under a constant number of sessions: what predictions are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_policies.facts import AgentFacts, ModeFacts, Setting, StageFacts
from antiphon_policies.simulating.clockwork import Clockwork
from antiphon_policies.simulating.replicas import Replica, Truth, Workshop, speeds_of
from antiphon_policies.simulating.speeds import Floats
from antiphon_policies.simulating.talking import Talk, Talker


@dataclass(frozen=True, slots=True)
class Steady:
    """Times in milliseconds, of turns and calls that ended after the warm-up."""

    turns: Floats
    """From the user's last sound to the first audio."""
    responses: Floats
    """From the decision that the turn was over."""
    stages: Mapping[Stage, Floats] = field(default_factory=dict)
    """Of each call, from its being asked to its first result."""
    busy: Mapping[Stage, float] = field(default_factory=dict)
    """Share of the time in which a batch was computed; of streams how many were on their way to their first result."""
    sizes: Mapping[Stage, float] = field(default_factory=dict)
    """Mean size of the batches."""
    calls: int = 0
    """Of all stages, the warm-up's among them."""


class _Nobody:
    def hung_up(self, now: float, talker: Talker) -> None:
        """Sessions of a constant load never end."""


def steady(
    facts: AgentFacts,
    setting: Setting,
    sessions: int,
    seconds: float,
    rng: np.random.Generator,
    *,
    warm_up_seconds: float = 60.0,
    truth: Truth | None = None,
) -> Steady:
    """One replica of each group, and on each of them `sessions` that go on for ever."""
    clock = Clockwork()
    shop = Workshop(facts, clock, speeds_of(facts, truth or {}, rng), rng)
    talk = Talk(facts, clock, rng, _Nobody())
    use_mode(talk, facts, setting.mode)
    replicas = {group.name: Replica(group.name, group, shop, setting, 0.0) for group in facts.groups}
    for replica in replicas.values():
        replica.begin(0.0)
    stations = [replicas[stage.group].stations[stage.stage] for stage in facts.stages]
    for number in range(sessions):
        talker = Talker(number, talk, stations, replicas)
        for replica in replicas.values():
            replica.sessions[talker] = None
        talker.start(0.0, rng.random() * talk.cycle)
    clock.run_until(warm_up_seconds)
    calls = sum(len(speed.asked) for speed in shop.speeds.values())
    talk.turns, talk.responses = [], []
    for speed in shop.speeds.values():
        speed.tally(warm_up_seconds)
    clock.run_until(warm_up_seconds + seconds)
    return _told(talk, shop, setting, seconds, calls)


def use_mode(talk: Talk, facts: AgentFacts, name: str) -> None:
    mode = mode_of(facts, name)
    calls = ((place, calls_beside(stage, mode)) for place, stage in enumerate(facts.stages))
    talk.use(mode, [(place, beside) for place, beside in calls if beside > 0])


def mode_of(facts: AgentFacts, name: str) -> ModeFacts:
    return next((mode for mode in facts.modes if mode.name == name), facts.modes[0])


def calls_beside(stage: StageFacts, mode: ModeFacts) -> float:
    """Calls of a turn that nobody waits for. A stage in lockstep steps with the clock, whatever is asked of it."""
    if stage.discipline == "lockstep":
        return 0.0
    return max(0.0, mode.calls.get(stage.stage, stage.calls_per_turn) - stage.in_turn)


def _told(talk: Talk, shop: Workshop, setting: Setting, seconds: float, before: int) -> Steady:
    speeds = {stage: shop.speeds[(stage, chosen.variant)] for stage, chosen in setting.stages.items()}
    tallies = {stage: speed.tally(seconds) for stage, speed in speeds.items()}
    return Steady(
        turns=np.asarray(talk.turns) * 1000,
        responses=np.asarray(talk.responses) * 1000,
        stages={stage: tally.first_seconds * 1000 for stage, tally in tallies.items()},
        busy={stage: tally.work.busy_ms / 1000 / seconds for stage, tally in tallies.items()},
        sizes={stage: tally.work.items / max(1.0, tally.work.batches) for stage, tally in tallies.items()},
        calls=before + sum(len(tally.first_seconds) for tally in tallies.values()),
    )
