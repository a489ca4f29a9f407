"""Agents that run: scaled, waited for, listed, told of, tuned, given another control token. Hollow pods are but ready."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from operated import QUIET_SECONDS, TIMEOUT_SECONDS, Operated, condition, operated_module, runs_pods

from antiphon_operator.kube.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, SECRETS, SLA_POLICIES, VOICE_AGENTS
from cluster import Cluster

Obj = dict[str, Any]
ROTATE = "antiphon.dev/rotate-control-token"
TOO_MUCH_CPU = "4000"


@pytest.fixture(scope="module")
def corner(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """With one agent that is ready."""
    with operated_module(cluster, tmp_path_factory) as (found, _):
        found.make(found.agent(replicas=1))
        found.wait_condition("hello", "Ready", "True")
        yield found


@pytest.fixture
def live(corner: Operated) -> Operated:
    """Where pods have somebody in them who can be told things."""
    if not runs_pods(corner.cluster):
        pytest.skip("the pods of this cluster's nodes are hollow: nobody in them takes a tuning")
    corner.wait_condition("hello", "Steady", "True")
    return corner


def _deployment(corner: Operated, agent: str = "hello") -> Obj:
    return corner.the(DEPLOYMENTS, f"{agent}-main")


def _status_is(field: str, value: Any) -> Callable[[Obj], bool]:
    return lambda agent: bool(agent["status"].get(field) == value)


# --- waiting and looking -------------------------------------------------------------------------------------------


def test_kubectl_waits_for_it_and_shows_it(corner: Operated) -> None:
    kubectl = corner.cluster.kubectl
    kubectl("wait", "-n", corner.namespace, "--for=condition=Ready", "va/hello", f"--timeout={TIMEOUT_SECONDS:.0f}s")
    head, line, *_ = kubectl("get", "va", "hello", "-n", corner.namespace).stdout.splitlines()
    shown = dict(zip(head.split(), line.split("  "), strict=False))
    assert list(shown)[:3] == ["NAME", "PHASE", "READY"]
    for told in ("hello", "Ready", "1/1", "Unknown", "CPU only"):
        assert told in line
    wide = kubectl("get", "va", "hello", "-n", corner.namespace, "-o", "wide").stdout
    assert f"http://hello.{corner.namespace}.svc:8080" in wide
    assert "voiceagent.antiphon.dev/hello" in kubectl("get", "antiphon", "-n", corner.namespace, "-o", "name").stdout


def test_what_is_observed_follows_the_spec(corner: Operated) -> None:
    for most in (6, 7):
        changed = corner.change("hello", {"scaling": {"maxReplicas": most}})
        generation = changed["metadata"]["generation"]
        told = corner.wait(VOICE_AGENTS, "hello", _status_is("observedGeneration", generation))
        assert {one["observedGeneration"] for one in told["status"]["conditions"]} == {generation}


# --- scaling -------------------------------------------------------------------------------------------------------


def test_kubectl_scales_it_in_mode_external(corner: Operated) -> None:
    for replicas in (2, 0, 1):
        corner.cluster.kubectl("scale", "-n", corner.namespace, "va/hello", f"--replicas={replicas}")
        told = corner.wait(VOICE_AGENTS, "hello", _status_is("ready", f"{replicas}/{replicas}"))
        assert _deployment(corner)["spec"]["replicas"] == replicas
        assert told["status"]["phase"] == ("Ready" if replicas else "Stopped")
        scale = corner.cluster.read("VoiceAgent", "hello", corner.namespace, "scale").body
        assert scale["spec"].get("replicas", 0) == replicas
        assert scale["status"]["selector"] == "antiphon.dev/agent=hello,antiphon.dev/group=main"
    assert condition(corner.wait_condition("hello", "Ready", "True"), "Ready")["reason"] == "Serving"


def test_somebody_who_scales_the_deployment_is_overruled(corner: Operated) -> None:
    corner.edit(DEPLOYMENTS, "hello-main", {"spec": {"replicas": 3}})
    corner.wait(DEPLOYMENTS, "hello-main", lambda found: found["spec"]["replicas"] == 1)


def test_mode_sla_keeps_what_runs_within_its_bounds(corner: Operated) -> None:
    """Its pods ask for more than any node has: they are counted, and do not run."""
    objective = {"name": "turn-p95", "indicator": "turn", "percentile": 95, "targetMs": 900}
    policy = f"scaled-{corner.suffix}"
    corner.post(SLA_POLICIES, {"metadata": {"name": policy}, "spec": {"objectives": [objective]}})
    agent = corner.agent("wide", slaPolicy=policy, scaling={"mode": "SLA", "minReplicas": 1, "maxReplicas": 4})
    agent["spec"]["placement"]["groups"][0]["resources"]["cpu"] = TOO_MUCH_CPU
    try:
        corner.made(agent)
        assert _deployment(corner, "wide")["spec"]["replicas"] == 1
        corner.edit(DEPLOYMENTS, "wide-main", {"spec": {"replicas": 3}})
        time.sleep(QUIET_SECONDS / 2)
        assert _deployment(corner, "wide")["spec"]["replicas"] == 3
        corner.edit(DEPLOYMENTS, "wide-main", {"spec": {"replicas": 9}})
        corner.wait(DEPLOYMENTS, "wide-main", lambda found: found["spec"]["replicas"] == 4)
        corner.change("wide", {"scaling": {"maxReplicas": 2}})
        corner.wait(DEPLOYMENTS, "wide-main", lambda found: found["spec"]["replicas"] == 2)
        stuck = corner.wait_condition("wide", "Ready", "False", "Unschedulable")
        assert "cpu" in condition(stuck, "Ready")["message"]
        assert stuck["status"]["phase"] == "Pending"
    finally:
        corner.remove(VOICE_AGENTS, "wide")
        corner.remove(SLA_POLICIES, policy)


# --- Events --------------------------------------------------------------------------------------------------------


def _told(corner: Operated, agent: str) -> Counter[tuple[str, str]]:
    events = corner.cluster.items("events", corner.namespace)
    return Counter((one["reason"], one["message"]) for one in events if one["involvedObject"]["name"] == agent)


def test_events_are_told_once(corner: Operated) -> None:
    asr = {"model": corner.model_name("asr"), "variants": ["unheard-of"]}
    pipeline = corner.agent()["spec"]["pipeline"]
    corner.make(corner.agent("telling", replicas=0, pipeline={**pipeline, "asr": asr}))
    corner.wait_condition("telling", "Accepted", "False")
    for word in ("one", "two"):
        corner.edit(VOICE_AGENTS, "telling", {"metadata": {"labels": {"example.com/look": word}}})
        time.sleep(0.3)
    corner.wait(VOICE_AGENTS, "telling")
    first = _told(corner, "telling")
    assert [(reason, count) for (reason, _), count in first.items() if reason == "Invalid"] == [("Invalid", 1)]
    corner.change("telling", {"pipeline": {"asr": {"model": corner.model_name("asr"), "variants": []}}})
    corner.wait_condition("telling", "Accepted", "True")
    _until(lambda: any(reason == "Valid" for reason, _ in _told(corner, "telling")), "it is told that it is valid")
    assert max(_told(corner, "telling").values()) == 1
    warning = corner.cluster.items("events", corner.namespace, fieldSelector="type=Warning,reason=Invalid")
    assert any(one["involvedObject"]["name"] == "telling" for one in warning)


def _until(holds: Callable[[], Any], what: str, seconds: float = TIMEOUT_SECONDS) -> None:
    last = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def _pods(corner: Operated) -> set[str]:
    """Those that stay."""
    return {name for name, pod in corner.children("pods").items() if "deletionTimestamp" not in pod["metadata"]}


# --- tuning --------------------------------------------------------------------------------------------------------


def _tuning(corner: Operated) -> Obj:
    """As a pod that starts now would get it."""
    found: Obj = json.loads(corner.the(CONFIG_MAPS, "hello-main")["data"]["runtime.yaml"])["tuning"]
    return found


def _asr(tuning: Obj) -> Obj:
    return next((stage for stage in tuning["stages"] if stage["stage"] == "asr"), {})


def _tuned_to(corner: Operated, most: int | None) -> Obj:
    before = _tuning(corner)["generation"]
    corner.change("hello", {"pipeline": {"asr": {"batch": {"max": most}}}})
    corner.wait(
        CONFIG_MAPS,
        "hello-main",
        lambda found: json.loads(found["data"]["runtime.yaml"])["tuning"]["generation"] > before,
    )
    after = _tuning(corner)
    assert after["generation"] == before + 1
    assert _asr(after).get("maxBatch") == most
    return after


def test_a_live_change_restarts_nobody(corner: Operated) -> None:
    deployment, pods = _deployment(corner), _pods(corner)
    for most in (3, None):
        _tuned_to(corner, most)
        now = _deployment(corner)
        assert now["spec"] == deployment["spec"]
        assert now["metadata"]["generation"] == deployment["metadata"]["generation"]
    assert _pods(corner) == pods


def test_pods_apply_what_was_changed(live: Operated) -> None:
    for most in (5, None):
        tuning = _tuned_to(live, most)
        applied = {"generation": tuning["generation"], "podsApplied": 1, "podsTotal": 1}
        live.wait(VOICE_AGENTS, "hello", _status_is("tuning", applied))
        live.wait_condition("hello", "Steady", "True")
        state = _state(live, _token(live))
        assert state["generation"] == tuning["generation"]


def _token(corner: Operated) -> str:
    return base64.b64decode(corner.the(SECRETS, "hello-control")["data"]["token"]).decode()


def _state(corner: Operated, token: str) -> Obj:
    """What the only pod says of itself to who has the token."""
    (pod,) = [pod for pod in corner.children("pods").values() if "deletionTimestamp" not in pod["metadata"]]
    url = f"http://{pod['status']['podIP']}:9100/control/v1/state"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: Obj = json.loads(answer.read())
        return found


def _answers(corner: Operated, token: str) -> bool:
    try:
        _state(corner, token)
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403):
            raise
        return False
    return True


def test_another_control_token_reaches_pods_as_they_run(live: Operated) -> None:
    old, template, pods = _token(live), _deployment(live)["spec"]["template"], _pods(live)
    assert _answers(live, old)
    live.edit(VOICE_AGENTS, "hello", {"metadata": {"annotations": {ROTATE: "today"}}})
    live.wait(SECRETS, "hello-control", lambda found: found["metadata"]["annotations"].get(ROTATE) == "today")
    new = _token(live)
    assert new != old
    _until(lambda: _answers(live, new), "the pod takes the new token")
    assert not _answers(live, old)
    assert _deployment(live)["spec"]["template"] == template
    assert _pods(live) == pods
    tuning = _tuned_to(live, 4)
    applied = {"generation": tuning["generation"], "podsApplied": 1, "podsTotal": 1}
    live.wait(VOICE_AGENTS, "hello", _status_is("tuning", applied))
    live.edit(VOICE_AGENTS, "hello", {"metadata": {"labels": {"example.com/look": "again"}}})
    time.sleep(0.5)
    assert _token(live) == new


def test_a_pod_that_comes_later_starts_with_the_tuning_in_force(live: Operated) -> None:
    tuning = _tuned_to(live, 6)
    (pod,) = _pods(live)
    live.remove(PODS, pod)
    live.wait_gone(PODS, pod)
    live.wait_condition("hello", "Steady", "True")
    assert _state(live, _token(live))["generation"] == tuning["generation"]
    assert _tuning(live)["generation"] == tuning["generation"]
