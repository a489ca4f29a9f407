"""The loop's memory and judgement of one agent: `consider` says what is to be planned, `conclude` what is to be done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from antiphon_crds.agent_status import ControlStatus, Decision
from antiphon_policies.deciding.combining import combined, serving_of
from antiphon_policies.deciding.found import Found, Learned, found
from antiphon_policies.deciding.judging import Promises
from antiphon_policies.deciding.loads import Loads, loads
from antiphon_policies.deciding.looking import Concluded, Considered, Look, Plans
from antiphon_policies.deciding.pressure import Pressure, pressed
from antiphon_policies.estimating import habits as habits_seen
from antiphon_policies.estimating.bias import FEWEST_TURNS, STEADY_SECONDS, Bias, Comparison, learn
from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.figures import significant
from antiphon_policies.forecasting.history import History
from antiphon_policies.guarding import outcome
from antiphon_policies.guarding.chain import guard
from antiphon_policies.guarding.changes import Guarded
from antiphon_policies.guarding.difference import changes, with_changes
from antiphon_policies.guarding.evidence import decision, held_decision
from antiphon_policies.guarding.memory import GuardMemory, from_status
from antiphon_policies.guarding.remembering import remember
from antiphon_policies.guarding.rules.permitting import Mode
from antiphon_policies.guarding.sanity import believed
from antiphon_policies.guarding.scene import GuardScene, ratio
from antiphon_policies.planning.asking import Ask
from antiphon_policies.planning.foreseeing import foreseen
from antiphon_policies.predicting.prediction import Load, Prediction

MOST_DECISIONS = 20
"""As many as a status keeps."""
_NOTHING = Load(0.0, 0.0)
_NOTHING_ASKED = Loads(_NOTHING, _NOTHING, _NOTHING, None, None, 0, {})
_UNSAID = Prediction({}, {}, math.nan)
_NOTHING_PASSED = Guarded(())
_SETTLE_SECONDS = 15.0
"""In which a change of the setting shows in the last half minute."""


class Mind:
    """Of one agent. After a restart it begins with what the agent's status has kept."""

    def __init__(
        self, facts: AgentFacts, now: float, control: ControlStatus | None = None, decisions: Sequence[Decision] = ()
    ) -> None:
        self._habits = habits_seen.Habits(facts.turns_per_second, facts.duty_cycle)
        self._history = History()
        self._bias = Bias()
        self._pressure = Pressure()
        self._promises = Promises()
        self._guards: GuardMemory = from_status(control, now)
        self._decisions = list(decisions)
        self._steady_since = now
        self._setting: Setting | None = None
        self._acted: bool | None = None
        self._asked: tuple[Ask, ...] = ()
        self._planned: Plans | None = None
        """Answers to what was asked last."""
        self._foreseen: tuple[tuple[object, ...], tuple[Prediction, Prediction]] | None = None
        self._found: Found | None = None
        self._kept: tuple[tuple[object, ...], ControlStatus] | None = None
        """What the guards remember as it is kept in the status, and what that was made of."""

    # --- what is to be planned --------------------------------------------------------------------------------------

    def consider(self, look: Look) -> Considered:
        """What can't be true is left out before anything is learned from it."""
        honest = believed(look.seen, look.seen.at, look.facts, self._guards.sightings)
        look = look if honest.seen is look.seen else replace(look, seen=honest.seen)
        seen = look.seen
        self._watch(look)
        agent = self._found = self._as_found(look)
        facts, current = agent.facts, agent.fitted
        told = self._promises.judge(facts, seen)
        if told.tightest is not None:
            share, target_ms = told.tightest
            self._pressure = pressed(self._pressure, seen.at, seen.recent, share, target_ms, _SETTLE_SECONDS)
        rate = facts.turns_per_second
        asked = loads(facts, seen, self._history, look.traffic, rate, self._pressure.factor)
        now = ahead = surge = None
        if asked is not None:
            slack = _in_steps(self._bias.slack, 0.02)
            now = Ask(facts, asked.now, current, serving_of(asked.serving), slack)
            ahead = Ask(facts, asked.ahead, current, None, slack)
            surge = Ask(agent.cheapest, asked.surge, current, None, slack)
        return Considered(
            look=look,
            facts=facts,
            runs=current,
            lies=honest.lies,
            statuses=told.statuses,
            sla=told.state,
            told=told.verdict.message,
            worst_ratio=told.worst_ratio,
            loads=asked,
            now=now,
            ahead=ahead,
            surge=surge,
            known=self._planned if (now, ahead, surge) == self._asked else None,
        )

    def _as_found(self, look: Look) -> Found:
        learned = Learned(
            overhead_ms=_in_steps(self._bias.overhead_ms, 5.0),
            turns_per_second=significant(self._habits.turns_per_second, 2),
            duty_cycle=significant(self._habits.duty_cycle, 2),
        )
        return found(self._found, look.facts, learned, look.current)

    def _watch(self, look: Look) -> None:
        seen = look.seen
        if self._setting != look.current:
            self._setting, self._steady_since, self._acted = look.current, seen.at, None
        self._heed(look)
        if seen.source == "none":
            return
        self._history.add(seen.at, seen.sessions, seen.arrivals_per_second)
        self._habits = habits_seen.watch(self._habits, seen.at, seen.sessions, seen.turns_per_second)

    def _heed(self, look: Look) -> None:
        """Once for each setting: whether it could be carried out."""
        if look.carried_out is None or look.carried_out == self._acted:
            return
        self._acted = look.carried_out
        self._guards = self._guards.worked() if look.carried_out else self._guards.failed(look.seen.at)

    # --- what is to be done -----------------------------------------------------------------------------------------

    def conclude(self, considered: Considered, plans: Plans | None) -> Concluded:
        """With the planner's answers to what was asked; nothing is done where nothing was."""
        look, asked = considered.look, considered.loads
        self._remember_plans(considered, plans)
        if asked is None or plans is None:
            return self._at_rest(considered, _NOTHING_ASKED, None)
        wanted = combined(considered.facts, look.current, plans, asked.serving)
        planned = () if wanted == look.current else changes(look.current, wanted, considered.facts)
        self._compare(considered, asked)
        if not planned and not self._guards.pending:
            return self._at_rest(considered, asked, plans)
        scene = self._scene(considered, asked, *self._predictions(considered, wanted, asked))
        verdicts = outcome.judge(scene)
        proposed = outcome.proposals(verdicts, planned)
        guarded = guard(scene, proposed)
        memory = remember(scene, proposed, guarded)
        self._guards = memory.without_pending(outcome.settled(verdicts))
        self._decisions = outcome.reviewed(self._decisions, verdicts, guarded, self._guards)
        self._record(scene, guarded, _why(plans))
        setting = with_changes(look.current, guarded.passed)
        return self._concluded(considered, setting, guarded, plans)

    def _at_rest(self, considered: Considered, asked: Loads, plans: Plans | None) -> Concluded:
        """Nothing is to be changed, and nothing awaited: what would be predicted is of no use."""
        self._guards = remember(self._scene(considered, asked, _UNSAID, _UNSAID), (), _NOTHING_PASSED)
        self._decisions = outcome.reviewed(self._decisions, (), _NOTHING_PASSED, self._guards)
        return self._concluded(considered, considered.look.current, _NOTHING_PASSED, plans)

    def _remember_plans(self, considered: Considered, plans: Plans | None) -> None:
        asks = (considered.now, considered.ahead, considered.surge)
        self._asked, self._planned = tuple(ask for ask in asks if ask is not None), plans

    def _scene(self, considered: Considered, asked: Loads, current: Prediction, planned: Prediction) -> GuardScene:
        look = considered.look
        return GuardScene(
            now=look.seen.at,
            facts=considered.facts,
            seen=look.seen,
            current=look.current,
            load_now=asked.now,
            sla=considered.sla,
            worst_ratio=considered.worst_ratio,
            predicted=current,
            predicted_planned=planned,
            memory=self._guards,
            enforce=look.enforce,
            lies=considered.lies,
        )

    def _predictions(self, considered: Considered, wanted: Setting, asked: Loads) -> tuple[Prediction, Prediction]:
        """Of what runs and of what is wanted: now with the replicas that serve, and ahead with all; whichever is worse for
        what runs. What was foreseen in the tick before still is."""
        facts, runs, serving = considered.facts, considered.runs, serving_of(asked.serving)
        question = (facts, runs, wanted, asked.now, asked.ahead, serving)
        if self._foreseen is not None and self._foreseen[0] == question:
            return self._foreseen[1]
        now = (foreseen(facts, runs, asked.now, serving), foreseen(facts, wanted, asked.now, serving))
        ahead = (
            foreseen(facts, runs, asked.ahead, serving_of(runs.replicas)),
            foreseen(facts, wanted, asked.ahead, serving_of(wanted.replicas)),
        )
        found = now if ratio(now[0], facts) >= ratio(ahead[0], facts) else ahead
        self._foreseen = (question, found)
        return found

    def _compare(self, considered: Considered, asked: Loads) -> None:
        """What was predicted for what runs, against what was measured, where that can teach anything."""
        steady = considered.look.seen.at - self._steady_since
        if asked.sessions is None or steady < STEADY_SECONDS:
            return
        measured = self._promises.turns(considered.facts, considered.look.seen)
        if measured is None or measured.samples < FEWEST_TURNS:
            return
        if steady < measured.window_seconds + STEADY_SECONDS:
            return
        load = Load(float(asked.sessions), asked.now.turns_per_second)
        predicted = foreseen(considered.facts, considered.runs, load, serving_of(asked.serving))
        value = predicted.objectives.get(measured.name)
        if value is None:
            return
        self._bias = learn(
            self._bias,
            Comparison(
                predicted_ms=value,
                measured_ms=measured.observed_ms,
                turns=measured.samples,
                age_seconds=measured.age_seconds,
                utilisation=predicted.utilisation,
                steady_seconds=steady,
                window_seconds=measured.window_seconds,
            ),
        )

    def _record(self, scene: GuardScene, guarded: Guarded, why: str) -> None:
        made = [decision(change, scene, "" if change.undoes else why) for change in guarded.passed]
        if scene.rails.mode == "Recommend":
            made += [held_decision(held, scene, why) for held in guarded.held if held.rule == Mode.name]
        new = [each for each in made if not self._is_known(each)]
        self._decisions = [*reversed(new), *self._decisions][:MOST_DECISIONS]

    def _is_known(self, made: Decision) -> bool:
        """What is recommended tick after tick is told once."""
        same = (made.actuator, made.target, made.before, made.after, made.outcome)
        return any(
            made.id == each.id
            or (made.outcome == "Held" and same == (each.actuator, each.target, each.before, each.after, each.outcome))
            for each in self._decisions
        )

    def _control(self) -> ControlStatus:
        guards = self._guards
        kept = (guards.actions, guards.settling, guards.seeing, guards.acting, guards.pending, guards.locks)
        if self._kept is None or self._kept[0] != kept:
            self._kept = (kept, guards.to_status())
        return self._kept[1]

    def _concluded(
        self,
        considered: Considered,
        setting: Setting,
        guarded: Guarded,
        plans: Plans | None = None,
    ) -> Concluded:
        return Concluded(
            setting=setting,
            changed=bool(guarded.passed),
            statuses=considered.statuses,
            sla=considered.sla,
            told=considered.told,
            p95_ms=self._promises.turn_p95_ms(considered.facts, considered.look.seen),
            decisions=tuple(self._decisions),
            control=self._control(),
            held=guarded.held,
            plans=plans.by_name() if plans is not None else {},
            loads=considered.loads,
        )


def _in_steps(value: float, step: float) -> float:
    return round(value / step) * step


def _why(plans: Plans) -> str:
    """What stood in the way of a better plan."""
    told = [plan.message for plan in (plans.ahead, plans.now) if plan.message]
    return "; ".join(dict.fromkeys(told))
