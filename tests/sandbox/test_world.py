"""The whole world as its users meet it: pods that are processes, and a fleet of partitioned GPUs that is not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import antiphon_sandbox
import sandbox
from antiphon_sandbox.objects import condition, is_true
from cluster import Cluster

_FLEET = Path(antiphon_sandbox.__file__).parent / "fleets" / "ten-mig-nodes.yaml"
_SLICE = "nvidia.com/mig-1g.18gb"
_PROGRAM = """
import http.server, os
print("hello from", os.environ["POD_NAME"], flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["POD_NAME"].encode())
        if self.path == "/say":
            print("somebody asked", flush=True)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    kubeconfig = tmp_path_factory.mktemp("world") / "kubeconfig"
    with sandbox.running("up", "--kubeconfig", kubeconfig, "--nodes", _FLEET):
        yield Cluster(kubeconfig)


def _deployment(name: str, replicas: int, container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", **container}], **spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


@pytest.fixture(scope="module")
def web(world: Cluster) -> Iterator[str]:
    """Ten pods that serve, in a namespace of their own; gives its name."""
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web"}})
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    container = {
        "image": "python",
        "command": ["python", "-c", _PROGRAM],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "startupProbe": {**probe, "failureThreshold": 60},
        "readinessProbe": probe,
        "livenessProbe": {"tcpSocket": {"port": "http"}},
    }
    world.make(_deployment("web", 10, container, terminationGracePeriodSeconds=2), "web")
    world.kubectl("rollout", "status", "deployment/web", "-n", "web", "--timeout=90s")
    yield "web"
    world.kubectl("delete", "namespace", "web", "--timeout=60s")


def _pods(world: Cluster, namespace: str) -> list[dict[str, Any]]:
    return [pod for pod in world.items("Pod", namespace) if "deletionTimestamp" not in pod["metadata"]]


def _ready(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [pod for pod in pods if is_true(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]]


def _ask(pod: dict[str, Any], path: str = "/") -> str:
    with urllib.request.urlopen(f"http://{pod['status']['podIP']}:8080{path}", timeout=20) as answer:
        return str(answer.read().decode())


def _processes_of(pod: dict[str, Any]) -> list[int]:
    name = f"POD_NAME={pod['metadata']['name']}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if name in environment.split(b"\0"):
                found.append(int(folder.name))
    return found


class TestProcesses:
    def test_each_answers_at_an_address_of_its_own(self, world: Cluster, web: str) -> None:
        pods = _pods(world, web)
        assert len({pod["status"]["podIP"] for pod in pods}) == 10
        assert sorted(map(_ask, pods)) == sorted(pod["metadata"]["name"] for pod in pods)

    def test_a_service_leads_to_all_of_them(self, world: Cluster, web: str) -> None:
        world.kubectl("expose", "deployment", "web", "-n", web, "--port", "80", "--target-port", "http")
        address = world.get("Service", "web", web)["spec"]["clusterIP"]
        world.wait_all("EndpointSlice", web, lambda slices: slices and len(slices[0].get("endpoints") or ()) == 10)
        answers = set()
        for _ in range(40):
            with urllib.request.urlopen(f"http://{address}/", timeout=20) as answer:
                answers.add(answer.read())
        assert len(answers) == 10

    def test_a_log_is_followed(self, world: Cluster, web: str) -> None:
        pod = _pods(world, web)[0]
        beside = Path(sys.executable).with_name("kubectl")
        command = [beside if beside.exists() else "kubectl", "logs", "-f", "-n", web, pod["metadata"]["name"]]
        environment = {**os.environ, "KUBECONFIG": str(world.kubeconfig)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as following:
            assert following.stdout is not None
            assert following.stdout.readline() == f"hello from {pod['metadata']['name']}\n"
            _ask(pod, "/say")
            assert following.stdout.readline() == "somebody asked\n"
            world.delete("Pod", pod["metadata"]["name"], web)
            assert following.wait(60) == 0, "it ends with the container"

    def test_a_process_that_is_killed_is_started_again(self, world: Cluster, web: str) -> None:
        pod = _ready(world.wait_all("Pod", web, lambda pods: len(_ready(pods)) == 10))[0]
        [process] = _processes_of(pod)
        os.kill(process, signal.SIGKILL)
        name = pod["metadata"]["name"]
        again = world.wait("Pod", name, web, lambda one: one["status"]["containerStatuses"][0]["restartCount"] == 1)
        over = again["status"]["containerStatuses"][0]["lastState"]["terminated"]
        assert (over["exitCode"], over["reason"]) == (137, "Error")
        world.wait("Pod", name, web, lambda one: is_true(one, "Ready"))
        assert _ask(again) == name

    def test_a_pod_that_is_deleted_is_replaced(self, world: Cluster, web: str) -> None:
        pod = _pods(world, web)[0]
        processes = _processes_of(pod)
        world.kubectl("delete", "pod", pod["metadata"]["name"], "-n", web, "--timeout=60s")
        assert not any(Path(f"/proc/{process}").exists() for process in processes)
        world.kubectl("rollout", "status", "deployment/web", "-n", web, "--timeout=60s")
        assert len(_pods(world, web)) == 10

    def test_scaling(self, world: Cluster, web: str) -> None:
        world.kubectl("scale", "deployment/web", "-n", web, "--replicas=3")
        world.wait_all("Pod", web, lambda pods: len(pods) == 3)
        world.kubectl("scale", "deployment/web", "-n", web, "--replicas=10")
        world.kubectl("rollout", "status", "deployment/web", "-n", web, "--timeout=60s")

    def test_a_node_is_drained_and_comes_back(self, world: Cluster, web: str) -> None:
        world.kubectl("drain", "local", "--ignore-daemonsets", "--timeout=60s")
        assert not any(pod["spec"].get("nodeName") for pod in _pods(world, web))
        waiting = world.wait_all("Pod", web, lambda pods: pods and all(condition(p, "PodScheduled") for p in pods))
        assert "1 node(s) were unschedulable" in str(condition(waiting[0], "PodScheduled"))
        world.kubectl("uncordon", "local")
        world.kubectl("rollout", "status", "deployment/web", "-n", web, "--timeout=60s")

    def test_an_image_that_nothing_stands_for(self, world: Cluster, web: str) -> None:
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "strange"},
            "spec": {"containers": [{"name": "main", "image": "example.com/strange:1"}]},
        }
        world.make(manifest, web)

        def waits(pod: dict[str, Any]) -> bool:
            [status] = pod["status"].get("containerStatuses") or [{}]
            return str(status.get("state", {}).get("waiting", {}).get("reason")) in ("ErrImagePull", "ImagePullBackOff")

        pod = world.wait("Pod", "strange", web, waits)
        told = str(pod["status"]["containerStatuses"]) + str(
            [event["message"] for event in world.items("Event", web) if event["involvedObject"]["name"] == "strange"]
        )
        assert "example.com/strange:1" in told
        assert "Add it to `images`" in told
        world.delete("Pod", "strange", web)


def test_seventy_slices_hold_seventy_voices(world: Cluster) -> None:
    world.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "voices"}})
    limits = {"limits": {_SLICE: "1"}}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    world.make(_deployment("voices", 71, {"image": "voice", "resources": limits}, tolerations=tolerations), "voices")
    pods = world.wait_all("Pod", "voices", lambda found: len(_ready(found)) == 70)
    assert Counter(pod["spec"].get("nodeName", "none") for pod in pods) == {
        **{f"mig-{index}": 7 for index in range(10)},
        "none": 1,
    }
    [waiting] = [pod for pod in pods if not pod["spec"].get("nodeName")]
    told = world.wait("Pod", waiting["metadata"]["name"], "voices", lambda pod: condition(pod, "PodScheduled"))
    reason = condition(told, "PodScheduled")
    assert reason is not None
    assert (reason["reason"], reason["message"]) == (
        "Unschedulable",
        f"0/11 nodes are available: 11 Insufficient {_SLICE}.",
    )
    described = world.kubectl("describe", "pod", "-n", "voices", waiting["metadata"]["name"]).stdout
    assert "FailedScheduling" in described
    gone = next(pod for pod in pods if pod["spec"].get("nodeName"))
    world.kubectl("scale", "deployment/voices", "-n", "voices", "--replicas=70")
    world.kubectl("rollout", "status", "deployment/voices", "-n", "voices", "--timeout=60s")
    world.kubectl("delete", "pod", "-n", "voices", gone["metadata"]["name"], "--wait=false")
    world.wait_all("Pod", "voices", lambda found: len(_ready(found)) == 70)
