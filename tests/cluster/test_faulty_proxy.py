"""The proxy that other tests lean on: what it injects is what clients meet, and otherwise it is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from faults import CutWatch, Delay, DropAfter, DropBefore, ExpireWatch, Hang, Refuse
from faulty_proxy import FaultyProxy, running_proxy

from cluster import Cluster, collection, object_path

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"text": "hello"}}


@pytest.fixture
def proxy(cluster: Cluster, tmp_path: Path) -> Iterator[FaultyProxy]:
    with running_proxy(cluster.kubeconfig, tmp_path / "kubeconfig") as running:
        yield running


@pytest.fixture
def path(namespace: str) -> str:
    return collection("ConfigMap", namespace)


def send(proxy: FaultyProxy, method: str, path: str, body: Any = None, timeout: float = 30) -> Any:
    """One request, never repeated."""
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request(method, proxy.server + path, json=body, timeout=timeout)


def watch(proxy: FaultyProxy, path: str, since: str) -> list[str]:
    """The lines of a watch until it ends."""
    answer = send(proxy, "GET", f"{path}?watch=1&resourceVersion={since}")
    return [str(line) for line in answer.data.decode().splitlines()]


def test_it_passes_on_what_it_is_not_told_to_spoil(proxy: FaultyProxy, cluster: Cluster, namespace: str) -> None:
    through = Cluster(proxy.kubeconfig)
    made = through.make(CONFIG_MAP, namespace)
    assert cluster.get("ConfigMap", "one", namespace) == made == through.get("ConfigMap", "one", namespace)
    assert through.kubectl("get", "configmap", "one", "-n", namespace, "-o", "json").stdout
    path = object_path("ConfigMap", "one", namespace)
    assert proxy.counts("POST") == {201: 1}
    assert proxy.counts("GET", path)[200] == 2
    assert through.create(CONFIG_MAP, namespace).reason == "AlreadyExists"
    assert proxy.counts("POST") == {201: 1, 409: 1}


def test_events_come_through_as_they_happen(proxy: FaultyProxy, cluster: Cluster, namespace: str) -> None:
    since = cluster.listing("ConfigMap", namespace).revision
    events = Cluster(proxy.kubeconfig).watch("ConfigMap", namespace, since, labelSelector="told=yes")
    for name in ("one", "two"):
        cluster.make({**CONFIG_MAP, "metadata": {"name": name, "labels": {"told": "yes"}}}, namespace)
        event = next(events)
        assert (event.type, event.name) == ("ADDED", name)
    events.close()


def test_a_refusal_is_a_status_for_so_many_requests(proxy: FaultyProxy, path: str) -> None:
    refusal = proxy.inject(Refuse(429, "TooManyRequests", 7), "GET", path, times=2)
    for _ in range(2):
        answer = send(proxy, "GET", path)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        assert json.loads(answer.data)["reason"] == "TooManyRequests"
    assert send(proxy, "GET", path).status == 200
    refusal.wait(0)
    assert proxy.counts("GET", path) == {429: 2, 200: 1}


def test_heal_ends_a_fault_without_number(proxy: FaultyProxy, path: str) -> None:
    proxy.inject(Refuse(503), times=None)
    assert [send(proxy, "GET", path).status for _ in range(3)] == [503, 503, 503]
    proxy.heal()
    assert send(proxy, "GET", path).status == 200


def test_dropped_before_the_server_knows_of_nothing(
    proxy: FaultyProxy, cluster: Cluster, namespace: str, path: str
) -> None:
    proxy.inject(DropBefore(), "POST", path)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        send(proxy, "POST", path, CONFIG_MAP)
    assert cluster.read("ConfigMap", "one", namespace).status == 404
    assert proxy.counts("POST", path) == {0: 1}


def test_dropped_after_the_server_has_done_it(proxy: FaultyProxy, cluster: Cluster, namespace: str, path: str) -> None:
    proxy.inject(DropAfter(), "POST", path)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        send(proxy, "POST", path, CONFIG_MAP)
    assert cluster.read("ConfigMap", "one", namespace).status == 200


def test_a_hanging_request_never_reaches_the_server(
    proxy: FaultyProxy, cluster: Cluster, namespace: str, path: str
) -> None:
    proxy.inject(Hang(), "POST", path)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        send(proxy, "POST", path, CONFIG_MAP, timeout=0.5)
    assert cluster.read("ConfigMap", "one", namespace).status == 404


def test_a_delayed_request_is_passed_on(proxy: FaultyProxy, path: str) -> None:
    proxy.inject(Delay(2), "POST", path)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        send(proxy, "POST", path, CONFIG_MAP, timeout=0.5)
    proxy.inject(Delay(0.1), "POST", path)
    assert send(proxy, "POST", path, CONFIG_MAP).status == 201


def test_a_new_watch_is_cut_after_its_events(proxy: FaultyProxy, cluster: Cluster, namespace: str, path: str) -> None:
    since = cluster.listing("ConfigMap", namespace).revision
    cluster.make(CONFIG_MAP, namespace)
    cluster.make({**CONFIG_MAP, "metadata": {"name": "two"}}, namespace)
    proxy.inject(CutWatch(), path=path)
    assert watch(proxy, path, since) == []
    proxy.inject(CutWatch(after_events=1), path=path)
    (line,) = watch(proxy, path, since)
    assert json.loads(line)["object"]["metadata"]["name"] == "one"
    proxy.inject(CutWatch(after_events=1, mid_line=True), path=path)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        watch(proxy, path, since)
    proxy.inject(ExpireWatch(), path=path)
    (line,) = watch(proxy, path, since)
    assert (json.loads(line)["type"], json.loads(line)["object"]["code"]) == ("ERROR", 410)


def test_a_running_watch_is_ended(proxy: FaultyProxy, cluster: Cluster, namespace: str, path: str) -> None:
    since = cluster.listing("ConfigMap", namespace).revision
    events = Cluster(proxy.kubeconfig).watch("ConfigMap", namespace, since, fieldSelector="metadata.name=one")
    cluster.make(CONFIG_MAP, namespace)
    assert next(events).name == "one"
    proxy.wait_watched(path)
    assert proxy.end_watches(ExpireWatch(), path) == 1
    assert [(event.type, event.object["code"]) for event in events] == [("ERROR", 410)]
    assert proxy.end_watches(CutWatch(), path) == 0
