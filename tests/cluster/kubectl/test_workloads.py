"""kubectl rollout, scale, set, expose, wait, events, logs, and what drains and cordons nodes."""

from __future__ import annotations

import json

import pytest
from cluster_objects import agent, condition, disruption_budget, is_ready, is_rolled_out, job, pod
from kubectl_cli import Kubectl
from own_nodes import own_node

from cluster import MERGE, Cluster

_packaged = pytest.mark.parametrize("kubectl", ["packaged"], indirect=True)
"""What takes long and is the same in every kubectl is tested with one."""


class TestRollout:
    def test_status(self, kubectl: Kubectl, cluster: Cluster, namespace: str, web: str) -> None:
        assert kubectl("rollout", "status", web) == 'deployment "web" successfully rolled out\n'
        kubectl("set", "image", web, "main=busybox:2")
        said = kubectl("rollout", "status", web, "--timeout=60s").splitlines()
        assert said[-1] == 'deployment "web" successfully rolled out'
        images = {one["spec"]["containers"][0]["image"] for one in cluster.items("Pod", namespace) if is_ready(one)}
        assert images == {"busybox:2"}

    def test_status_that_is_not_reached(self, kubectl: Kubectl, web: str) -> None:
        nowhere = {"spec": {"template": {"spec": {"nodeSelector": {"example.com/nowhere": "yes"}}}}}
        kubectl("patch", web, "-p", json.dumps(nowhere))
        assert "timed out waiting for the condition" in kubectl.fails("rollout", "status", web, "--timeout=1s")

    def test_restart(self, kubectl: Kubectl, cluster: Cluster, namespace: str, web: str) -> None:
        before = {one["metadata"]["uid"] for one in cluster.items("Pod", namespace)}
        assert kubectl("rollout", "restart", web) == "deployment.apps/web restarted\n"
        kubectl("rollout", "status", web, "--timeout=60s")
        after = {one["metadata"]["uid"] for one in cluster.items("Pod", namespace) if is_ready(one)}
        assert len(after) == 2
        assert not before & after

    def test_history_and_undo(self, kubectl: Kubectl, web: str) -> None:
        kubectl("set", "image", web, "main=busybox:2")
        kubectl("annotate", web, "kubernetes.io/change-cause=a newer image")
        kubectl("rollout", "status", web, "--timeout=60s")
        history = kubectl("rollout", "history", web).splitlines()
        assert history[1].split() == ["REVISION", "CHANGE-CAUSE"]
        assert [line.split(maxsplit=1) for line in history[2:4]] == [["1", "<none>"], ["2", "a newer image"]]
        assert "busybox:2" in kubectl("rollout", "history", web, "--revision=2")
        assert kubectl("rollout", "undo", web) == "deployment.apps/web rolled back\n"
        kubectl("rollout", "status", web, "--timeout=60s")
        (main,) = kubectl.object(web)["spec"]["template"]["spec"]["containers"]
        assert main["image"] == "busybox"
        assert [line.split()[0] for line in kubectl("rollout", "history", web).splitlines()[2:4]] == ["2", "3"]
        assert "unable to find specified revision 9" in kubectl.fails("rollout", "undo", web, "--to-revision=9")

    def test_pause_and_resume(self, kubectl: Kubectl, web: str) -> None:
        assert kubectl("rollout", "pause", web).split()[-1] == "paused"
        kubectl("set", "env", web, "TURN=2")
        assert "paused" in kubectl.fails("rollout", "restart", web)
        assert kubectl("rollout", "resume", web).split()[-1] == "resumed"
        kubectl("rollout", "status", web, "--timeout=60s")


