"""`antiphon explain`, `top`, and questions about a live agent, against a world with an agent whose status is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from shown_agents import CONDITIONS, make_agent
from thinking_operator import thinking
from typer.testing import Result

from antiphon_operator.explaining.fleet_view import TopView
from antiphon_operator.explaining.operator_reach import OPERATOR_PORT
from antiphon_operator.explaining.view import ExplanationView
from antiphon_operator.rehearsing.view import SimulationView
from antiphon_operator.sizing.view import CapacityView
from antiphon_operator.telling.view import AgentView
from cluster import Cluster

Antiphon = Callable[..., Result]
DECISION = {
    "id": "d1",
    "time": "2026-05-01T11:59:30Z",
    "actuator": "batch",
    "target": "asr",
    "before": "4",
    "after": "8",
    "reason": "LoadExpected",
    "message": "12 sessions on 1 ready pods",
    "outcome": "Kept",
}
STATUS = {
    "phase": "Ready",
    "ready": "1/1",
    "conditions": CONDITIONS,
    "sla": "Met",
    "sessions": 3,
    "capacity": 4,
    "p95Ms": 900.0,
    "stages": [{"stage": "asr", "variant": "tiny.en-int8", "batch": 8}],
    "groups": [{"name": "main", "replicas": 1, "readyReplicas": 1, "sessions": 3, "capacity": 4}],
    "objectives": [
        {"name": "turn-p95", "target": 1500.0, "observed": 900.0, "samples": 40, "attainment": 1.0, "errorBudgetLeft": 0.5,
         "state": "Met"},
    ],
    "decisions": [DECISION],
}  # fmt: skip


@pytest.fixture
def agent(api: Cluster, space: str) -> str:
    """Its namespace."""
    make_agent(api, space, "hello", **STATUS)
    return space


def test_explained_with_what_the_operator_thought(antiphon: Antiphon, agent: str) -> None:
    thoughts = {
        "at": time.time(),
        "observation": {"source": "scrape", "sessions": 3},
        "alternatives": [{"what": "2 replicas of main", "turn_p95_ms": 700.0, "feasible": True}],
    }
    with thinking({f"/v1/agents/{agent}/hello": thoughts}) as url:
        done = antiphon("explain", "hello", "-n", agent, "--operator", url, "-o", "json")
        text = antiphon("explain", "hello", "-n", agent, "--operator", url).stdout
    assert done.exit_code == 0, done.output
    view = ExplanationView.from_manifest(json.loads(done.stdout))
    assert (view.asked_operator, view.policy, view.mode) == (True, "cpu-laptop", "Enforce")
    assert [each.what for each in view.considered] == ["2 replicas of main"]
    for words in (
        "p95 of a turn",
        "at most 1500 ms",
        "3 live sessions",
        "2 replicas of main   700 ms",
        "raised from 4 to 8",
    ):
        assert words in text


@pytest.fixture
def operator_pod(api: Cluster, space: str) -> Iterator[str]:
    """Address of a pod that is said to be an operator's. No node takes it, so its status is as it is written here."""
    labels = {"app.kubernetes.io/name": "antiphon-operator"}
    spec = {"nodeName": "nowhere", "containers": [{"name": "operator", "image": "operator"}]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "antiphon-operator-1", "labels": labels},
        "spec": spec,
    }
    made, address = api.make(pod, space), "127.81.80.81"
    assert api.update({**made, "status": {"phase": "Running", "podIP": address}}, space, "status").status == 200
    yield address
    api.delete("Pod", "antiphon-operator-1", space)


def test_the_operators_pod_is_found_and_asked(antiphon: Antiphon, agent: str, operator_pod: str) -> None:
    thoughts = {"at": time.time(), "held": [{"change": "replicas of main: 2 -> 1", "rule": "removal", "message": "no"}]}
    with thinking({f"/v1/agents/{agent}/hello": thoughts}, operator_pod, OPERATOR_PORT):
        done = antiphon("explain", "hello", "-n", agent)
    assert "replicas of main: 2 -> 1: no (removal)." in done.stdout


def test_an_operators_pod_that_no_way_leads_to(antiphon: Antiphon, agent: str, operator_pod: str) -> None:
    done = antiphon("explain", "hello", "-n", agent)
    assert (done.exit_code, operator_pod in done.stdout or "port-forward" in done.stdout) == (0, True)


def test_explained_without_the_operator(antiphon: Antiphon, agent: str) -> None:
    done = antiphon("explain", "hello", "-n", agent)
    assert done.exit_code == 0, done.output
    assert "The operator could not be asked: no pod of the operator runs" in done.stdout
    assert "The largest batch of asr was raised from 4 to 8 (LoadExpected)." in done.stdout
    none = antiphon("explain", "hello", "-n", agent, "--last", "0")
    assert "no decision was made" in none.stdout


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "the operator answers 404: no such agent"),
        ('{"at": "noon"}', "what the operator answers can't be read by this version"),
    ],
)
def test_an_operator_that_does_not_tell(antiphon: Antiphon, agent: str, answer: str | None, why: str) -> None:
    with thinking({f"/v1/agents/{agent}/hello": answer}) as url:
        done = antiphon("explain", "hello", "-n", agent, "--operator", url)
    assert done.exit_code == 0
    assert f"The operator could not be asked: {why}" in done.stdout


