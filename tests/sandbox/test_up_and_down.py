"""`up` and `down` as a user runs them: readiness, a second one, Ctrl-C, and nothing left even after kill -9."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import sandbox
from cluster import Cluster

# A pod whose processes try to get away: one in the background, one in a session of its own.
_POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "busy"},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "main",
                "image": "busybox",
                "command": ["sh", "-c", "sleep 7101 & setsid -f sleep 7102; exec sleep 7103"],
            }
        ],
    },
}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    return tmp_path / "kubeconfig"


@pytest.fixture
def up(kubeconfig: Path) -> Iterator[subprocess.Popen[str]]:
    with sandbox.running("up", "--kubeconfig", kubeconfig) as process:
        yield process


def _command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "antiphon_sandbox", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90)


def _sleepers() -> set[str]:
    """The processes of the pod that are alive, by what they were told to sleep."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found |= {word.decode() for word in words if word in (b"7101", b"7102", b"7103")}
    return found


def _until(holds: Any, seconds: float = 20.0) -> None:
    """Processes have no watch: they are looked for."""
    last = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last, "not in time"
        time.sleep(0.02)


def _run_the_pod(kubeconfig: Path) -> Cluster:
    cluster = Cluster(kubeconfig)
    cluster.make(_POD, "default")
    cluster.wait("Pod", "busy", "default", lambda pod: pod.get("status", {}).get("phase") == "Running")
    _until(lambda: _sleepers() == {"7101", "7102", "7103"})
    return cluster


def _port_is_free(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) != 0


def _url(kubeconfig: Path) -> str:
    return str(json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])


@pytest.mark.usefixtures("up")
class TestUp:
    def test_kubectl_finds_it_and_its_node(self, kubeconfig: Path) -> None:
        assert kubeconfig.stat().st_mode & 0o077 == 0
        nodes = Cluster(kubeconfig).kubectl("get", "nodes", "--no-headers").stdout
        assert nodes.split()[:2] == ["local", "Ready"]

    def test_a_second_one_is_refused(self, kubeconfig: Path) -> None:
        refused = _command("up", "--kubeconfig", kubeconfig)
        assert refused.returncode == 1
        assert f"is up at {_url(kubeconfig)}" in refused.stderr
        assert kubeconfig.exists(), "the first one's kubeconfig stays"

    def test_a_detached_one_is_content_with_what_is_up(self, kubeconfig: Path) -> None:
        again = _command("up", "--detach", "--kubeconfig", kubeconfig, "-o", "json")
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["url"] == _url(kubeconfig)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end_it_leaves_nothing(up: subprocess.Popen[str], kubeconfig: Path, number: signal.Signals) -> None:
    _run_the_pod(kubeconfig)
    url = _url(kubeconfig)
    up.send_signal(number)
    assert up.wait(30) == 0
    assert _sleepers() == set()
    assert _port_is_free(url)
    assert not kubeconfig.exists()
    assert not list(kubeconfig.parent.glob("*/pods")), "a sandbox in memory keeps no pod's files"


def test_killed_it_leaves_nothing_and_starts_again_at_once(up: subprocess.Popen[str], kubeconfig: Path) -> None:
    _run_the_pod(kubeconfig)
    url = _url(kubeconfig)
    up.kill()
    up.wait()
    _until(lambda: _sleepers() == set())
    assert _port_is_free(url)
    port = str(urlsplit(url).port)
    with sandbox.running("up", "--kubeconfig", kubeconfig, "--port", port):
        assert Cluster(kubeconfig).items("Pod") == []
        _run_the_pod(kubeconfig)
    assert _sleepers() == set()


def test_killed_with_a_file_it_goes_on_where_it_was(tmp_path: Path, kubeconfig: Path) -> None:
    arguments: list[str | Path] = ["up", "--kubeconfig", kubeconfig, "--sqlite", tmp_path / "objects.sqlite"]
    with sandbox.running(*arguments) as first:
        _run_the_pod(kubeconfig)
        first.kill()
        first.wait()
        _until(lambda: _sleepers() == set())
    with sandbox.running(*arguments):
        cluster = Cluster(kubeconfig)
        pod = cluster.wait("Pod", "busy", "default", _was_restarted)
        assert pod["spec"]["nodeName"] == "local"
        _until(lambda: _sleepers() == {"7101", "7102", "7103"})


def _was_restarted(pod: dict[str, Any]) -> bool:
    [container] = pod["status"].get("containerStatuses") or [{}]
    return "running" in container.get("state", {}) and container.get("restartCount", 0) >= 1


def test_detached_it_goes_on_until_down(kubeconfig: Path) -> None:
    began = _command("up", "--detach", "--kubeconfig", kubeconfig)
    assert began.returncode == 0, began.stderr
    assert f"export KUBECONFIG={kubeconfig}" in began.stdout
    try:
        _run_the_pod(kubeconfig)
    finally:
        ended = _command("down", "--kubeconfig", kubeconfig, "-o", "json")
    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"ended": True})
    assert _sleepers() == set()
    assert json.loads(_command("down", "--kubeconfig", kubeconfig, "-o", "json").stdout) == {"ended": False}


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = _command("api", "--port", str(taken.getsockname()[1]))
    assert refused.returncode == 1
    assert "error:" in refused.stderr
    assert "in use" in refused.stderr


def test_others_are_kept_out() -> None:
    refused = _command("api", "--host", "0.0.0.0")
    assert refused.returncode == 1
    assert "'0.0.0.0'" in refused.stderr
    assert "loopback" in refused.stderr


@pytest.mark.parametrize("verb", [[], ["api"], ["up"], ["down"]])
def test_help(verb: list[str]) -> None:
    told = _command(*verb, "--help")
    assert told.returncode == 0
    assert "Exit codes" in told.stdout


def test_what_is_no_verb_is_wrong_usage() -> None:
    assert _command("dance").returncode == 2
