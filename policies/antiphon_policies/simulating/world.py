"""A simulated world of one agent, event by event, in which a controller acts on what it sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from antiphon_crds.stages import Actuator
from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.simulating.clockwork import Clockwork
from antiphon_policies.simulating.controlling import Controller
from antiphon_policies.simulating.diary import Diary
from antiphon_policies.simulating.groups import groups_of
from antiphon_policies.simulating.ledger import Ledger
from antiphon_policies.simulating.observing import Eye
from antiphon_policies.simulating.promises import promise_of
from antiphon_policies.simulating.replicas import Replica, Workshop, speeds_of
from antiphon_policies.simulating.runs import Moment, Run, changes
from antiphon_policies.simulating.scene import ReplicaDies, Scene, fitting
from antiphon_policies.simulating.speeds import Floats
from antiphon_policies.simulating.steady import use_mode
from antiphon_policies.simulating.talking import Talk, Talker


def simulate(agent: AgentFacts, scene: Scene, controller: Controller, rng: np.random.Generator) -> Run:
    """The controller knows of the agent what its facts say, even where the scene knows better."""
    return World(agent, scene, controller, rng).run()


class World:
    """From the start to the end of one scene."""

    def __init__(self, facts: AgentFacts, scene: Scene, controller: Controller, rng: np.random.Generator) -> None:
        self.facts, self.scene, self.controller, self.rng = facts, scene, controller, rng
        self.clock = Clockwork()
        self.shop = Workshop(facts, self.clock, speeds_of(facts, scene.truth, rng), rng)
        self.talk = Talk(facts, self.clock, rng, self)
        self.ledger = Ledger(self.talk)
        self.setting = scene.start
        self.groups = groups_of(self.shop, scene, self.drop, self._freed, rng)
        self.eye = Eye(facts, scene, self.ledger, self.groups, self.shop.speeds)
        self.promise = promise_of(facts)
        self.actions: Counter[Actuator] = Counter()
        self.moments: list[Moment] = []
        self._diary = Diary(self)

    def run(self) -> Run:
        use_mode(self.talk, self.facts, self.setting.mode)
        for group in self.groups.values():
            group.open(0.0, self.setting)
        for group in self.groups.values():
            group.place(0.0)
        self._plan()
        self.clock.run_until(self.scene.seconds)
        return self._told()

    def _plan(self) -> None:
        clock, scene, every = self.clock, self.scene, self.controller.interval_seconds
        if scene.trace.sessions:
            clock.at(float(scene.trace.starts[0]), self._arrive, 0)
        for failure in scene.failures:
            if isinstance(failure, ReplicaDies):
                clock.at(failure.at, self._die, failure)
        clock.at(scene.step_seconds, self._diary.write)
        clock.at((every - scene.delay_seconds) % every or every, self._scrape)
        clock.at(every, self._control)

    # --- sessions ------------------------------------------------------------------------------------------------

    def _arrive(self, now: float, index: int) -> None:
        trace, ledger = self.scene.trace, self.ledger
        if index + 1 < trace.sessions:
            self.clock.at(float(trace.starts[index + 1]), self._arrive, index + 1)
        ledger.offered += 1
        ledger.before += now <= 0
        replicas = self._places()
        if replicas is None:
            ledger.rejected += 1
            return
        stations = [replicas[stage.group].stations[stage.stage] for stage in self.facts.stages]
        talker = Talker(index, self.talk, stations, replicas)
        for replica in replicas.values():
            replica.sessions[talker] = None
        talker.start(now, self.rng.random() * self.talk.cycle)
        if np.isfinite(lasts := float(trace.durations[index])):
            self.clock.at(now + lasts, talker.end)

    def _places(self) -> Mapping[str, Replica] | None:
        """One replica of each group, the least loaded; None where one is full."""
        found = {name: group.least_loaded() for name, group in self.groups.items()}
        taken = {name: replica for name, replica in found.items() if replica is not None}
        return taken if len(taken) == len(found) else None

    def hung_up(self, now: float, talker: Talker) -> None:
        self.ledger.ended += 1
        self._leave(now, talker)

    def drop(self, now: float, talker: Talker) -> None:
        if not talker.gone:
            talker.drop()
            self.ledger.dropped += 1
            self._leave(now, talker)

    def _leave(self, now: float, talker: Talker) -> None:
        for name, replica in talker.replicas.items():
            self.groups[name].left(now, replica, talker)

    # --- control -------------------------------------------------------------------------------------------------

    def _scrape(self, now: float, _: object) -> None:
        self.eye.scrape(now)
        self.clock.at(now + self.controller.interval_seconds, self._scrape)

    def _control(self, now: float, _: object) -> None:
        wanted = self.controller.control(self.facts, self.eye.look(now), self.setting)
        self.clock.at(now + self.controller.interval_seconds, self._control)
        self._want(now, fitting(self.facts, wanted, self.setting))

    def _want(self, now: float, wanted: Setting) -> None:
        if wanted == self.setting:
            return
        self.actions += changes(self.setting, wanted)
        self.setting = wanted
        use_mode(self.talk, self.facts, wanted.mode)
        for group in self.groups.values():
            group.want(now, wanted)

    def _freed(self, now: float) -> None:
        for group in self.groups.values():
            group.place(now)

    def _die(self, now: float, failure: ReplicaDies) -> None:
        group = self.groups[failure.group or self.facts.stages[0].group]
        group.die(now)
        group.want(now, self.setting)

    # --- telling -------------------------------------------------------------------------------------------------

    def _told(self) -> Run:
        end, ledger = self.scene.seconds, self.ledger
        ledger.collect()
        for group in self.groups.values():
            group.count(end)
        return Run(
            agent=self.facts.key,
            controller=self.controller.name,
            promise=self.promise,
            moments=tuple(self.moments),
            turns_ms=ledger.times_since(0, response=False),
            responses_ms=ledger.times_since(0, response=True),
            waiting_ms=self._waiting(end),
            offered=ledger.offered,
            rejected=ledger.rejected,
            dropped=ledger.dropped,
            ended=ledger.ended,
            live=ledger.live,
            failed=ledger.failed,
            actions=self.actions,
            notes=self.controller.notes(),
            replica_hours={name: group.replica_seconds / 3600 for name, group in self.groups.items()},
            warm_up_seconds=self.scene.warm_up_seconds,
            events=self.clock.happened,
            calls=sum(speed.calls + len(speed.asked) for speed in self.shop.speeds.values()),
        )

    def _waiting(self, end: float) -> Floats:
        first = next(iter(self.groups.values()), None)
        talkers = [talker for replica in first.replicas for talker in replica.sessions] if first else []
        return np.array([(end - talker.said) * 1000 for talker in talkers if talker.waits], dtype=np.float64)