def test_nobody_at_the_operators_address(antiphon: Antiphon, agent: str) -> None:
    done = antiphon("explain", "hello", "-n", agent, "--operator", "http://127.0.0.1:9")
    assert (done.exit_code, "nobody answers at http://127.0.0.1:9" in done.stdout) == (0, True)


@pytest.mark.parametrize("command", ["explain", "top", "capacity", "simulate"])
def test_no_such_agent(antiphon: Antiphon, space: str, command: str) -> None:
    missing = antiphon(command, "nobody", "-n", space)
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "there is no VoiceAgent nobody" in missing.stderr


def test_the_fleet(antiphon: Antiphon, agent: str) -> None:
    done = antiphon("top", "-n", agent, "-o", "json")
    assert done.exit_code == 0, done.output
    (row,) = TopView.from_manifest(json.loads(done.stdout)).agents
    assert (row.name, row.sla, row.objective, row.observed_ms, row.target_ms) == ("hello", "Met", "turn-p95", 900, 1500)
    assert (row.error_budget_left, row.sessions, row.capacity) == (0.5, 3, 4)
    text = antiphon("top", "-n", agent, "--once").stdout
    for words in ("1 agents, 3 live sessions, 0 break a promise", f"{agent}/hello", "900 / 1500", "3 / 4", "50 %",
                  "asr=tiny.en-int8", "asr=8", "batch of asr 4 -> 8 Kept"):  # fmt: skip
        assert words in text


def test_the_fleet_of_all_namespaces_and_of_an_empty_one(antiphon: Antiphon, agent: str) -> None:
    assert f"{agent}/hello" in antiphon("top", "-A").stdout
    assert "there is no VoiceAgent here" in antiphon("top", "-n", "default").stdout
    both = antiphon("top", "hello", "-A")
    assert (both.exit_code, "either its name or --all-namespaces" in both.stderr) == (2, True)


def test_one_agent_with_its_stages_and_pods(antiphon: Antiphon, api: Cluster, agent: str) -> None:
    labels = {"antiphon.dev/agent": "hello", "antiphon.dev/group": "main"}
    spec = {"containers": [{"name": "voice", "image": "no-such-image"}]}
    api.make(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "hello-main-1", "labels": labels}, "spec": spec}, agent
    )
    done = antiphon("top", "hello", "-n", agent, "-o", "json")
    view = AgentView.from_manifest(json.loads(done.stdout))
    assert [pod.name for pod in view.groups[0].pods] == ["hello-main-1"]
    text = antiphon("top", "hello", "-n", agent).stdout
    for words in (
        "hello-main-1   main",
        "smollm2",
        "tiny.en-int8   8",
        "turn-p95",
        "900 ms",
        "batch of asr: 4 -> 8",
    ):
        assert words in text


def test_the_room_of_a_live_agent(antiphon: Antiphon, agent: str) -> None:
    done = antiphon("capacity", "hello", "-n", agent, "--duty", "30", "-o", "json")
    assert done.exit_code == 0, done.output
    (manifest,) = json.loads(done.stdout)
    view = CapacityView.from_manifest(manifest)
    (room,) = view.headroom
    assert (room.ready_replicas, room.sessions) == (1, 3)
    assert room.free == room.planned_sessions - 3


def test_a_live_agent_simulated_from_what_it_runs_with(antiphon: Antiphon, agent: str) -> None:
    done = antiphon("simulate", "hello", "-n", agent, "--hours", "0.05", "--what-if", "sessions x3", "-o", "json")
    assert done.exit_code == 0, done.output
    as_is, tripled = SimulationView.from_manifest(json.loads(done.stdout)).runs
    assert 0 < as_is.peak_sessions < tripled.peak_sessions


def test_names_that_need_rights_or_a_cluster(antiphon: Antiphon, agent: str) -> None:
    wrong = antiphon("capacity", "hello", "-n", agent, "--context", "no-such-context")
    assert wrong.exit_code == 1
    assert "no-such-context" in wrong.stderr


@pytest.mark.parametrize("form", [["-o", "json"], []])
def test_top_goes_on_until_it_is_interrupted(api: Cluster, agent: str, form: list[str]) -> None:
    command = [sys.executable, "-m", "antiphon_operator", "top", "-n", agent, "--watch", *form]
    environment = {**os.environ, "KUBECONFIG": str(api.kubeconfig)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        assert running.stdout is not None
        seen = [running.stdout.readline() for _ in range(2 if form else 1)]
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=20)
    assert (running.returncode, errors) == (0, "")
    for line in seen:
        assert json.loads(line)["agents"][0]["name"] == "hello" if form else "1 agents" in line
