"""`antiphon logs` of pods that run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from shown_agents import make_agent
from typer.testing import Result

from cluster import Cluster

Antiphon = Callable[..., Result]


def run_pod(api: Cluster, space: str, name: str, script: str, group: str = "main", **spec: object) -> None:
    labels = {"antiphon.dev/agent": "hello", "antiphon.dev/group": group}
    container = {"name": "voice", "image": "busybox", "command": ["sh", "-c", script]}
    whole = {"containers": [container], "terminationGracePeriodSeconds": 1, **spec}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": whole}
    api.make(body, space)


def wait_ended(api: Cluster, space: str, *names: str) -> None:
    def ended(pods: list[dict[str, object]]) -> bool:
        text = {pod["metadata"]["name"]: json.dumps(pod.get("status")) for pod in pods}  # type: ignore[index]
        return all('"terminated"' in text.get(name, "") for name in names)

    api.wait_all("Pod", space, ended)


@pytest.fixture
def agent(api: Cluster, space: str) -> str:
    """Its namespace, with two pods of two groups that have said something and ended."""
    make_agent(api, space, "hello")
    run_pod(api, space, "one", "echo first; sleep 0.3; echo third", restartPolicy="Never")
    run_pod(api, space, "two", "sleep 0.15; echo second; sleep 0.3; echo fourth", group="big", restartPolicy="Never")
    wait_ended(api, space, "one", "two")
    return space


def test_all_pods_in_the_order_of_time(antiphon: Antiphon, agent: str) -> None:
    done = antiphon("logs", "hello", "-n", agent)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert {line for line in lines if line.startswith("[one]")} == {"[one] first", "[one] third"}
    assert {line for line in lines if line.startswith("[two]")} == {"[two] second", "[two] fourth"}
    told = [json.loads(line) for line in antiphon("logs", "hello", "-n", agent, "-o", "json").stdout.splitlines()]
    assert [line["time"] for line in told] == sorted(line["time"] for line in told)
    assert {line["text"] for line in told} == {"first", "second", "third", "fourth"}


def test_of_one_group_and_only_the_end(antiphon: Antiphon, agent: str) -> None:
    assert antiphon("logs", "hello", "-n", agent, "--group", "big", "--tail", "1").stdout == "[two] fourth\n"
    assert antiphon("logs", "hello", "-n", agent, "--since", "1h").stdout.count("\n") == 4


def test_before_the_last_restart(antiphon: Antiphon, api: Cluster, space: str) -> None:
    make_agent(api, space, "hello")
    run_pod(api, space, "again", 'echo "run of $$"; exit 1', restartPolicy="OnFailure")
    api.wait_all("Pod", space, lambda pods: '"restartCount": 1' in json.dumps(pods))
    assert antiphon("logs", "hello", "-n", space, "--previous").stdout.startswith("[again] run of ")


def test_following_tells_of_pods_that_come_later(api: Cluster, space: str) -> None:
    make_agent(api, space, "hello")
    run_pod(api, space, "early", "echo I was here; exec sleep 100")
    code = "import typer; from antiphon_operator.commands.logs_command import logs; typer.run(logs)"
    command = [sys.executable, "-c", code, "hello", "-f", "-n", space, "--kubeconfig", str(api.kubeconfig)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[early] I was here\n"
        run_pod(api, space, "late", "echo so am I; exec sleep 100")
        assert process.stdout.readline() == "[late] so am I\n"
        process.kill()


def test_a_pod_without_such_a_log_is_told_of(antiphon: Antiphon, agent: str) -> None:
    missing = antiphon("logs", "hello", "-n", agent, "--previous")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "one: " in missing.stderr
    assert "no pod of agent hello has such a log" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nobody"], 1, "there is no VoiceAgent nobody"),
        (["--operator"], 1, "the operator has no pods in namespace antiphon-system"),
        ([], 2, "give the name of an agent, or --operator"),
        (["hello", "--operator"], 2, "give the name of an agent, or --operator"),
        (["hello", "--since", "soon"], 2, "'soon' is no time"),
        (["hello", "-f", "--previous"], 2, "give either --follow or --previous"),
    ],
)
def test_what_can_not_be_had(antiphon: Antiphon, arguments: list[str], code: int, says: str) -> None:
    wrong = antiphon("logs", *arguments)
    assert wrong.exit_code == code
    assert says in " ".join(wrong.stderr.replace("│", " ").split())
