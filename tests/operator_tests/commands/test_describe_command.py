"""`antiphon describe` against a world with an agent, a pod and Events."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from shown_agents import CONDITIONS, make_agent
from typer.testing import Result

from antiphon_operator.telling.view import AgentView
from cluster import Cluster

Antiphon = Callable[..., Result]
LABELS = {"antiphon.dev/agent": "hello", "antiphon.dev/group": "main"}


@pytest.fixture
def agent(api: Cluster, space: str) -> str:
    """Its namespace."""
    make_agent(api, space, "hello", phase="Starting", ready="0/1", conditions=CONDITIONS, sla="Unknown")
    container = {"name": "voice", "image": "no-such-image"}
    metadata = {"name": "hello-main-abc-def", "labels": LABELS}
    api.make({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}, space)
    api.wait_all("Pod", space, lambda pods: any("ErrImagePull" in json.dumps(pod.get("status")) for pod in pods))
    return space


def test_the_view_for_programs(antiphon: Antiphon, agent: str) -> None:
    done = antiphon("describe", "hello", "-n", agent, "-o", "json")
    assert done.exit_code == 0, done.output
    view = AgentView.from_manifest(json.loads(done.stdout))
    assert (view.name, view.namespace, view.phase, view.policy) == ("hello", agent, "Starting", "cpu-laptop")
    (pod,) = view.groups[0].pods
    assert (pod.name, pod.node, pod.state, pod.ready) == ("hello-main-abc-def", "local", "ErrImagePull", False)
    assert "no local command stands for image" in pod.why
    assert {"turn-p95", "admitted", "barge-in-p95"} == {objective.name for objective in view.objectives}
    assert "Scheduled" in {event.reason for event in view.events}


def test_and_for_people(antiphon: Antiphon, agent: str) -> None:
    text = antiphon("describe", "hello", "-n", agent).stdout
    for words in ("Hears, answers and speaks", "no pod is ready", "ErrImagePull", "smollm2", "turn-p95", "1500 ms"):
        assert words in text


def test_nobody_of_that_name(antiphon: Antiphon, space: str) -> None:
    missing = antiphon("describe", "hello", "-n", space)
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "there is no VoiceAgent hello" in missing.stderr
