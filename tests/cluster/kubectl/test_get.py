"""kubectl get, describe, explain, and what it finds out about the server."""

from __future__ import annotations

import json

import pytest
import yaml
from cluster_objects import agent
from kubectl_cli import Kubectl

from cluster import MERGE, Cluster

_AGENT_COLUMNS = ["NAME", "PHASE", "READY", "SESSIONS", "P95", "SLA", "PARTITION", "AGE"]


@pytest.fixture
def shop(cluster: Cluster, namespace: str) -> None:
    """The VoiceAgent `shop`, with a status."""
    cluster.make(agent("shop", description="sells"), namespace)
    status = {"phase": "Ready", "ready": "1/1", "sessions": 3, "p95Ms": 412.5, "sla": "Met", "partition": "none"}
    answer = cluster.patch("VoiceAgent", "shop", namespace, {"status": status}, MERGE, "status")
    assert answer.status == 200, answer


@pytest.mark.usefixtures("shop")
class TestGetOurs:
    def test_a_table(self, kubectl: Kubectl) -> None:
        header, row = kubectl.rows("get", "va")
        assert header == _AGENT_COLUMNS
        assert row[:-1] == ["shop", "Ready", "1/1", "3", "412.5", "Met", "none"]
        assert row[-1].endswith("s")

    def test_wide(self, kubectl: Kubectl) -> None:
        header, row = kubectl.rows("get", "va", "-o", "wide")
        assert header == [*_AGENT_COLUMNS[:-1], "POLICY", "ENDPOINT", "AGE"]
        assert row[7] == "p"

    @pytest.mark.parametrize("words", [["voiceagents"], ["voiceagent"], ["va"], ["voiceagents.v1alpha1.antiphon.dev"]])
    def test_by_any_name(self, kubectl: Kubectl, words: list[str]) -> None:
        assert kubectl("get", *words, "-o", "name").strip() == "voiceagent.antiphon.dev/shop"

    def test_as_data(self, kubectl: Kubectl) -> None:
        read = json.loads(kubectl("get", "va", "shop", "-o", "json"))
        assert read == yaml.safe_load(kubectl("get", "va", "shop", "-o", "yaml"))
        assert (read["kind"], read["spec"]["description"]) == ("VoiceAgent", "sells")
        assert "managedFields" not in read["metadata"]
        listed = json.loads(kubectl("get", "va", "-o", "json"))
        assert (listed["kind"], listed["items"][0]["kind"]) == ("List", "VoiceAgent")

    def test_by_expression(self, kubectl: Kubectl) -> None:
        assert kubectl("get", "va", "shop", "-o", "jsonpath={.status.p95Ms}") == "412.5"
        assert kubectl("get", "va", "-o", "jsonpath={.items[*].metadata.name}") == "shop"
        assert kubectl("get", "va", "shop", "-o", "go-template={{.status.phase}}") == "Ready"
        columns = kubectl.rows("get", "va", "-o", "custom-columns=WHO:.metadata.name,SLA:.status.sla")
        assert columns == [["WHO", "SLA"], ["shop", "Met"]]

    def test_by_label(self, kubectl: Kubectl) -> None:
        kubectl("label", "va", "shop", "tier=web")
        assert kubectl.rows("get", "va", "-L", "tier", "--no-headers")[0][-1] == "web"
        assert kubectl.rows("get", "va", "-l", "tier=web", "--show-labels")[1][-1] == "tier=web"
        assert "No resources found" in kubectl.run("get", "va", "-l", "tier=db").stderr

    def test_a_watch(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        with kubectl.following("get", "va", "-w") as lines:
            assert next(lines).split() == _AGENT_COLUMNS
            assert next(lines).split()[:2] == ["shop", "Ready"]
            cluster.patch("VoiceAgent", "shop", namespace, {"status": {"phase": "Degraded"}}, MERGE, "status")
            assert next(lines).split()[:2] == ["shop", "Degraded"]
            cluster.make(agent("desk"), namespace)
            assert next(lines).split()[0] == "desk"

    def test_a_watch_with_its_events(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        with kubectl.following("get", "va", "-w", "--output-watch-events") as lines:
            assert next(lines).split()[:2] == ["EVENT", "NAME"]
            assert next(lines).split()[:3] == ["ADDED", "shop", "Ready"]
            cluster.delete("VoiceAgent", "shop", namespace)
            assert next(lines).split()[:3] == ["DELETED", "shop", "Ready"]

    def test_describe(self, kubectl: Kubectl) -> None:
        said = kubectl("describe", "va", "shop")
        lines = [line.split() for line in said.splitlines()]
        for expected in (["Name:", "shop"], ["Kind:", "VoiceAgent"], ["Description:", "sells"], ["Phase:", "Ready"]):
            assert expected in lines
        assert "Events:" in said


class TestGetTheirs:
    def test_deployments(self, kubectl: Kubectl, web: str) -> None:
        header, row = kubectl.rows("get", web)
        assert header == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
        assert row[:-1] == ["web", "2/2", "2", "2"]

    @pytest.mark.usefixtures("web")
    def test_pods(self, kubectl: Kubectl) -> None:
        header, *rows = kubectl.rows("get", "pods")
        assert header == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert [row[1:4] for row in rows] == [["1/1", "Running", "0"]] * 2
        header, *rows = kubectl.rows("get", "pods", "-o", "wide")
        assert header[:7] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
        nodes = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in kubectl.object("pods")["items"]}
        assert {row[0]: row[6] for row in rows} == nodes

    def test_nodes(self, kubectl: Kubectl) -> None:
        header, *rows = kubectl.rows("get", "nodes")
        assert header[:2] == ["NAME", "STATUS"]
        assert any(row[1] == "Ready" for row in rows)

    def test_what_is_not_there(self, kubectl: Kubectl) -> None:
        assert 'Error from server (NotFound): pods "none" not found' in kubectl.fails("get", "pod", "none")
        assert 'the server doesn\'t have a resource type "nothing"' in kubectl.fails("get", "nothing")
        assert "No resources found in" in kubectl.run("get", "deployments").stderr

    def test_describe_a_deployment(self, kubectl: Kubectl, web: str) -> None:
        said = kubectl("describe", web)
        assert "2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in said
        assert "RollingUpdateStrategy:  25% max unavailable, 25% max surge" in said
        assert "NewReplicaSetAvailable" in said
        assert "(2/2 replicas created)" in said
        assert "ScalingReplicaSet" in said.partition("Events:")[2]

    @pytest.mark.usefixtures("web")
    def test_describe_a_pod(self, kubectl: Kubectl) -> None:
        pod = kubectl("get", "pods", "-o", "name").split()[0]
        said = kubectl("describe", pod)
        for expected in ("Controlled By:  ReplicaSet/web-", "State:          Running", "PodScheduled", "Image:"):
            assert expected in said
        assert "Successfully assigned" in said.partition("Events:")[2]

    def test_raw(self, kubectl: Kubectl, namespace: str) -> None:
        assert json.loads(kubectl("get", "--raw", f"/api/v1/namespaces/{namespace}"))["kind"] == "Namespace"
        assert kubectl("get", "--raw", "/readyz") == "ok"
        assert "NotFound" in kubectl.fails("get", "--raw", "/apis/nowhere.example.com/v1")


class TestExplain:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (
                ["va.spec.scaling"],
                ["KIND: VoiceAgent", "maxReplicas <integer>", "Most replicas.", "enum: SLA, External"],
            ),
            (["va.spec.scaling", "--recursive"], ["minReplicas <integer>", "FIELD: scaling <Object>"]),
            (["deployment.spec.strategy"], ["KIND: Deployment", "rollingUpdate <RollingUpdateDeployment>"]),
            (
                ["deployment.spec.strategy", "--recursive"],
                ["maxSurge <IntOrString>", "maxUnavailable <IntOrString>", "enum: Recreate, RollingUpdate"],
            ),
            (["pod.spec.containers"], ["FIELD: containers <[]Container>", "-required-", "imagePullPolicy <string>"]),
            (["va"], ["A voice agent that the operator runs", "metadata <ObjectMeta>"]),
        ],
        ids=lambda one: " ".join(one) if len(one) < 3 else "",
    )
    def test_fields(self, kubectl: Kubectl, words: list[str], expected: list[str]) -> None:
        said = " ".join(kubectl("explain", *words).split())
        for each in expected:
            assert each in said

    def test_a_field_that_is_none(self, kubectl: Kubectl) -> None:
        assert 'field "nothing" does not exist' in kubectl.fails("explain", "va.spec.nothing")