class TestScale:
    def test_a_deployment(self, kubectl: Kubectl, cluster: Cluster, namespace: str, web: str) -> None:
        assert kubectl("scale", web, "--replicas=1") == "deployment.apps/web scaled\n"
        cluster.wait_all("Pod", namespace, lambda pods: len(pods) == 1)
        assert "Expected replicas to be 5, was 1" in kubectl.fails("scale", web, "--current-replicas=5", "--replicas=2")

    def test_an_agent(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        cluster.make(agent("one", scaling={"mode": "External", "minReplicas": 1, "maxReplicas": 4}), namespace)
        assert kubectl("scale", "va/one", "--replicas=3") == "voiceagent.antiphon.dev/one scaled\n"
        assert kubectl("get", "va", "one", "-o", "jsonpath={.spec.scaling.replicas}") == "3"
        assert "replicas is 9; it must be at most maxReplicas, 4" in kubectl.fails("scale", "va/one", "--replicas=9")


@_packaged
class TestSet:
    def test_image_and_env(self, kubectl: Kubectl, web: str) -> None:
        assert kubectl("set", "image", web, "main=busybox:3").split()[-2:] == ["image", "updated"]
        assert kubectl("set", "env", web, "A=1", "B=2").split()[-2:] == ["env", "updated"]
        assert kubectl("set", "env", web, "--list").splitlines()[1:] == ["A=1", "B=2"]
        kubectl("set", "env", web, "A-")
        (main,) = kubectl.object(web)["spec"]["template"]["spec"]["containers"]
        assert (main["image"], main["env"]) == ("busybox:3", [{"name": "B", "value": "2"}])

    def test_resources(self, kubectl: Kubectl, web: str) -> None:
        kubectl("set", "resources", web, "--requests=cpu=10m")
        (main,) = kubectl.object(web)["spec"]["template"]["spec"]["containers"]
        assert main["resources"] == {"requests": {"cpu": "10m"}}

    def test_expose(self, kubectl: Kubectl, cluster: Cluster, namespace: str, web: str) -> None:
        assert kubectl("expose", web, "--port=80", "--target-port=8080") == "service/web exposed\n"
        assert kubectl.object("service", "web")["spec"]["selector"] == {"app": "web"}
        cluster.wait("Endpoints", "web", namespace, lambda one: one.get("subsets"))


class TestWait:
    def test_for_a_condition(self, kubectl: Kubectl, web: str) -> None:
        assert kubectl("wait", web, "--for=condition=Available", "--timeout=60s").endswith("condition met\n")
        said = kubectl("wait", "pod", "-l", "app=web", "--for=condition=Ready", "--timeout=60s")
        assert said.count("condition met") == 2

    def test_for_a_value_that_comes(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        cluster.make(agent("one"), namespace)
        with kubectl.following("wait", "va/one", "--for=jsonpath={.status.phase}=Ready", "--timeout=60s") as lines:
            cluster.patch("VoiceAgent", "one", namespace, {"status": {"phase": "Ready"}}, MERGE, "status")
            assert next(lines) == "voiceagent.antiphon.dev/one condition met\n"

    def test_for_a_deletion(self, kubectl: Kubectl, cluster: Cluster, namespace: str, web: str) -> None:
        cluster.delete("Deployment", "web", namespace)
        kubectl("wait", "pod", "-l", "app=web", "--for=delete", "--timeout=60s")
        kubectl("wait", web, "--for=delete", "--timeout=60s")
        assert not cluster.items("Pod", namespace)

    def test_in_vain(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        cluster.make(agent("one"), namespace)
        said = kubectl.fails("wait", "va/one", "--for=condition=Ready", "--timeout=1s")
        assert "timed out waiting for the condition" in said

    def test_for_a_job(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        cluster.make(job("one"), namespace)
        kubectl("wait", "job/one", "--for=condition=Complete", "--timeout=60s")


class TestEvents:
    def test_of_a_deployment(self, kubectl: Kubectl, cluster: Cluster, namespace: str, web: str) -> None:
        cluster.wait_all("Event", namespace, lambda events: "Scheduled" in {one["reason"] for one in events})
        header, *rows = kubectl.rows("events")
        assert header == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
        said = kubectl("events")
        for reason in ("ScalingReplicaSet", "SuccessfulCreate", "Scheduled"):
            assert reason in said
        assert rows
        assert "Scheduled" not in kubectl("events", "--for", web)
        assert "No events found" in kubectl.run("events", "--types=Warning").stderr


class TestLogs:
    @pytest.fixture
    def counter(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> str:
        """A pod that says three words, and goes on."""
        script = "echo one; echo two; echo three; exec sleep 3600"
        cluster.make(pod("counter", command=["sh", "-c", script]), namespace)
        placed = cluster.wait("Pod", "counter", namespace, is_ready)
        runtime = cluster.get("Node", placed["spec"]["nodeName"])["status"]["nodeInfo"]["containerRuntimeVersion"]
        if runtime.startswith("fake:") or "hollow" in runtime:
            pytest.skip(f"the pod is on a hollow node ({runtime}), which keeps no logs")
        with kubectl.following("logs", "-f", "counter") as lines:
            assert [next(lines) for _ in range(3)] == ["one\n", "two\n", "three\n"]
        return "counter"

    def test_all_and_the_last(self, kubectl: Kubectl, counter: str) -> None:
        assert kubectl("logs", counter) == "one\ntwo\nthree\n"
        assert kubectl("logs", counter, "--tail=1") == "three\n"
        stamped = kubectl("logs", counter, "--timestamps", "--tail=1").split()
        assert stamped[0].endswith("Z")
        assert stamped[1] == "three"
        assert "container nobody is not valid for pod counter" in kubectl.fails("logs", counter, "-c", "nobody")

    def test_following_ends_with_the_pod(self, kubectl: Kubectl, counter: str) -> None:
        with kubectl.following("logs", "-f", counter) as lines:
            assert next(lines) == "one\n"
            kubectl("delete", "pod", counter, "--wait=false")
            assert list(lines) == ["two\n", "three\n"]


@_packaged
class TestNodes:
    def test_cordon_and_uncordon(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=1) as node:
            assert kubectl("cordon", node.name) == f"node/{node.name} cordoned\n"
            assert kubectl.rows("get", "node", node.name)[1][1] == "Ready,SchedulingDisabled"
            assert "already cordoned" in kubectl("cordon", node.name)
            assert kubectl("uncordon", node.name) == f"node/{node.name} uncordoned\n"
            cluster.make(pod("one", **node.takes(1)), namespace)
            cluster.wait("Pod", "one", namespace, lambda one: one["spec"].get("nodeName") == node.name)

    def test_taint(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=1) as node:
            assert kubectl("taint", "node", node.name, "example.com/only=voice:NoSchedule").split()[-1] == "tainted"
            cluster.make(pod("one", **node.takes(1)), namespace)
            cluster.wait("Pod", "one", namespace, lambda one: "taint" in condition(one, "PodScheduled")["message"])
            assert kubectl("taint", "node", node.name, "example.com/only-").split()[-1] == "untainted"
            cluster.wait("Pod", "one", namespace, lambda one: one["spec"].get("nodeName") == node.name)

    def test_label(self, kubectl: Kubectl, cluster: Cluster) -> None:
        with own_node(cluster) as node:
            kubectl("label", "node", node.name, "example.com/fast=yes")
            assert kubectl("get", "node", "-l", "example.com/fast=yes", "-o", "name").strip() == f"node/{node.name}"

    def test_describe(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=3) as node:
            cluster.make(pod("one", **node.takes(2)), namespace)
            cluster.wait("Pod", "one", namespace, lambda one: one["spec"].get("nodeName"))
            lines = [line.split() for line in kubectl("describe", "node", node.name).splitlines()]
            assert [f"{node.resource}:", "3"] in lines
            assert [node.resource, "2", "2"] in lines

    @pytest.mark.usefixtures("web")
    def test_drain_moves_the_pods(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        moved = cluster.items("Pod", namespace)[0]
        node, name = moved["spec"]["nodeName"], moved["metadata"]["name"]
        try:
            said = kubectl("drain", node, "--pod-selector=app=web", "--ignore-daemonsets", "--timeout=60s")
            assert f"pod/{name} evicted" in said
            assert f"node/{node} drained" in said
            assert name not in {one["metadata"]["name"] for one in cluster.items("Pod", namespace)}
        finally:
            kubectl("uncordon", node)
        cluster.wait("Deployment", "web", namespace, is_rolled_out)

    def test_drain_heeds_the_budget(self, kubectl: Kubectl, cluster: Cluster, namespace: str, web: str) -> None:
        cluster.make(disruption_budget("web", "web", minAvailable=2), namespace)
        cluster.wait(
            "PodDisruptionBudget", "web", namespace, lambda one: one.get("status", {}).get("expectedPods") == 2
        )
        node = cluster.items("Pod", namespace)[0]["spec"]["nodeName"]
        try:
            said = kubectl.fails("drain", node, "--pod-selector=app=web", "--ignore-daemonsets", "--timeout=1s")
            assert "Cannot evict pod as it would violate the pod's disruption budget" in said
        finally:
            kubectl("uncordon", node)
        assert len(cluster.items("Pod", namespace)) == 2
        assert is_rolled_out(kubectl.object(web))
