"""Watches: from a revision, through a selector, with bookmarks, and from the state as it is."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest
from cluster_objects import agent, config_map, lease
from watching import Event

from cluster import Cluster

_ENDS_SOON = 1.0
"""Seconds of a watch that is followed to its end."""
_FROM_THE_STATE: dict[str, Any] = {
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


def _told(events: Iterable[Event]) -> list[tuple[str, str]]:
    return [(event.type, event.name) for event in events]


def _revision(cluster: Cluster, namespace: str, kind: str = "ConfigMap") -> str:
    """The present one, to watch from."""
    return cluster.listing(kind, namespace).revision


class TestChanges:
    @pytest.mark.parametrize("kind", ["ConfigMap", "VoiceAgent"])
    def test_each_one_in_order(self, cluster: Cluster, namespace: str, kind: str) -> None:
        since = _revision(cluster, namespace, kind)
        cluster.make(agent("one") if kind == "VoiceAgent" else config_map("one"), namespace)
        patched = cluster.patch(kind, "one", namespace, {"metadata": {"labels": {"a": "b"}}})
        cluster.delete(kind, "one", namespace)
        events = list(islice(cluster.watch(kind, namespace, since, fieldSelector="metadata.name=one"), 3))
        assert _told(events) == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]
        assert events[1].object == patched.body
        revisions = [int(event.object["metadata"]["resourceVersion"]) for event in events]
        assert int(since) < revisions[0] < revisions[1] < revisions[2]
        assert all(event.object["kind"] == kind for event in events)

    def test_as_they_happen(self, cluster: Cluster, namespace: str) -> None:
        events = cluster.watch("Lease", namespace, _revision(cluster, namespace, "Lease"))
        cluster.make(lease("one", "me"), namespace)
        assert _told([next(events)]) == [("ADDED", "one")]
        cluster.delete("Lease", "one", namespace)
        assert _told([next(events)]) == [("DELETED", "one")]
        events.close()

    def test_only_those_after_the_revision(self, cluster: Cluster, namespace: str) -> None:
        first = cluster.make(lease("first", "me"), namespace)
        cluster.make(lease("second", "me"), namespace)
        events = cluster.watch("Lease", namespace, first["metadata"]["resourceVersion"])
        assert _told(islice(events, 1)) == [("ADDED", "second")]

    def test_from_no_revision_it_begins_with_what_is(self, cluster: Cluster, namespace: str) -> None:
        for name in ("a", "b"):
            cluster.make(lease(name, "me"), namespace)
        told = _told(islice(cluster.watch("Lease", namespace), 2))
        assert sorted(told) == [("ADDED", "a"), ("ADDED", "b")]

    def test_no_change_no_event(self, cluster: Cluster, namespace: str) -> None:
        made = cluster.make(lease("one", "me"), namespace)
        events = cluster.watch("Lease", namespace, made["metadata"]["resourceVersion"])
        cluster.update(made, namespace)
        cluster.patch("Lease", "one", namespace, {"spec": {"holderIdentity": "you"}})
        event = next(events)
        assert event.object["spec"]["holderIdentity"] == "you"
        events.close()

    def test_it_ends_when_its_time_is_over(self, cluster: Cluster, namespace: str) -> None:
        since = _revision(cluster, namespace, "Lease")
        assert list(cluster.watch("Lease", namespace, since, _ENDS_SOON)) == []

    def test_one_object_by_its_name(self, cluster: Cluster, namespace: str) -> None:
        since = _revision(cluster, namespace, "Lease")
        for name in ("a", "b"):
            cluster.make(lease(name, "me"), namespace)
        events = cluster.watch("Lease", namespace, since, fieldSelector="metadata.name=b")
        assert _told(islice(events, 1)) == [("ADDED", "b")]

    def test_all_namespaces(self, cluster: Cluster, namespace: str) -> None:
        made = cluster.make(lease("one", "me"), namespace)
        since = str(int(made["metadata"]["resourceVersion"]) - 1)
        for event in cluster.watch("Lease", since=since):
            if event.object["metadata"]["namespace"] == namespace:
                break
        assert (event.type, event.name) == ("ADDED", "one")

    def test_a_finalizer_makes_two_events_of_a_deletion(self, cluster: Cluster, namespace: str) -> None:
        manifest = lease("one", "me")
        manifest["metadata"]["finalizers"] = ["example.com/wait"]
        made = cluster.make(manifest, namespace)
        cluster.delete("Lease", "one", namespace)
        cluster.patch("Lease", "one", namespace, {"metadata": {"finalizers": None}})
        events = list(islice(cluster.watch("Lease", namespace, made["metadata"]["resourceVersion"]), 2))
        assert _told(events) == [("MODIFIED", "one"), ("DELETED", "one")]
        assert "deletionTimestamp" in events[0].object["metadata"]


class TestSelectors:
    def test_into_the_selection_is_added_and_out_of_it_deleted(self, cluster: Cluster, namespace: str) -> None:
        made = cluster.make(config_map("one", {"tier": "db"}), namespace)
        for tier in ("web", "web", "db", "cache"):
            change = {"metadata": {"labels": {"tier": tier}}, "data": {"tier": tier}}
            cluster.patch("ConfigMap", "one", namespace, change)
        cluster.patch("ConfigMap", "one", namespace, {"metadata": {"labels": {"tier": "web"}}})
        cluster.patch("ConfigMap", "one", namespace, {"data": {"size": "1"}})
        cluster.delete("ConfigMap", "one", namespace)
        since = made["metadata"]["resourceVersion"]
        events = list(islice(cluster.watch("ConfigMap", namespace, since, labelSelector="tier=web"), 5))
        assert [event.type for event in events] == ["ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED"]
        assert events[1].object["metadata"]["labels"] == {"tier": "web"}, "as it was when it was last selected"
        assert int(events[1].object["metadata"]["resourceVersion"]) > int(since)

    def test_by_field(self, cluster: Cluster, namespace: str) -> None:
        made = cluster.make(lease("a", "me"), namespace)
        since = str(int(made["metadata"]["resourceVersion"]) - 1)
        cluster.make(lease("b", "me"), namespace)
        events = cluster.watch("Lease", namespace, since, fieldSelector="metadata.name!=a")
        assert _told(islice(events, 1)) == [("ADDED", "b")]


class TestInitialEvents:
    def test_a_bookmark_marks_their_end(self, cluster: Cluster, namespace: str) -> None:
        for name in ("a", "b"):
            cluster.make(lease(name, "me"), namespace)
        events = cluster.watch("Lease", namespace, **_FROM_THE_STATE)
        *initial, mark = islice(events, 3)
        assert sorted(_told(initial)) == [("ADDED", "a"), ("ADDED", "b")]
        assert mark.type == "BOOKMARK"
        assert mark.object["kind"] == "Lease"
        assert mark.object["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        newest = max(int(one["metadata"]["resourceVersion"]) for one in cluster.items("Lease", namespace))
        assert int(mark.object["metadata"]["resourceVersion"]) >= newest
        cluster.make(lease("c", "me"), namespace)
        assert _told([next(events)]) == [("ADDED", "c")]
        events.close()

    def test_of_a_custom_resource_and_none_of_it(self, cluster: Cluster, namespace: str) -> None:
        (mark,) = islice(cluster.watch("VoiceAgent", namespace, **_FROM_THE_STATE), 1)
        assert mark.type == "BOOKMARK"
        assert mark.object["apiVersion"] == "antiphon.dev/v1alpha1"

    def test_they_need_the_match(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.listing("Lease", namespace, watch="true", sendInitialEvents="true")
        answer.must_refuse(422, "Invalid", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")


class TestRevisions:
    def test_one_too_old(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(config_map("one"), namespace)
        event = next(cluster.watch("ConfigMap", namespace, "1", _ENDS_SOON))
        if event.type != "ERROR":
            pytest.skip("the history of this cluster reaches back to its beginning")
        assert (event.object["code"], event.object["reason"]) == (410, "Expired")
        assert event.object["message"].startswith("too old resource version: 1 ")

    def test_a_list_at_one_that_is_still_to_come(self, cluster: Cluster, namespace: str) -> None:
        query = {"resourceVersion": "999999999", "resourceVersionMatch": "NotOlderThan"}
        answer = cluster.listing("ConfigMap", namespace, **query)
        answer.must_refuse(504, "Timeout", "Too large resource version: 999999999")
