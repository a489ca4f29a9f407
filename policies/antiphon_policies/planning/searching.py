"""The search for one agent's best setting. It asks for what it needs to know, so that many searches are answered at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from antiphon_policies.planning.bounding import Member
from antiphon_policies.planning.choices import Choices
from antiphon_policies.planning.fleet import Levels, quality_rank
from antiphon_policies.planning.judging import KEPT, SATURATED

Vector = tuple[int, ...]
"""Replicas, by group."""

_FIRST, _CHUNK = 2, 16
"""Members that are weighed at once: first, and at most."""
_OF_NEAREST = 64
"""The same where the least score is sought: most are told apart at a glance."""


@dataclass(frozen=True, slots=True)
class Query:
    """`bounds`: what may be within the limit. Of one member: `fits`, whether a combination is within it; `best`, the one
    that is to be preferred of those; `nearest`, the one with the least score."""

    kind: Literal["bounds", "fits", "best", "nearest"]
    replicas: tuple[float, ...]
    """By group. Parts of a replica are asked of for other numbers of sessions on each."""
    limit: float
    member: Member | None = None


@dataclass(frozen=True, slots=True)
class Combination:
    """Variants, as places in the facts, and caps, by stage."""

    score: float
    variants: tuple[int, ...]
    caps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    mode: int
    combination: Combination
    replicas: Vector


Search = Generator[list[Query], list[Any], Any]
"""Yields queries and is sent their answers: Bounds, bool, or Combination, None where nothing is within the limit."""
_OfClass = Callable[[list[Member], float], Search]
"""Of members that are equally good, within a limit; None where nothing is."""


@dataclass(slots=True)
class Pace:
    """Of searches that run side by side."""

    width: int = 1
    """Queries that each may ask at once where it will need but some of the answers: where few search, that is quicker."""

    def chunk(self, before: int, most: int = _CHUNK) -> int:
        """Queries of one kind that are asked after so many."""
        return max(self.width, min(most, 2 * before))


@dataclass(frozen=True, slots=True)
class Searching:
    choices: Choices
    levels: tuple[Levels, ...]
    pace: Pace = field(default_factory=Pace)

    def run(self) -> Search:
        """Choice: within 1 if there is one, else with the least score that there is."""
        found = yield from self._within(KEPT, self._of_class)
        if found is None:
            limit = yield from self._least_score()
            found = yield from self._within(limit * KEPT, self._of_class)
        return found

    def cost(self, limit: float) -> Search:
        """Of an hour of the Choice to be preferred of all whose score is not above the limit; None where there is none."""
        return self._within(limit, self._cost_of_class)

    def _within(self, limit: float, of_class: _OfClass) -> Search:
        """What is asked of the first class with anything whose score is not above the limit, or None.

        More replicas never lengthen a turn: what does not fit in the most does not fit in fewer.
        """
        top = Member(0, (0,) * len(self.levels))
        most = self._most()
        if self._alone(top):
            found = yield from of_class([top], limit)
            if found is not None:
                return found
        (bounds,) = yield [Query("bounds", most, limit)]
        classes = bounds.classes()
        chunk = _FIRST
        while some := self._next(classes, chunk):
            chunk = self.pace.chunk(chunk)
            answers = yield [Query("fits", most, limit, member) for members in some for member in members]
            fits = iter(answers)
            for members in some:
                if sum(next(fits) for _ in members):
                    found = yield from of_class(members, limit)
                    if found is not None:
                        return found
        return None

    def _next(self, classes: Iterator[list[Member]], chunk: int) -> list[list[Member]]:
        """Classes of so many members."""
        found: list[list[Member]] = []
        while sum(len(members) for members in found) < chunk and (members := next(classes, None)):
            found.append(members)
        return found

    def possible(self, limit: float) -> Search:
        """Whether anything is within the limit, with the most replicas."""
        most = self._most()
        (bounds,) = yield [Query("bounds", most, limit)]
        members, chunk = bounds.members(), _FIRST
        while some := [member for _, member in itertools.islice(members, chunk)]:
            chunk = self.pace.chunk(chunk)
            answers = yield [Query("fits", most, limit, member) for member in some]
            if any(answers):
                return True
        return False

    def _alone(self, top: Member) -> bool:
        """Whether nothing else is as good."""
        best = [level.qualities[0] for level in self.levels]
        rank = quality_rank(_product(best))
        others = (
            _product([*best[:index], level.qualities[1], *best[index + 1 :]])
            for index, level in enumerate(self.levels)
            if len(level.qualities) > 1
        )
        return all(quality_rank(other) < rank for other in others) and top.mode == 0

    def _of_class(self, members: list[Member], limit: float) -> Search:
        """Of members that are equally good: the cheapest, then the one with the smallest caps, and so on."""
        vectors = yield from self._cheapest_of_class(members, limit)
        found: tuple[tuple[Any, ...], Choice] | None = None
        asked = [(member, vector) for member in members for vector in vectors]
        for begin in range(0, len(asked), _CHUNK):
            some = asked[begin : begin + _CHUNK]
            answers = yield [Query("best", vector, limit, member) for member, vector in some]
            for (member, vector), answer in zip(some, answers, strict=True):
                if answer is not None:
                    choice = Choice(member.mode, answer, vector)
                    rank = self.rank(choice)
                    found = (rank, choice) if found is None or rank < found[0] else found
        return found[1] if found else None

    def _cost_of_class(self, members: list[Member], limit: float) -> Search:
        vectors = yield from self._cheapest_of_class(members, limit)
        return max(map(self.choices.cost, vectors), default=None)

    def _cheapest_of_class(self, members: list[Member], limit: float) -> Search:
        """All vectors that cost as much as the cheapest that fits; none where nothing does."""
        cheapest: int | None = None
        for member in members:
            vector = yield from self._cheapest(member, cheapest, limit)
            cheapest = cheapest if vector is None else self.choices.cost_rank(vector)
        return [] if cheapest is None else self._that_cost(cheapest)

    def rank(self, choice: Choice) -> tuple[Any, ...]:
        """Orders choices of equal quality, mode and cost."""
        picked = tuple(zip(choice.combination.variants, choice.combination.caps, strict=True))
        return sum(choice.combination.caps), self._changes(choice), picked, choice.replicas

    def _changes(self, choice: Choice) -> int:
        current = self.choices.ask.current
        count = int(self.choices.modes[choice.mode].name != current.mode)
        for group, replicas in zip(self.choices.groups, choice.replicas, strict=True):
            count += current.replicas.get(group.facts.name) != replicas
        combination = choice.combination
        for stage, variant, cap in zip(self.choices.stages, combination.variants, combination.caps, strict=True):
            now = current.stages.get(stage.facts.stage)
            count += now is None or now.variant != stage.facts.variants[variant].name
            count += now is None or now.cap != cap
        return count

    def _cheapest(self, member: Member, below: int | None, limit: float) -> Search:
        """The cheapest vector that fits, if it is cheaper than `below`, or None."""
        most = self._most()
        if below is not None and len(most) == 1:
            while most[0] >= self.choices.groups[0].least and self.choices.cost_rank(most) >= below:
                most = (most[0] - 1,)
            if most[0] < self.choices.groups[0].least:
                return None
        ahead = self._halves(self.choices.groups[0].least, most[0], 2 * self.pace.width) if len(most) == 1 else []
        counts = [most, *((count,) for count in ahead)]
        fits, *others = yield [Query("fits", vector, limit, member) for vector in counts]
        if not fits:
            return None
        least = yield from self._least_of_each(member, most, limit, dict(zip(ahead, others, strict=True)))
        if len(most) == 1:
            return least
        vectors = sorted(self._vectors(least, most), key=self._order)
        cheaper = [vector for vector in vectors if below is None or self.choices.cost_rank(vector) < below]
        for begin in range(0, len(cheaper), _CHUNK):
            some = cheaper[begin : begin + _CHUNK]
            answers = yield [Query("fits", vector, limit, member) for vector in some]
            for vector, answer in zip(some, answers, strict=True):
                if answer:
                    return vector
        return None

    def _least_of_each(self, member: Member, most: Vector, limit: float, known: dict[int, bool]) -> Search:
        """Of each group, the least that fits while the others have their most. `known`: of counts of the first group."""
        found = []
        for index, group in enumerate(self.choices.groups):
            low, high = group.least, most[index]
            while low < high:
                middle = (low + high) // 2
                if middle not in known:
                    counts = self._halves(low, high, self.pace.width)
                    vectors = [(*most[:index], count, *most[index + 1 :]) for count in counts]
                    answers = yield [Query("fits", vector, limit, member) for vector in vectors]
                    known.update(zip(counts, answers, strict=True))
                low, high = (low, middle) if known[middle] else (middle + 1, high)
            found.append(low)
            known = {}
        return tuple(found)

    def _halves(self, low: int, high: int, width: int) -> list[int]:
        """What a search by halves may ask of next, about so many."""
        found, spans = list[int](), [(low, high)]
        while spans and not (found and len(found) + len(spans) > width):
            middles = [(least, (least + most) // 2, most) for least, most in spans if least < most]
            found += [middle for _, middle, _ in middles]
            spans = [span for least, middle, most in middles for span in ((least, middle), (middle + 1, most))]
        return found

    def _least_score(self) -> Search:
        least, of_any = float("inf"), self._largest()
        for vector in of_any:
            (bounds,) = yield [Query("bounds", vector, least)]
            members, chunk = bounds.members(), _FIRST
            while some := [member for bound, member in itertools.islice(members, chunk) if bound < least]:
                chunk = self.pace.chunk(chunk, _OF_NEAREST)
                answers = yield [Query("nearest", vector, least, member) for member in some]
                least = min([least, *(answer.score for answer in answers if answer is not None)])
        return least if least < float("inf") else SATURATED * 2

    def _most(self) -> Vector:
        return tuple(group.most for group in self.choices.groups)

    def _order(self, vector: Vector) -> tuple[int, Vector]:
        return self.choices.cost_rank(vector), vector

    def _allowed(self, vector: Vector) -> bool:
        """The least is allowed, whatever it costs: an agent is not taken down for its price."""
        return self.choices.affordable(vector) or all(
            count == group.least for count, group in zip(vector, self.choices.groups, strict=True)
        )

    def _vectors(self, least: Vector, most: Vector) -> Iterable[Vector]:
        ranges = (range(low, high + 1) for low, high in zip(least, most, strict=True))
        return filter(self._allowed, itertools.product(*ranges))

    def _that_cost(self, rank: int) -> list[Vector]:
        least = tuple(group.least for group in self.choices.groups)
        if len(least) == 1:
            low, high = least[0], self._most()[0]
            while low < high:
                middle = (low + high) // 2
                low, high = (middle + 1, high) if self.choices.cost_rank((middle,)) < rank else (low, middle)
            return [(low,)]
        return [vector for vector in self._vectors(least, self._most()) if self.choices.cost_rank(vector) == rank]

    def _largest(self) -> list[Vector]:
        """Allowed vectors to which nothing can be added."""
        most = self._most()
        if self._allowed(most):
            return [most]
        least = tuple(group.least for group in self.choices.groups)
        allowed = set(self._vectors(least, most))
        return sorted(
            vector for vector in allowed if not any(_one_more(vector, index) in allowed for index in range(len(vector)))
        )


def _one_more(vector: Vector, index: int) -> Vector:
    return (*vector[:index], vector[index] + 1, *vector[index + 1 :])


def _product(values: Sequence[float]) -> float:
    product = 1.0
    for value in values:
        product *= value
    return product
