"""What `kubectl get pods` says of pods in all their states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon_sandbox.api.builtin_kinds import builtin_resources
from antiphon_sandbox.api.tables import table
from antiphon_sandbox.objects import Obj, timestamp

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PODS = next(resource for resource in builtin_resources() if resource.name == "pods")
READY = {"type": "Ready", "status": "True"}
RUNNING: Obj = {"running": {}}


def ago(**elapsed: float) -> str:
    return timestamp(NOW - timedelta(**elapsed))


def status_of(name: str, state: Obj, **more: Any) -> Obj:
    return {"name": name, "state": state, "ready": state is RUNNING, "restartCount": 0, **more}


def terminated(**how: Any) -> Obj:
    return {"terminated": {"exitCode": 0, **how}}


def waiting(reason: str) -> Obj:
    return {"waiting": {"reason": reason}}


def a_pod(*statuses: Obj, phase: str = "Running", init: tuple[Obj, ...] = (), **more: Any) -> Obj:
    """A pod with those containers; sidecars are the init containers that say whether they are started."""
    init_containers = [
        {"name": found["name"], **({"restartPolicy": "Always"} if "started" in found else {})} for found in init
    ]
    status = {"phase": phase, "containerStatuses": list(statuses), "initContainerStatuses": list(init), **more}
    return {
        "metadata": {"name": "web", "creationTimestamp": ago(minutes=7)},
        "spec": {"containers": [{"name": found["name"]} for found in statuses], "initContainers": init_containers},
        "status": status,
    }


def row(pod: Obj) -> list[Any]:
    cells: list[Any] = table(PODS, [pod], {}, now=NOW)["rows"][0]["cells"]
    return cells


def told(pod: Obj) -> tuple[str, str]:
    """READY and STATUS."""
    _, ready, status, *_ = row(pod)
    return ready, status


def test_a_running_pod() -> None:
    pod = a_pod(status_of("app", RUNNING), conditions=[READY], podIPs=[{"ip": "127.1.0.1"}])
    pod["spec"]["nodeName"] = "cpu-0"
    assert row(pod) == ["web", "1/1", "Running", "0", "7m", "127.1.0.1", "cpu-0", "<none>", "<none>"]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (waiting("CrashLoopBackOff"), "CrashLoopBackOff"),
        (waiting("ErrImagePull"), "ErrImagePull"),
        (waiting("ContainerCreating"), "ContainerCreating"),
        (terminated(reason="Completed"), "Completed"),
        (terminated(reason="Error", exitCode=3), "Error"),
        (terminated(exitCode=3), "ExitCode:3"),
        (terminated(exitCode=137, signal=9), "Signal:9"),
        ({}, "Running"),
    ],
)
def test_the_state_of_a_container_is_told(state: Obj, status: str) -> None:
    assert told(a_pod(status_of("app", state))) == ("0/1", status)


def test_the_first_container_with_a_reason_is_told() -> None:
    pod = a_pod(status_of("a", RUNNING), status_of("b", waiting("First")), status_of("c", waiting("Second")))
    assert told(pod) == ("1/3", "First")


@pytest.mark.parametrize(("conditions", "status"), [([READY], "Running"), ([], "NotReady")])
def test_a_pod_of_which_one_container_goes_on(conditions: list[Obj], status: str) -> None:
    pod = a_pod(status_of("a", terminated(reason="Completed")), status_of("b", RUNNING), conditions=conditions)
    assert told(pod) == ("1/2", status)


def test_a_pending_pod() -> None:
    assert told(a_pod(phase="Pending")) == ("0/0", "Pending")


def test_a_gated_pod() -> None:
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    assert told(a_pod(phase="Pending", conditions=[gated]))[1] == "SchedulingGated"


def test_an_evicted_pod() -> None:
    assert told(a_pod(phase="Failed", reason="Evicted"))[1] == "Evicted"


@pytest.mark.parametrize(
    ("phase", "more", "status"),
    [
        ("Running", {}, "Terminating"),
        ("Succeeded", {}, "Succeeded"),
        ("Running", {"reason": "NodeLost"}, "Unknown"),
    ],
)
def test_a_pod_that_is_being_deleted(phase: str, more: Obj, status: str) -> None:
    pod = a_pod(phase=phase, **more)
    pod["metadata"]["deletionTimestamp"] = timestamp(NOW)
    assert told(pod)[1] == status


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (RUNNING, "Init:1/2"),
        (waiting("PodInitializing"), "Init:1/2"),
        (waiting("CrashLoopBackOff"), "Init:CrashLoopBackOff"),
        (terminated(reason="Error", exitCode=1), "Init:Error"),
        (terminated(exitCode=1), "Init:ExitCode:1"),
        (terminated(exitCode=1, signal=15), "Init:Signal:15"),
    ],
)
def test_a_pod_that_initializes(state: Obj, status: str) -> None:
    init = (status_of("one", terminated(reason="Completed")), status_of("two", state, ready=False))
    pod = a_pod(status_of("app", waiting("PodInitializing")), phase="Pending", init=init)
    assert told(pod) == ("0/1", status)


def test_an_initialized_pod_tells_of_its_containers() -> None:
    pod = a_pod(status_of("app", RUNNING), init=(status_of("one", terminated(reason="Completed")),))
    assert told(pod) == ("1/1", "Running")


def test_a_sidecar_counts_as_a_container() -> None:
    sidecar = status_of("proxy", RUNNING, started=True)
    assert told(a_pod(status_of("app", RUNNING), init=(sidecar,))) == ("2/2", "Running")
    late = status_of("proxy", RUNNING, started=False, ready=False)
    assert told(a_pod(status_of("app", waiting("PodInitializing")), init=(late,))) == ("0/2", "Init:0/1")


def test_restarts_and_the_last_of_them() -> None:
    first = status_of("a", RUNNING, restartCount=2, lastState=terminated(finishedAt=ago(minutes=30)))
    last = status_of("b", RUNNING, restartCount=1, lastState=terminated(finishedAt=ago(minutes=5)))
    assert row(a_pod(first, last))[3] == "3 (5m ago)"
    assert row(a_pod(status_of("a", RUNNING, restartCount=2)))[3] == "2"


def test_restarts_of_init_containers_count_while_they_run() -> None:
    failing = status_of("one", waiting("CrashLoopBackOff"), restartCount=4)
    assert row(a_pod(status_of("app", waiting("PodInitializing")), init=(failing,)))[3] == "4"
    done = status_of("one", terminated(reason="Completed"), restartCount=4)
    assert row(a_pod(status_of("app", RUNNING, restartCount=1), init=(done,)))[3] == "1"


def test_readiness_gates() -> None:
    pod = a_pod(conditions=[{"type": "one", "status": "True"}, {"type": "two", "status": "False"}])
    pod["spec"]["readinessGates"] = [{"conditionType": name} for name in ("one", "two", "three")]
    assert row(pod)[-1] == "1/3"


@pytest.mark.parametrize(
    ("phase", "message"), [("Succeeded", "The pod has completed successfully."), ("Failed", "The pod failed.")]
)
def test_the_row_of_a_finished_pod_says_so(phase: str, message: str) -> None:
    (finished,) = table(PODS, [a_pod(phase=phase)], {}, now=NOW)["rows"]
    assert finished["conditions"] == [{"type": "Completed", "status": "True", "reason": phase, "message": message}]
    (running,) = table(PODS, [a_pod()], {}, now=NOW)["rows"]
    assert "conditions" not in running
