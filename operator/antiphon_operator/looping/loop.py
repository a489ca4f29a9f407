"""The control loop of the leader: every few seconds it looks at all agents, decides, and hands its wishes to the reconciler."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from antiphon_crds.agent_status import VoiceAgentStatus
from antiphon_operator.looping.fleet import Fleet, Subject, Thought
from antiphon_operator.looping.grounds import grounds, stock
from antiphon_operator.looping.telling import looped, says_the_same, view
from antiphon_operator.looping.tunings import wishes
from antiphon_operator.objects import Obj, uid_of
from antiphon_operator.observing.observer import Observer
from antiphon_operator.observing.watched import WatchedAgent, WatchedPod
from antiphon_operator.operate.agent_status import Looped
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.reconciling import Reconciler
from antiphon_operator.operate.voices import Voices
from antiphon_operator.operate.world import Key, World
from antiphon_operator.rendering.group_stages import takes_sessions
from antiphon_operator.rendering.plan import AgentPlan

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0
FIGURES_SECONDS = 15.0
"""Until new figures are told, where they are all that is new: with each call they change, and a visit costs milliseconds."""


class ControlLoop:
    """One for a term of leadership. What it knows it learns anew; what must not be forgotten is in the agents' status."""

    def __init__(
        self,
        world: World,
        voices: Voices,
        agents: Reconciler,
        observer: Observer,
        mark: Callable[[Key, float], None],
        metrics: Metrics,
        now: Callable[[], float],
        *,
        enforce: bool = True,
    ) -> None:
        """`mark`: an agent is to be visited in so many seconds. `now`: unix time. `enforce`: False holds every change."""
        self._world = world
        self._voices = voices
        self._agents = agents
        self._observer = observer
        self._mark = mark
        self._metrics = metrics
        self._now = now
        self._enforce = enforce
        self._fleet = Fleet()
        self._thoughts: dict[Key, Thought] = {}

    async def run(self) -> None:
        """Until cancelled. A tick that fails changes nothing, and the next one comes."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self.tick()
            except Exception:
                log.exception("a tick of the control loop failed")
                self._metrics.ticks.labels("failed").inc()
            else:
                self._metrics.ticks.labels("done").inc()
            self._metrics.tick_seconds.observe(loop.time() - began)
            await asyncio.sleep(max(TICK_SECONDS - (loop.time() - began), TICK_SECONDS / 10))

    async def tick(self) -> None:
        subjects = self._subjects()
        watched = [self._watched(key, subject.plan) for key, subject in subjects.items()]
        seen = await self._observer.look(watched, self._now())
        held = stock((subject.plan for subject in subjects.values()), self._world.catalog().pools)
        thoughts = await asyncio.to_thread(self._fleet.think, subjects, seen, held, self._enforce)
        self._thoughts = {key: thought for key, thought in thoughts.items() if key in self._agents.plans}
        for key, thought in self._thoughts.items():
            self._hand_on(key, subjects[key], thought)
        self._count_held()

    def thought_of(self, key: Key) -> dict[str, Any] | None:
        """What it thought of an agent in the last tick, as JSON; None: it has not looked at such an agent."""
        thought = self._thoughts.get(key)
        return view(thought) if thought is not None else None

    # --- inside -----------------------------------------------------------------------------------------------------

    def _subjects(self) -> dict[Key, Subject]:
        found = {}
        pools = self._world.catalog().pools
        for key, plan in self._agents.plans.items():
            parsed = self._world.agents.parsed(key)
            if parsed is None or uid_of(parsed.raw) != plan.uid:
                continue
            ground = grounds(plan, self._world.pods_of(key), pools, self._capacities(key))
            found[key] = Subject(plan.uid, plan, ground, self._carried_out(key), _status_of(parsed.raw))
        return found

    def _carried_out(self, key: Key) -> bool | None:
        heard = self._voices.heard(key).values()
        if any(group.refusals for group in heard):
            return False
        return True if all(group.pods_applied == group.pods_total > 0 for group in heard) else None

    def _capacities(self, key: Key) -> dict[str, int]:
        """Sessions of one replica by group: the least that a pod measured."""
        found: dict[str, int] = {}
        for address, report in self._voices.known(key):
            if report is not None and report.state is not None and report.state.capacity and address.ready:
                known = found.get(address.group)
                found[address.group] = min(report.state.capacity, known or report.state.capacity)
        return found

    def _watched(self, key: Key, plan: AgentPlan) -> WatchedAgent:
        resolution = plan.resolution
        return WatchedAgent(
            key=key,
            pods=tuple(WatchedPod(address, report) for address, report in self._voices.known(key)),
            replicas={group.group.name: group.replicas for group in plan.groups},
            objectives=resolution.objectives,
            stages=tuple(resolved.stage for resolved in resolution.stages),
            entries=frozenset(group.name for group in resolution.groups if takes_sessions(group, resolution)),
        )

    def _hand_on(self, key: Key, subject: Subject, thought: Thought) -> None:
        """Where nothing is to be changed, nothing is wished for: what runs stays as it is, to the letter."""
        said, before = looped(thought), self._agents.looped.get(key)
        changed = thought.concluded.setting != thought.look.current
        if said == before and not changed:
            return
        if changed:
            self._agents.wishes[key] = wishes(thought.facts, subject.plan, thought.concluded.setting)
        self._agents.looped[key] = said
        self._count_decisions(before, said)
        self._mark(key, FIGURES_SECONDS if not changed and before is not None and says_the_same(said, before) else 0.0)

    def _count_decisions(self, before: Looped | None, said: Looped) -> None:
        """What came up, and what came of it. After a restart what the status has kept is no news."""
        known = {(each.id, each.outcome) for each in before.decisions} if before is not None else None
        for decision in said.decisions:
            if known is not None and (decision.id, decision.outcome) not in known:
                self._metrics.decisions.labels(decision.actuator, decision.reason, decision.outcome).inc()

    def _count_held(self) -> None:
        self._metrics.held.clear()
        rules = Counter(held.rule for thought in self._thoughts.values() for held in thought.concluded.held)
        for rule, count in rules.items():
            self._metrics.held.labels(rule).set(count)


def _status_of(raw: Obj) -> VoiceAgentStatus:
    """Only what the loop keeps in it: the rest may be of an operator that knew other fields."""
    status = raw.get("status") or {}
    kept = {name: status[name] for name in ("control", "decisions") if name in status}
    try:
        return VoiceAgentStatus.from_manifest(kept, ignore_unknown=True)
    except ValueError:
        log.warning("what the status of %s keeps for the control loop can't be read", raw["metadata"].get("name"))
        return VoiceAgentStatus()
