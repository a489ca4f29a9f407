from __future__ import annotations

import pytest
from compared_cascade import compared_cascade

from antiphon_policies.baselines.systems import SYSTEMS, Candidate, Knobs, model_sets
from antiphon_policies.baselines.tuning import PRICES, Trial, tune

FACTS = compared_cascade()


def dear_or_late(candidate: Candidate) -> Trial:
    """Replicas cost what they cost, and each one more halves what is missed."""
    held = candidate.knobs.main * (2 if candidate.knobs.cap == 4 else 1)
    return Trial(0.5 * 0.5**held, candidate.knobs.main)


def test_each_price_gets_its_own_knobs() -> None:
    found = tune(["best"], dear_or_late, systems=["static"], prices=(1e-6, 0.02, 1.0))
    assert {price: tuned.candidate.knobs for tuned in found for price in tuned.prices} == {
        1e-6: Knobs(12),
        0.02: Knobs(4, cap=4),
        1.0: Knobs(2),
    }


def test_one_candidate_may_win_several_prices() -> None:
    found = tune(["best"], lambda candidate: Trial(0.0, candidate.knobs.main), systems=["static"])
    assert [tuned.prices for tuned in found] == [PRICES]


def test_the_whole_grid_is_tried_and_told() -> None:
    tried: list[Candidate] = []
    told: list[tuple[int, int, str]] = []

    def attempt(candidate: Candidate) -> Trial:
        tried.append(candidate)
        return dear_or_late(candidate)

    tune(["best", "small"], attempt, lambda *what: told.append(what))
    assert [done for done, _, _ in told] == list(range(len(tried)))
    assert told[0][1] == len(tried)
    assert len(set(tried)) == len(tried)
    assert {candidate.system for candidate in tried} == set(SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_place_of_a_grid_makes_a_controller(system: str) -> None:
    for knobs in [*SYSTEMS[system].grid(), *SYSTEMS[system].around(next(SYSTEMS[system].grid()))]:
        candidate = Candidate(system, "small", knobs)
        assert candidate.controller(FACTS).name == system
        assert candidate.words


def test_sets_of_models_go_from_the_best_to_the_quickest() -> None:
    assert dict(model_sets(FACTS)) == {"best": (), "small asr": ("asr",), "small": ("asr", "llm", "tts")}
