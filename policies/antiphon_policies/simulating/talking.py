"""What a session does: the user speaks, a turn is answered, the agent speaks, and so on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappush
from typing import TYPE_CHECKING, Protocol

import numpy as np

from antiphon_policies.facts import AgentFacts, ModeFacts
from antiphon_policies.simulating.clockwork import Clockwork

if TYPE_CHECKING:
    from antiphon_policies.simulating.replicas import Replica
    from antiphon_policies.simulating.stations import Station

SILENCE = 0.5
"""Share of the time in which the agent does not speak: a late answer fills this silence, and delays the next turn only
where it is longer. The rest is the user's speech."""
_SHAPE = 4.0
"""Of the gamma distributions of speech and silence: their standard deviation is half of their mean."""
_BLOCK = 2048
_EARLY = 1e-9


class Listener(Protocol):
    """Who is told of sessions that end by themselves."""

    def hung_up(self, now: float, talker: Talker) -> None: ...


def pauses(facts: AgentFacts, rng: np.random.Generator) -> Callable[[], tuple[float, float]]:
    """Seconds of silence from the user's last sound to an answer that comes no later, and of speech of both after it."""
    cycle = 1 / facts.turns_per_second
    silence, agents = SILENCE * (1 - facts.duty_cycle) * cycle, facts.duty_cycle * cycle
    users = cycle - silence - agents

    def pairs() -> Iterator[tuple[float, float]]:
        while True:
            silent, heard, said = (
                rng.gamma(_SHAPE, mean / _SHAPE, _BLOCK) if mean > 0 else np.zeros(_BLOCK)
                for mean in (silence, agents, users)
            )
            yield from zip(silent.tolist(), (heard + said).tolist(), strict=True)

    return pairs().__next__


class Talk:
    """What all sessions of an agent share: their habits, the mode in force, and the turns that were answered."""

    __slots__ = (
        "begins", "clock", "cycle", "decided", "due", "earliest", "extras", "failed", "listener", "overhead", "pauses",
        "responses", "rng", "ticket", "turns",
    )  # fmt: skip

    def __init__(self, facts: AgentFacts, clock: Clockwork, rng: np.random.Generator, listener: Listener) -> None:
        self.clock, self.due, self.ticket = clock, clock.due, clock.ticket
        self.cycle = 1 / facts.turns_per_second
        self.pauses = pauses(facts, rng)
        self.rng = rng
        self.listener = listener
        self.earliest = min(mode.shape.begins_ms for mode in facts.modes) / 1000
        self.turns: list[float] = []
        """Seconds from the user's last sound to the first audio, of the turns answered since the last look."""
        self.responses: list[float] = []
        """The same from the decision that the turn was over."""
        self.failed = 0
        """Turns that a replica took with it."""
        self.begins = self.decided = self.overhead = 0.0
        self.extras: tuple[tuple[int, float], ...] = ()
        """Places of stages in the pipeline, and calls a turn to each that nobody waits for."""

    def use(self, mode: ModeFacts, extras: Sequence[tuple[int, float]]) -> None:
        """For turns that begin from now on."""
        shape = mode.shape
        self.begins, self.decided, self.overhead = (
            shape.begins_ms / 1000,
            shape.decided_ms / 1000,
            shape.overhead_ms / 1000,
        )
        self.extras = tuple(extras)


class Talker:
    """One session. It has at most one turn under way."""

    __slots__ = (
        "at", "decided", "gone", "leaving", "number", "overhead", "path", "replicas", "said", "stations", "talk", "waits",
    )  # fmt: skip

    def __init__(self, number: int, talk: Talk, stations: Sequence[Station], replicas: Mapping[str, Replica]) -> None:
        self.number, self.talk, self.replicas = number, talk, replicas
        self.stations = tuple(stations)
        """One a stage, in the order of the pipeline."""
        self.path = tuple(station for station in stations if station.in_turn)
        self.at = 0
        self.said = self.decided = self.overhead = 0.0
        self.waits = self.leaving = self.gone = False

    def start(self, now: float, ahead: float) -> None:
        """The first turn ends `ahead` seconds from now."""
        self.said = now + ahead
        self.talk.clock.at(self.said + self.talk.earliest, begin, self)

    def end(self, now: float, _: object = None) -> None:
        """The user hangs up; who waits for an answer hears it first."""
        if self.gone:
            return
        if self.waits:
            self.leaving = True
            return
        self.gone = True
        self.talk.listener.hung_up(now, self)

    def drop(self) -> None:
        """Cut off."""
        if self.waits:
            self.talk.failed += 1
        self.gone, self.waits = True, False

    def answered(self, now: float) -> None:
        """All stages have answered; what is left of the time until the decision passes too."""
        talk, spent = self.talk, now - self.said
        decided = self.decided
        turn = max(spent, decided) + self.overhead
        talk.turns.append(turn)
        talk.responses.append(turn - decided)
        self.waits = False
        if self.leaving:
            self.end(now)
            return
        silence, speech = talk.pauses()
        self.said = said = self.said + max(turn, silence) + speech
        heappush(talk.due, (said + talk.earliest, talk.ticket(), begin, self))


def begin(now: float, talker: Talker) -> None:
    """A turn's first stage is asked."""
    if talker.gone:
        return
    talk = talker.talk
    when = talker.said + talk.begins
    if when > now + _EARLY:
        heappush(talk.due, (when, talk.ticket(), begin, talker))
        return
    talker.decided, talker.overhead, talker.waits, talker.at = talk.decided, talk.overhead, True, 0
    if talk.extras:
        _call_beside(now, talker)
    if talker.path:
        talker.path[0].ask(now, talker)
    else:
        talker.answered(now)


def _call_beside(now: float, talker: Talker) -> None:
    """Calls that nobody waits for, spread over the time until the next turn."""
    talk = talker.talk
    for place, calls in talk.extras:
        for _ in range(int(calls + talk.rng.random())):
            talk.clock.at(now + talk.rng.random() * talk.cycle, _ask_beside, (talker, place))


def _ask_beside(now: float, what: tuple[Talker, int]) -> None:
    talker, place = what
    if not talker.gone:
        talker.stations[place].ask(now, None)
