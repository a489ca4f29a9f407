"""The three kinds of patch that are not apply."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_objects import agent, config_map, container, deployment
from watching import Obj

from cluster import JSON_PATCH, MERGE, STRATEGIC, Cluster

_FINALIZER = "example.com/wait"


@pytest.fixture
def stored(cluster: Cluster, namespace: str) -> Obj:
    """A ConfigMap `one`."""
    return cluster.make(config_map("one", {"app": "shop"}, color="red"), namespace)


_PATCHES: list[tuple[str, Any, Any]] = [
    (MERGE, {"data": {"color": None, "size": "1"}}, {"size": "1"}),
    (MERGE, {"data": {}}, {"color": "red"}),
    (STRATEGIC, {"data": {"size": "1"}}, {"color": "red", "size": "1"}),
    (STRATEGIC, {"data": {"$patch": "replace", "size": "1"}}, {"size": "1"}),
    (JSON_PATCH, [{"op": "add", "path": "/data/size", "value": "1"}], {"color": "red", "size": "1"}),
    (JSON_PATCH, [{"op": "replace", "path": "/data/color", "value": "blue"}], {"color": "blue"}),
    (JSON_PATCH, [{"op": "copy", "from": "/data/color", "path": "/data/hue"}], {"color": "red", "hue": "red"}),
    (JSON_PATCH, [{"op": "move", "from": "/data/color", "path": "/data/hue"}], {"hue": "red"}),
]


class TestPatch:
    @pytest.mark.usefixtures("stored")
    @pytest.mark.parametrize(("how", "change", "expected"), _PATCHES, ids=lambda one: str(one)[:50])
    def test_three_kinds(self, cluster: Cluster, namespace: str, how: str, change: Any, expected: Any) -> None:
        answer = cluster.patch("ConfigMap", "one", namespace, change, how)
        assert answer.status == 200, answer
        assert answer.body["data"] == expected

    @pytest.mark.usefixtures("stored")
    def test_a_path_with_a_slash_in_it(self, cluster: Cluster, namespace: str) -> None:
        change = [{"op": "add", "path": "/metadata/labels/example.com~1size", "value": "1"}]
        answer = cluster.patch("ConfigMap", "one", namespace, change, JSON_PATCH)
        assert answer.body["metadata"]["labels"] == {"app": "shop", "example.com/size": "1"}

    @pytest.mark.usefixtures("stored")
    @pytest.mark.parametrize(
        "operation",
        [
            {"op": "test", "path": "/data/color", "value": "blue"},
            {"op": "remove", "path": "/data/none"},
            {"op": "replace", "path": "/data/none", "value": "1"},
        ],
        ids=lambda one: one["op"],
    )
    def test_a_json_patch_that_does_not_fit(self, cluster: Cluster, namespace: str, operation: Obj) -> None:
        cluster.patch("ConfigMap", "one", namespace, [operation], JSON_PATCH).must_refuse(422, "Invalid")

    def test_containers_are_merged_by_name(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(deployment("one", pod={"containers": [container(), container("side")]}, paused=True), namespace)

        def patched(*containers: Obj) -> dict[str, str]:
            change = {"spec": {"template": {"spec": {"containers": list(containers)}}}}
            answer = cluster.patch("Deployment", "one", namespace, change, STRATEGIC)
            assert answer.status == 200, answer
            return {one["name"]: one["image"] for one in answer.body["spec"]["template"]["spec"]["containers"]}

        assert patched({"name": "side", "image": "busybox:2"}) == {"main": "busybox", "side": "busybox:2"}
        assert patched({"name": "side", "$patch": "delete"}) == {"main": "busybox"}
        assert patched({"name": "new", "image": "busybox:3"}) == {"main": "busybox", "new": "busybox:3"}

    def test_no_strategic_patch_on_a_custom_resource(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(agent("one"), namespace)
        cluster.patch("VoiceAgent", "one", namespace, {}, STRATEGIC).must_refuse(415, "UnsupportedMediaType")

    def test_a_null_drops_a_field_of_a_custom_resource(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(agent("one", description="a"), namespace)
        answer = cluster.patch("VoiceAgent", "one", namespace, {"spec": {"description": None}})
        assert "description" not in answer.body["spec"]

    @pytest.mark.usefixtures("stored")
    def test_an_old_revision_is_refused(self, cluster: Cluster, namespace: str) -> None:
        change = {"metadata": {"resourceVersion": "1"}, "data": {"color": "blue"}}
        cluster.patch("ConfigMap", "one", namespace, change).must_refuse(409, "Conflict")

    def test_what_is_not_there(self, cluster: Cluster, namespace: str) -> None:
        cluster.patch("ConfigMap", "none", namespace, {"data": {"a": "b"}}).must_refuse(404, "NotFound")

    @pytest.mark.usefixtures("stored")
    def test_a_content_type_that_is_none(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.patch("ConfigMap", "one", namespace, {}, "application/x-unheard-of")
        answer.must_refuse(415, "UnsupportedMediaType")
