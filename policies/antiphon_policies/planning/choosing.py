"""The best setting of each agent by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from antiphon_policies.planning.answering import least_costs, searched
from antiphon_policies.planning.asking import Ask, Binding, Plan
from antiphon_policies.planning.binding import bindings, message_of
from antiphon_policies.planning.choices import Choices, choices_of, setting_of
from antiphon_policies.planning.judging import KEPT
from antiphon_policies.planning.knowing import Fleets
from antiphon_policies.planning.predictions import predictions
from antiphon_policies.planning.searching import Choice


def planned(asks: Sequence[Ask], limits: Sequence[Mapping[str, int]]) -> list[Plan]:
    """Each by itself, within its own limits of partitions."""
    if not asks:
        return []
    fleets = Fleets([choices_of(ask, limit) for ask, limit in zip(asks, limits, strict=True)])
    found = searched(fleets)
    now = predictions(fleets, found, [ask.load for ask in asks])
    words = _bound(fleets.choices, found)
    return [
        Plan(
            setting=setting_of(
                choices, choice.mode, choice.combination.variants, choice.combination.caps, choice.replicas
            ),
            prediction=prediction,
            feasible=choice.combination.score <= KEPT,
            cost_per_hour=choices.cost(choice.replicas),
            quality=choices.quality(choice.combination.variants),
            binding=words[place][0] if place in words else "none",
            message=words[place][1] if place in words else "",
        )
        for place, (choices, choice, prediction) in enumerate(zip(fleets.choices, found, now, strict=True))
    ]


def costs(asks: Sequence[Ask], limits: Sequence[Mapping[str, int]]) -> list[float | None]:
    """What an hour of each plan would cost, which is known long before the plan is; None where it breaks the promises."""
    if not asks:
        return []
    return least_costs(Fleets([choices_of(ask, limit) for ask, limit in zip(asks, limits, strict=True)]))


def _bound(choices: Sequence[Choices], found: Sequence[Choice]) -> dict[int, tuple[Binding, str]]:
    """Of those that do not keep the promises."""
    places = [place for place, choice in enumerate(found) if choice.combination.score > KEPT]
    if not places:
        return {}
    broken = [choices[place] for place in places]
    then = predictions(Fleets(broken), [found[place] for place in places], [each.load for each in broken])
    words = zip(places, broken, bindings(broken), then, strict=True)
    return {
        place: (binding, message_of(each, binding, prediction, found[place].replicas))
        for place, each, binding, prediction in words
    }
