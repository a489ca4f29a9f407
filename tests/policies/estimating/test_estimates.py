from __future__ import annotations

from typing import Any

import pytest

from antiphon_policies.estimating.estimate import Seed
from antiphon_policies.estimating.estimates import EstimateKey, Estimates
from antiphon_policies.facts import Service
from antiphon_policies.seeing.observation import StageWork

FP16 = EstimateKey("llm", "small", "fp16", "h100-80gb")
SEED = Seed(Service(100.0, 10.0, 0.1, 40.0, 4.0), "Measured")


def other(**change: Any) -> EstimateKey:
    return FP16._replace(**change)


def taught(slower: float, looks: int = 30) -> Estimates:
    estimates = Estimates()
    for step in range(looks):
        estimates.learn(FP16, StageWork("llm", "fp16", 5.0, 10.0, 20.0, 1200.0 * slower), SEED, 5.0 * step)
    return estimates


def test_what_never_ran_is_as_its_profile_says() -> None:
    assert Estimates().service(FP16, SEED) == SEED.service
    assert Estimates().service(FP16, None) is None


def test_what_ran_is_as_it_was_learned() -> None:
    found = taught(1.3).service(FP16, SEED)
    assert found is not None
    assert found.mean_ms(2.0) == pytest.approx(156.0, rel=0.02)


def test_a_profile_that_was_edited_begins_anew() -> None:
    estimates, edited = taught(1.3), Seed(Service(50.0, 5.0), "Measured")
    assert estimates.service(FP16, edited) != estimates.service(FP16, SEED)
    learned = estimates.learn(FP16, StageWork("llm", "fp16", 5.0, 10.0, 20.0, 600.0), edited, 200.0)
    assert (learned.seed, learned.samples) == (edited, 10.0)


def test_agents_that_expect_different_work_learn_apart() -> None:
    estimates, longer = Estimates(), Seed(Service(300.0, 30.0), "Measured")
    for step in range(30):
        estimates.learn(FP16, StageWork("llm", "fp16", 5.0, 10.0, 20.0, 1300.0), SEED, 5.0 * step)
        estimates.learn(FP16, StageWork("llm", "fp16", 5.0, 10.0, 20.0, 3300.0), longer, 5.0 * step)
    found = [estimates.service(FP16, seed) for seed in (SEED, longer)]
    assert [each.mean_ms(2.0) for each in found if each] == pytest.approx([130.0, 330.0], rel=0.02)
    for level in range(10):
        estimates.learn(
            FP16, StageWork("llm", "fp16", 5.0, 1.0, 1.0, 9.0), Seed(Service(5.0 + level, 1.0)), 200.0 + level
        )
    assert estimates.service(FP16, longer) == longer.service, "those that are learned from no more are forgotten"


def test_a_variant_that_never_ran_is_slower_by_what_its_kin_were_found_to_be() -> None:
    found = taught(1.5).service(other(variant="fp8"), SEED)
    assert found is not None
    assert found.mean_ms(1.0) == pytest.approx(165.0, rel=0.05)
    assert found.rest_alpha_ms == pytest.approx(60.0, rel=0.05)


@pytest.mark.parametrize("far", [{"hardware": "h200-141gb"}, {"model": "large"}, {"stage": "asr"}])
def test_others_on_other_machines_tell_nothing(far: dict[str, str]) -> None:
    assert taught(1.5).service(other(variant="fp8", **far), SEED) == SEED.service


def test_kin_that_are_fast_promise_nothing_and_little_work_tells_nothing() -> None:
    assert taught(0.7).service(other(variant="fp8"), SEED) == SEED.service
    assert taught(1.5, looks=4).service(other(variant="fp8"), SEED) == SEED.service


def test_what_is_no_longer_wanted_is_forgotten() -> None:
    estimates = taught(1.5)
    estimates.keep([other(variant="fp8")])
    assert len(estimates) == 0
    assert estimates.of(FP16) is None
    assert list(taught(1.0)) == [FP16]
