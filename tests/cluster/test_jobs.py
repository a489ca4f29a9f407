"""Jobs: pods that end."""

from __future__ import annotations

import pytest
from cluster_objects import FAILS, condition, is_of_old_controllers, is_true, job
from watching import Obj

from cluster import Cluster


def test_it_runs_to_completion(cluster: Cluster, namespace: str) -> None:
    made = cluster.make(job("one"), namespace)
    done = cluster.wait("Job", "one", namespace, lambda one: is_true(one, "Complete"))
    assert done["status"]["succeeded"] == 1
    assert done["status"]["completionTime"] >= done["status"]["startTime"]
    assert not done["status"].get("active")
    (pod,) = cluster.items("Pod", namespace, labelSelector="job-name=one")
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Job", made["metadata"]["uid"], True)


def test_the_selector_is_made_for_it(cluster: Cluster, namespace: str) -> None:
    made = cluster.make(job("one"), namespace)
    uid = made["metadata"]["uid"]
    assert uid in made["spec"]["selector"]["matchLabels"].values()
    assert made["spec"]["template"]["metadata"]["labels"]["job-name"] == "one"
    assert (made["spec"]["completions"], made["spec"]["parallelism"], made["spec"]["backoffLimit"]) == (1, 1, 6)


def test_several_completions_a_few_at_a_time(cluster: Cluster, namespace: str) -> None:
    cluster.make(job("three", completions=3, parallelism=2), namespace)

    def over(found: list[Obj]) -> bool:
        assert found[0].get("status", {}).get("active", 0) <= 2
        return is_true(found[0], "Complete")

    (done,) = cluster.wait_all("Job", namespace, over)
    assert done["status"]["succeeded"] == 3
    assert len(cluster.items("Pod", namespace)) == 3


def test_one_that_fails(cluster: Cluster, namespace: str) -> None:
    cluster.make(job("wrong", FAILS, backoffLimit=0), namespace)
    failed = cluster.wait("Job", "wrong", namespace, lambda one: is_true(one, "Failed"))
    assert condition(failed, "Failed")["reason"] == "BackoffLimitExceeded"
    assert failed["status"]["failed"] == 1
    assert not failed["status"].get("succeeded")


def test_one_that_takes_too_long(cluster: Cluster, namespace: str) -> None:
    late = job("late", activeDeadlineSeconds=1)
    late["spec"]["template"]["spec"]["nodeSelector"] = {"example.com/nowhere": "yes"}
    cluster.make(late, namespace)
    started = cluster.wait("Job", "late", namespace, lambda one: one.get("status", {}).get("startTime"))
    if is_of_old_controllers(started):
        pytest.skip("the controllers are of 1.20, and forget a deadline now and then")
    failed = cluster.wait("Job", "late", namespace, lambda one: is_true(one, "Failed"))
    assert condition(failed, "Failed")["reason"] == "DeadlineExceeded"
    cluster.wait_all("Pod", namespace, lambda pods: not pods)


def test_its_pods_go_with_it(cluster: Cluster, namespace: str) -> None:
    cluster.make(job("one"), namespace)
    cluster.wait("Job", "one", namespace, lambda one: is_true(one, "Complete"))
    cluster.delete("Job", "one", namespace, propagationPolicy="Background")
    cluster.wait_all("Pod", namespace, lambda pods: not pods)


def test_it_refuses_pods_that_always_restart(cluster: Cluster, namespace: str) -> None:
    manifest = job("one")
    manifest["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    answer = cluster.create(manifest, namespace)
    answer.must_refuse(422, "Invalid", "spec.template.spec.restartPolicy")
