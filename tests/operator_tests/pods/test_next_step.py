"""What is known of a pod's tuning, and what follows."""

from __future__ import annotations

from typing import Any

import pytest
from control_pods import address_of

from antiphon_crds.control import State
from antiphon_operator.pods.next_step import PodTuning, Step, next_step
from antiphon_operator.pods.reports import PodReport

WANTED = 5


def heard(asked_at: float, generation: int, pending: int | None = None, **more: Any) -> PodReport:
    known: dict[str, Any] = {"phase": "Ready", "capacity": 1, **more}
    return PodReport(State(generation=generation, pending_generation=pending, **known), asked_at=asked_at)


@pytest.mark.parametrize(
    ("report", "step"),
    [
        (heard(1, 4), Step.SEND),
        (heard(1, 3, 4), Step.SEND),
        (heard(1, 3, 4, message="no memory"), Step.SEND),
        (heard(1, 4, 5), Step.WAIT),
        (heard(1, 4, 5, message="no memory"), Step.FAILED),
        (heard(1, 5), Step.DONE),
        (heard(1, 6), Step.AHEAD),
        (heard(1, 5, 6), Step.AHEAD),
        (heard(1, 4, phase="Draining"), Step.NOTHING),
        (heard(1, 4, phase="Starting"), Step.NOTHING),
        (PodReport(), Step.NOTHING),
    ],
)
def test_the_step_follows_from_the_report(report: PodReport, step: Step) -> None:
    known = PodTuning()
    known.hear(report)
    assert next_step(address_of("pod", "10.0.0.1"), known, WANTED) is step
    for away in ({"ready": False}, {"going": True}):
        assert next_step(address_of("pod", "10.0.0.1", **away), known, WANTED) is Step.NOTHING


def test_a_state_that_was_asked_for_before_the_answer_to_a_tuning_is_no_news() -> None:
    pod, known = address_of("pod", "10.0.0.1"), PodTuning()
    known.hear(heard(1, 4))
    known.accept(WANTED, is_applied=True, at=3)
    known.hear(heard(2, 4))
    assert next_step(pod, known, WANTED) is Step.DONE
    known.hear(heard(4, 2))
    assert next_step(pod, known, WANTED) is Step.SEND, "it has restarted"


def test_one_that_is_applied_later_is_waited_for() -> None:
    pod, known = address_of("pod", "10.0.0.1"), PodTuning()
    known.hear(heard(1, 3, 4, message="no memory"))
    known.accept(WANTED, is_applied=False, at=3)
    assert next_step(pod, known, WANTED) is Step.WAIT
