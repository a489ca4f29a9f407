"""Leases, as leaders hold them: of two writers, one wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from cluster_objects import lease

from cluster import Cluster


def test_of_two_who_read_the_same_only_one_writes(cluster: Cluster, namespace: str) -> None:
    read = cluster.make(lease("leader", "nobody"), namespace)
    mine, yours = ({**read, "spec": {**read["spec"], "holderIdentity": name}} for name in ("me", "you"))
    assert cluster.update(mine, namespace).status == 200
    cluster.update(yours, namespace).must_refuse(409, "Conflict", 'leases.coordination.k8s.io "leader"')
    assert cluster.get("Lease", "leader", namespace)["spec"]["holderIdentity"] == "me"


def test_of_many_who_create_it_one_does(cluster: Cluster, namespace: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: cluster.create(lease("leader", name), namespace), "abcdefgh"))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert {answer.reason for answer in answers if answer.status == 409} == {"AlreadyExists"}


def test_of_many_who_update_it_one_does(cluster: Cluster, namespace: str) -> None:
    read = cluster.make(lease("leader", "nobody"), namespace)

    def take(name: str) -> int:
        return cluster.update({**read, "spec": {**read["spec"], "holderIdentity": name}}, namespace).status

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(take, "abcdefgh"))
    assert statuses == [200] + [409] * 7


def test_no_update_is_lost_to_those_who_try_again(cluster: Cluster, namespace: str) -> None:
    cluster.make(lease("counter", "all"), namespace)

    def count(times: int) -> None:
        while times:
            read = cluster.get("Lease", "counter", namespace)
            transitions = read["spec"].get("leaseTransitions", 0) + 1
            answer = cluster.update({**read, "spec": {**read["spec"], "leaseTransitions": transitions}}, namespace)
            assert answer.status in (200, 409), answer
            times -= answer.status == 200

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, [5] * 4))
    assert cluster.get("Lease", "counter", namespace)["spec"]["leaseTransitions"] == 20


def test_times_keep_their_microseconds(cluster: Cluster, namespace: str) -> None:
    manifest = lease("leader", "me")
    manifest["spec"]["renewTime"] = "2026-01-02T03:04:05.600000Z"
    assert cluster.make(manifest, namespace)["spec"]["renewTime"] == "2026-01-02T03:04:05.600000Z"
    change = {"spec": {"renewTime": "2026-01-02T03:04:05.600001Z"}}
    assert cluster.patch("Lease", "leader", namespace, change).body["spec"]["renewTime"].endswith("05.600001Z")


def test_a_duration_is_above_zero(cluster: Cluster, namespace: str) -> None:
    manifest = lease("leader", "me")
    manifest["spec"]["leaseDurationSeconds"] = 0
    answer = cluster.create(manifest, namespace)
    answer.must_refuse(422, "Invalid", "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0")