class TestServer:
    def test_api_resources(self, kubectl: Kubectl) -> None:
        header, *rows = kubectl.rows("api-resources", "--categories=antiphon", "--no-headers=false")
        assert header == ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
        assert ["voiceagents", "va", "antiphon.dev/v1alpha1", "true", "VoiceAgent"] in rows
        assert len(rows) == 4
        wide = kubectl.rows("api-resources", "--api-group=antiphon.dev", "-o", "wide", "--no-headers")
        verbs = next(row for row in wide if row[0] == "voiceagents")[5]
        assert set(verbs.split(",")) == {
            "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"
        }  # fmt: skip

    def test_api_resources_of_the_others(self, kubectl: Kubectl) -> None:
        names = {tuple(row[:3]) for row in kubectl.rows("api-resources", "--no-headers")}
        assert {("pods", "po", "v1"), ("deployments", "deploy", "apps/v1")} <= names
        assert {row[0] for row in kubectl.rows("api-resources", "--categories=all", "--no-headers")} >= {"pods", "jobs"}

    def test_api_versions(self, kubectl: Kubectl) -> None:
        assert {"v1", "apps/v1", "antiphon.dev/v1alpha1", "batch/v1"} <= set(kubectl("api-versions").split())

    def test_version(self, kubectl: Kubectl) -> None:
        server = json.loads(kubectl("version", "-o", "json"))["serverVersion"]
        assert server["gitVersion"].startswith(f"v{server['major']}.")

    def test_cluster_info(self, kubectl: Kubectl) -> None:
        assert "is running at" in kubectl("cluster-info")

    def test_auth(self, kubectl: Kubectl) -> None:
        assert kubectl("auth", "can-i", "create", "pods").strip() == "yes"
        assert kubectl("auth", "can-i", "get", "voiceagents/status").strip() == "yes"
        assert kubectl("auth", "can-i", "list", "va", "--all-namespaces").strip() == "yes"
        assert kubectl.rows("auth", "whoami")[1][0] == "Username"
        assert ["*.*", "[]", "[]", "[*]"] in kubectl.rows("auth", "can-i", "--list")
