"""Deployments and their pods: rollouts, grace, resources, volumes, places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agent_plans import SETTINGS, agent_with, example_agents, example_plan, plan_of
from drawn_plans import drawn_plans, drawn_settings
from hypothesis import given, settings

from antiphon_operator.objects import Obj, labels_of
from antiphon_operator.placing.choice import Choice
from antiphon_operator.rendering.children import children
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings
from antiphon_operator.rendering.pod_resources import container_resources, needed_bytes, needed_cores
from antiphon_sandbox.quantities import amount_of, canonical

_MIB = 1 << 20


def _deployments(plan: AgentPlan, render: RenderSettings = SETTINGS) -> dict[str, Obj]:
    """Their specs, by group."""
    found = [obj for obj in children(plan, render) if obj["kind"] == "Deployment"]
    return {labels_of(obj)["antiphon.dev/group"]: obj["spec"] for obj in found}


def _pod(plan: AgentPlan, group: str = "main") -> Obj:
    spec: Obj = _deployments(plan)[group]["template"]["spec"]
    return spec


def _hello(**spec: Any) -> AgentPlan:
    return plan_of(agent_with(example_agents()["hello-world"], **spec))


def _with(plan: AgentPlan, **more: Any) -> AgentPlan:
    return replace(plan, groups=tuple(replace(group_plan, **more) for group_plan in plan.groups))


def _mounts(pod: Obj) -> dict[str, Obj]:
    return {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}


def _volumes(pod: Obj) -> dict[str, Obj]:
    return {volume["name"]: volume for volume in pod["volumes"]}


class TestRollouts:
    def test_a_new_pod_comes_first_where_a_partition_is_free(self) -> None:
        spec = _deployments(_with(example_plan(), replicas=3))["main"]
        assert spec["replicas"] == 3
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}

    def test_else_an_old_one_goes_first(self) -> None:
        spec = _deployments(_with(example_plan(), surge=False))["main"]
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}

    @pytest.mark.parametrize(("drain", "grace"), [("0s", 30), ("1500ms", 32), ("15m", 930)])
    def test_sessions_end_within_the_grace_and_progress_waits_for_them(self, drain: str, grace: int) -> None:
        spec = _deployments(_hello(sessions={"drain": drain}))["main"]
        assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == grace
        assert spec["progressDeadlineSeconds"] == 1800 + grace - 30


class TestContainer:
    def test_paths_and_addresses_are_arguments(self) -> None:
        (container,) = _pod(example_plan())["containers"]
        assert container["args"] == [
            "serve",
            *("--config", "/etc/antiphon/config/runtime.yaml"),
            *("--host", "$(POD_IP)"),
            *("--models", "/var/cache/antiphon"),
            *("--control-token-file", "/etc/antiphon/control/token"),
        ]

    def test_the_agents_image_goes_before_the_operators(self) -> None:
        own = _hello(runtime={"image": "ghcr.io/acme/voice:2", "imagePullSecrets": ["registry"]})
        assert _pod(own)["containers"][0]["image"] == "ghcr.io/acme/voice:2"
        assert _pod(own)["imagePullSecrets"] == [{"name": "registry"}]
        assert _pod(example_plan())["containers"][0]["image"] == SETTINGS.runtime_image

    def test_models_may_take_their_time_and_a_hung_process_may_not(self) -> None:
        (container,) = _pod(example_plan())["containers"]
        paths = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
        assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
        assert {container[name]["httpGet"]["port"] for name in paths} == {"control"}


class TestResources:
    @pytest.mark.parametrize(
        ("cpu", "request_", "limits"), [("2", "2", {"cpu": "2"}), ("2000m", "2", {"cpu": "2"}), ("0.5", "500m", {})]
    )
    def test_whole_cores_are_bounded_and_parts_of_one_are_not(
        self, cpu: str, request_: str, limits: dict[str, str]
    ) -> None:
        group = example_agents()["hello-world"].spec.placement.groups[0].to_manifest()
        plan = _hello(placement={"groups": [{**group, "resources": {"cpu": cpu, "memory": "1024Mi"}}]})
        assert _pod(plan)["containers"][0]["resources"] == {
            "requests": {"cpu": request_, "memory": "1Gi"},
            "limits": {"memory": "1Gi", **limits},
        }

    def test_what_is_not_given_follows_from_the_models(self) -> None:
        plan = example_plan("cascade-emulated")
        (group_plan,) = plan.groups
        busy = 0.25 + 0.1 + 3 * 0.05
        assert float(needed_cores(group_plan, plan.resolution)) == pytest.approx(busy)
        stages = [256, 64, 64, 64, 64, 64]  # the runtime, its stages, and the one that is switched
        assert (
            sum(stages) * _MIB * 1.2 <= needed_bytes(group_plan, plan.resolution) < sum(stages) * _MIB * 1.2 + 64 * _MIB
        )

    def test_more_than_a_core_is_rounded_up_to_whole_ones(self) -> None:
        group = example_agents()["hello-world"].spec.placement.groups[0].to_manifest() | {"resources": {}}
        plan = _hello(placement={"groups": [group]})
        resources = _pod(plan)["containers"][0]["resources"]
        assert resources["requests"]["cpu"] == resources["limits"]["cpu"] == "6"  # 2 + 2 + 1 + 0.1, and the runtime

    def test_sessions_take_memory_of_a_model_on_the_cpu(self) -> None:
        few, many = (_hello(sessions={"maxPerReplica": number}) for number in (1, 101))
        grown = needed_bytes(many.groups[0], many.resolution) - needed_bytes(few.groups[0], few.resolution)
        assert grown == pytest.approx(100 * 45 * _MIB * 1.2, abs=64 * _MIB)

    def test_a_partition_is_a_limit_and_comes_with_shared_memory(self) -> None:
        pod = _pod(example_plan("audio-llm"))
        resources = pod["containers"][0]["resources"]
        assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "1"
        assert _volumes(pod)["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
        assert _mounts(pod)["shm"]["mountPath"] == "/dev/shm"

    def test_a_claim_stands_for_the_partition(self) -> None:
        request = {"name": "gpu", "exactly": {"deviceClassName": "mig.nvidia.com"}}
        choice = Choice("1g.18gb", claim={"devices": {"requests": [request]}})
        plan = _with(example_plan("audio-llm"), choice=choice)
        (template,) = [obj for obj in children(plan, SETTINGS) if obj["kind"] == "ResourceClaimTemplate"]
        assert template["spec"]["spec"] == choice.claim
        pod = _pod(plan)
        name = template["metadata"]["name"]
        assert pod["resourceClaims"] == [{"name": "partition", "resourceClaimTemplateName": name}]
        assert pod["containers"][0]["resources"]["claims"] == [{"name": "partition"}]

    def test_another_claim_is_another_template_as_none_can_be_changed(self) -> None:
        names = set()
        for device_class in ("mig.nvidia.com", "gpu.nvidia.com"):
            request = {"name": "gpu", "exactly": {"deviceClassName": device_class}}
            plan = _with(example_plan("audio-llm"), choice=Choice("x", claim={"devices": {"requests": [request]}}))
            names |= {obj["metadata"]["name"] for obj in children(plan, SETTINGS) if obj["kind"].endswith("Template")}
        assert len(names) == 2

    @given(drawn_plans())
    @settings(max_examples=40, deadline=None)
    def test_amounts_are_canonical_and_limits_hold_requests(self, plan: AgentPlan) -> None:
        for group_plan in plan.groups:
            resources = container_resources(plan, group_plan)
            amounts = [*resources["requests"].values(), *resources["limits"].values()]
            assert [canonical(amount) for amount in amounts] == amounts
            for name, limit in resources["limits"].items():
                assert amount_of(limit) == amount_of(resources["requests"][name])


class TestVolumes:
    @pytest.mark.parametrize(
        ("cache", "source", "read_only"),
        [
            ({}, {"emptyDir": {}}, False),
            ({"size": "2048Mi"}, {"emptyDir": {"sizeLimit": "2Gi"}}, False),
            ({"claim": "models"}, {"persistentVolumeClaim": {"claimName": "models"}}, False),
            ({"image": "ghcr.io/acme/models:1"}, {"image": {"reference": "ghcr.io/acme/models:1"}}, True),
        ],
    )
    def test_models_are_kept_where_the_agent_says(self, cache: Obj, source: Obj, read_only: bool) -> None:
        pod = _pod(_hello(runtime={"modelCache": cache}))
        assert _volumes(pod)["models"] == {"name": "models", **source}
        assert _mounts(pod)["models"].get("readOnly", False) is read_only

    def test_keys_of_callers_are_where_callers_come(self) -> None:
        agent = agent_with(example_agents()["cascade"], access={"apiKeys": {"name": "callers", "key": "keys.txt"}})
        plan = plan_of(agent)
        entry = _pod(plan, "hearing")
        assert entry["containers"][0]["args"][-2:] == ["--api-keys-file", "/etc/antiphon/keys/keys.txt"]
        source = {"secretName": "callers", "items": [{"key": "keys.txt", "path": "keys.txt"}]}
        assert _volumes(entry)["keys"]["secret"] == source
        for group in ("speaking", "thinking"):
            assert "keys" not in _volumes(_pod(plan, group))

    def test_an_overflow_of_the_entry_takes_callers_too(self) -> None:
        agent = agent_with(example_agents()["diarization"], access={"apiKeys": {"name": "callers"}})
        assert "keys" in _volumes(_pod(plan_of(agent), "gpu"))


class TestPlaces:
    def test_groups_of_an_agent_wish_to_be_near_each_other(self) -> None:
        pod = _pod(example_plan("cascade"), "thinking")
        (wish,) = pod["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        assert wish["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
        expressions = wish["podAffinityTerm"]["labelSelector"]["matchExpressions"]
        assert expressions == [{"key": "antiphon.dev/group", "operator": "In", "values": ["hearing", "speaking"]}]
        assert "topologySpreadConstraints" not in pod

    def test_replicas_are_spread_over_nodes(self) -> None:
        pod = _pod(example_plan())
        assert "affinity" not in pod
        (spread,) = pod["topologySpreadConstraints"]
        assert (spread["maxSkew"], spread["whenUnsatisfiable"]) == (1, "ScheduleAnyway")
        assert spread["matchLabelKeys"] == ["pod-template-hash"]

    def test_the_groups_demands_and_the_partitions_are_joined(self) -> None:
        plan = example_plan("diarization")
        exists = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
        other = {"key": "spot", "operator": "Exists"}

        def on_tainted_nodes(group_plan: GroupPlan) -> GroupPlan:
            choice = replace(group_plan.choice, node_selector={"gpu": "t4"}, tolerations=(exists, other))
            return replace(group_plan, choice=choice)

        pod = _pod(replace(plan, groups=tuple(map(on_tainted_nodes, plan.groups))), "gpu")
        assert pod["tolerations"] == [exists, other]
        assert pod["nodeSelector"] == {"gpu": "t4"}


@given(drawn_plans(), drawn_settings)
@settings(max_examples=30, deadline=None)
def test_pods_never_ask_the_api_server(plan: AgentPlan, render: RenderSettings) -> None:
    for spec in _deployments(plan, render).values():
        pod = spec["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
