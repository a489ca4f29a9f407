from typing import Any

import pytest

from antiphon_operator.objects import Obj
from antiphon_operator.telling.pod_state import is_ready, restarts_of, state_of, why


def pod(*containers: Obj, phase: str = "Running", first: tuple[Obj, ...] = (), **status: Any) -> Obj:
    return {
        "metadata": {"name": "p"},
        "status": {"phase": phase, "containerStatuses": [*containers], "initContainerStatuses": [*first], **status},
    }


RUNNING = {"name": "voice", "restartCount": 2, "state": {"running": {}}}
WAITING = {"name": "voice", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}
CRASHED = {
    "name": "voice",
    "restartCount": 4,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
}
DONE = {"name": "fetch", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
FAILED = {"name": "fetch", "state": {"terminated": {"exitCode": 1, "reason": "Error", "message": "disk full"}}}
UNSCHEDULABLE = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]


@pytest.mark.parametrize(
    ("given", "state", "words"),
    [
        (pod(RUNNING), "Running", ""),
        (pod(WAITING, phase="Pending"), "ErrImagePull", "no such image"),
        (pod(CRASHED), "CrashLoopBackOff", "it ended with exit code 3 (Error)"),
        (pod(RUNNING, first=(DONE,)), "Running", ""),
        (pod(WAITING, first=(FAILED,), phase="Pending"), "Error", "disk full"),
        (pod(phase="Pending", conditions=UNSCHEDULABLE), "Pending", "0/1 nodes"),
        ({"metadata": {"name": "new"}}, "Pending", ""),
    ],
)
def test_in_one_word_and_why(given: Obj, state: str, words: str) -> None:
    assert (state_of(given), why(given)) == (state, words)


def test_one_that_goes() -> None:
    going = pod(RUNNING)
    going["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z"
    assert state_of(going) == "Terminating"


def test_a_ready_one_needs_no_reason() -> None:
    ready = pod(CRASHED, conditions=[{"type": "Ready", "status": "True"}])
    assert is_ready(ready)
    assert why(ready) == ""
    assert restarts_of(ready) == 4
