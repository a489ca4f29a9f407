"""Many agents at once, step by step in arrays: replicas and sessions as they are, times of turns drawn from predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from antiphon_crds.stages import Actuator
from antiphon_policies.facts import AgentFacts, Setting, StageSetting
from antiphon_policies.simulating.attending import (
    RATE_SECONDS,
    RECENT_SECONDS,
    RESPONSES,
    TURNS,
    Attention,
    Past,
    Seen,
    Sight,
    Watch,
    windows_of,
)
from antiphon_policies.simulating.controlling import Asked, Controller, wanted_of_all
from antiphon_policies.simulating.crowd import Crowd
from antiphon_policies.simulating.pools import Pools
from antiphon_policies.simulating.promises import promise_of
from antiphon_policies.simulating.runs import Run, changes
from antiphon_policies.simulating.sampled_diary import SampledDiary
from antiphon_policies.simulating.scene import Scene, fitting
from antiphon_policies.simulating.steady import mode_of
from antiphon_policies.simulating.turn_draws import Others, drawn
from antiphon_policies.simulating.turn_tables import FIGURES, MOST_SESSIONS, TurnTables

STEP_SECONDS = 15.0
_LONGEST_WINDOW_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class FleetAgent:
    """One agent of a fleet. Failures and a stock of partitions are not sampled: a scene must have none."""

    facts: AgentFacts
    scene: Scene
    controller: Controller


@dataclass(frozen=True, slots=True)
class FleetRun:
    """Runs in the order of the agents; their fidelity is `sampled`, and they keep no times of single turns."""

    runs: tuple[Run, ...]
    asked: Mapping[str, int]
    """How often controllers were asked, by why."""
    turns: int


def simulate_fleet(
    agents: Sequence[FleetAgent],
    rng: np.random.Generator,
    *,
    step_seconds: float = STEP_SECONDS,
    attention: Attention | None = None,
) -> FleetRun:
    """Until the first scene ends. Starts, drains, variants and controllers are rounded to steps."""
    for agent in agents:
        if agent.scene.failures or agent.scene.stock:
            raise ValueError(
                f"{'/'.join(agent.facts.key)} has failures or a stock of partitions, which are not sampled"
            )
    return _Fleet(agents, rng, step_seconds, attention or Attention()).run()


@dataclass(slots=True)
class _Agent:
    """What changes of one agent, apart from what is in arrays."""

    given: FleetAgent
    sight: Sight
    setting: Setting
    """Wanted."""
    in_force: Setting
    loading: dict[str, tuple[float, StageSetting]]
    """By stage: when its next variant serves."""
    actions: Counter[Actuator]


class _Fleet:
    def __init__(
        self, agents: Sequence[FleetAgent], rng: np.random.Generator, step_seconds: float, attention: Attention
    ) -> None:
        self.rng, self.step_seconds, self.attention = rng, step_seconds, attention
        rows = count()
        pools_of = [{group.name: next(rows) for group in one.facts.groups} for one in agents]
        owned = [(one, group) for one in agents for group in one.facts.groups]
        self.pools = Pools(
            [group for _, group in owned],
            [one.scene.start_seconds.get(group.name, group.start_seconds) for one, group in owned],
            [one.scene.drain_seconds for one, _ in owned],
        )
        self.owner = np.array([place for place, own in enumerate(pools_of) for _ in own])
        self.first = np.array([_first_pool(one.facts, own) for one, own in zip(agents, pools_of, strict=True)])
        self.crowd = Crowd([one.scene.trace for one in agents], [list(own.values()) for own in pools_of], self.pools)
        self.tables = np.zeros((len(owned), FIGURES, MOST_SESSIONS + 1))
        self.known = TurnTables({})
        self._others = Others(self.pools, self.tables, self.owner, self.first)
        self.rates = np.array([one.facts.turns_per_second for one, _ in owned])
        self.promises = [promise_of(one.facts) for one in agents]
        self.responses = np.array([promise.response for promise in self.promises])
        self.targets = np.array([promise.target_ms for promise in self.promises])
        self.shapes = np.zeros((3, len(agents)))
        self.past = Past(len(agents), agents[0].scene.bounds_ms, _steps_kept(agents, step_seconds))
        self.agents = [
            _Agent(
                one,
                Sight(one.facts, place, own, step_seconds, one.scene.begins_at, windows_of(one.facts, step_seconds)),
                one.scene.start,
                one.scene.start,
                {},
                Counter(),
            )
            for place, (one, own) in enumerate(zip(agents, pools_of, strict=True))
        ]
        self._kinds = sorted({kind for place, one in enumerate(self.agents) for kind in self._counted(place, one)})
        """Of turns and responses, what any promise or objective is about."""
        self.allowed = np.array([promise.allowed for promise in self.promises])
        self.watch = Watch(np.array([one.controller.interval_seconds for one in agents]), attention)
        self.asked: Counter[str] = Counter()
        self.diary = SampledDiary(self.pools, self.crowd, self.owner, self.past, self.responses)

    def _counted(self, place: int, agent: _Agent) -> set[int]:
        return {RESPONSES if self.responses[place] else TURNS, *agent.sight.kinds}

    def run(self) -> FleetRun:
        for place, agent in enumerate(self.agents):
            for group, row in agent.sight.pools.items():
                self.pools.open(row, agent.setting.replicas.get(group, 0))
            self._in_force(place, agent)
        self.crowd.pass_to(0.0)
        self.past.begin(self.crowd.offered, self.crowd.rejected)
        seconds = min(agent.given.scene.seconds for agent in self.agents)
        for step in range(1, round(seconds / self.step_seconds) + 1):
            self._step(step * self.step_seconds)
        return self._told()

    def _step(self, now: float) -> None:
        for pool, place in self.pools.pass_to(now):
            self.crowd.cut_off(pool, place)
        self.crowd.pass_to(now)
        self._talk()
        self.past.keep(self.crowd.offered, self.crowd.rejected)
        for place, agent in enumerate(self.agents):
            if agent.loading:
                self._load(now, place, agent)
        self._attend(now)
        self.diary.step(now, self.step_seconds, self._in_force_now)

    # --- turns ---------------------------------------------------------------------------------------------------

    def _talk(self) -> None:
        """Turns of one step. Their times are drawn for each replica of an agent's first pool; other pools add what they add
        on average, and as much variance."""
        answered, waits = self.pools.answer(self.tables, self.rates, self.step_seconds)
        pools = self.first
        turns = self.rng.poisson(answered[pools])
        agents, places = np.nonzero(turns)
        numbers = turns[agents, places]
        rows = pools[agents]
        loads = np.minimum(self.pools.sessions[rows, places], MOST_SESSIONS)
        cumulants = self.tables[rows, :3, loads].T
        cumulants[0] += waits[rows, places]
        cumulants += self._others.added(answered, waits)[:, agents]
        times = drawn(cumulants, numbers, self.rng)
        who = np.repeat(agents, numbers)
        begins, decided, overhead = self.shapes[:, who]
        heard = np.maximum(decided, begins + times) + overhead
        answers = heard - decided
        for kind in self._kinds:
            self.past.add(kind, who, answers if kind == RESPONSES else heard)
        counted = np.where(self.responses[who], answers, heard)
        size = len(self.agents)
        self.past.turns += np.bincount(who, minlength=size)
        self.past.kept += np.bincount(who[counted <= self.targets[who]], minlength=size)

    # --- control -------------------------------------------------------------------------------------------------

    def _attend(self, now: float) -> None:
        recent = self.past.late_shares(max(1, round(RECENT_SECONDS / self.step_seconds)))
        serving = np.bincount(self.owner, self.pools.serving, minlength=len(self.agents)).astype(np.int64)
        seen = Seen(self.crowd.live, serving, self.crowd.rejected, recent > self.allowed)
        due = self.watch.due(now, seen)
        self.asked.update(due.values())
        asked = [self._asked(now, place, self.agents[place]) for place in due]
        for place, wanted in zip(due, wanted_of_all(asked), strict=True):
            agent = self.agents[place]
            if wanted != agent.setting:
                wanted = fitting(agent.given.facts, wanted, agent.setting)
            if wanted != agent.setting:
                self._want(now, place, agent, wanted)

    def _asked(self, now: float, place: int, agent: _Agent) -> Asked:
        given = agent.given
        seen = agent.sight.look(now, self.pools, self.past, agent.in_force, bool(self.responses[place]))
        return Asked(given.controller, given.facts, seen, agent.setting)

    def _want(self, now: float, place: int, agent: _Agent, wanted: Setting) -> None:
        agent.actions += changes(agent.setting, wanted)
        agent.setting = wanted
        for group, row in agent.sight.pools.items():
            self.pools.want(row, wanted.replicas[group], now)
        for stage in agent.given.facts.stages:
            chosen, running = wanted.stages[stage.stage], agent.in_force.stages[stage.stage]
            seconds = next(one.load_seconds for one in stage.variants if one.name == chosen.variant)
            loading = agent.loading.get(stage.stage)
            if chosen.variant == running.variant:
                agent.loading.pop(stage.stage, None)
            elif loading is None or loading[1].variant != chosen.variant:
                agent.loading[stage.stage] = (now + seconds, chosen)
        self._in_force(place, agent)

    def _load(self, now: float, place: int, agent: _Agent) -> None:
        loaded = {stage: chosen for stage, (due, chosen) in agent.loading.items() if due <= now}
        if loaded:
            agent.loading = {stage: what for stage, what in agent.loading.items() if stage not in loaded}
            self._in_force(place, agent)

    def _in_force(self, place: int, agent: _Agent) -> None:
        """Caps and the mode are in force at once, variants when they are loaded."""
        wanted, facts = agent.setting, agent.given.facts
        stages = {
            stage: replace(chosen, variant=agent.in_force.stages[stage].variant) if stage in agent.loading else chosen
            for stage, chosen in wanted.stages.items()
        }
        agent.in_force = Setting(stages, wanted.replicas, wanted.mode)
        mode = mode_of(facts, wanted.mode)
        self.shapes[:, place] = (mode.shape.begins_ms, mode.shape.decided_ms, mode.shape.overhead_ms)
        for group, row in agent.sight.pools.items():
            self.tables[row] = self.known.of(facts, group, agent.in_force, mode, agent.given.scene.truth)

    # --- telling -------------------------------------------------------------------------------------------------

    def _in_force_now(self, place: int) -> tuple[Setting, float]:
        """And its quality."""
        agent = self.agents[place]
        quality = 1.0
        for stage in agent.given.facts.stages:
            name = agent.in_force.stages[stage.stage].variant
            quality *= next(one.quality for one in stage.variants if one.name == name)
        return agent.in_force, quality

    def _told(self) -> FleetRun:
        self.diary.write(self._in_force_now)
        runs = tuple(self._run(place, agent) for place, agent in enumerate(self.agents))
        return FleetRun(runs, dict(self.asked), int(self.past.turns.sum()))

    def _run(self, place: int, agent: _Agent) -> Run:
        crowd, moments = self.crowd, tuple(self.diary.moments[place])
        nothing = np.zeros(0)
        return Run(
            agent=agent.given.facts.key,
            controller=agent.given.controller.name,
            promise=self.promises[place],
            moments=moments,
            turns_ms=nothing,
            responses_ms=nothing,
            waiting_ms=nothing,
            offered=int(crowd.offered[place]),
            rejected=int(crowd.rejected[place]),
            dropped=int(crowd.dropped[place]),
            ended=int(crowd.ended[place]),
            live=int(crowd.live[place]),
            failed=0,
            actions=agent.actions,
            notes=agent.given.controller.notes(),
            replica_hours={group: self.diary.hours_of(row) for group, row in agent.sight.pools.items()},
            warm_up_seconds=agent.given.scene.warm_up_seconds,
            fidelity="sampled",
        )


def _first_pool(facts: AgentFacts, pools: Mapping[str, int]) -> int:
    """The one that has most of the stages that a turn waits for."""
    stages = Counter(stage.group for stage in facts.stages if stage.in_turn)
    return max(pools.items(), key=lambda one: stages[one[0]])[1]


def _steps_kept(agents: Sequence[FleetAgent], step_seconds: float) -> int:
    longest = max((steps for agent in agents for _, steps in windows_of(agent.facts, step_seconds)), default=0)
    return max(4, round(RATE_SECONDS / step_seconds), min(longest, round(_LONGEST_WINDOW_SECONDS / step_seconds)))
