"""Who reaches an agent's pods, and by which address."""

from __future__ import annotations

from dataclasses import replace

from agent_plans import SETTINGS, example_plan

from antiphon_operator.objects import Obj, name_of
from antiphon_operator.rendering.children import children
from antiphon_operator.rendering.plan import AgentPlan, RenderSettings


def _specs(plan: AgentPlan, kind: str, render: RenderSettings = SETTINGS) -> dict[str, Obj]:
    return {name_of(obj): obj["spec"] for obj in children(plan, render) if obj["kind"] == kind}


def _ports(service: Obj) -> dict[str, int]:
    return {port["name"]: port["port"] for port in service["ports"]}


class TestServices:
    def test_callers_reach_the_first_group(self) -> None:
        services = _specs(example_plan("cascade"), "Service")
        assert services["cascade"]["selector"] == {"antiphon.dev/agent": "cascade", "antiphon.dev/group": "hearing"}
        assert _ports(services["cascade"]) == {"voice": 8080}
        assert "publishNotReadyAddresses" not in services["cascade"]

    def test_each_group_has_one_for_other_groups_and_one_that_names_its_pods(self) -> None:
        services = _specs(example_plan("cascade"), "Service")
        assert _ports(services["cascade-thinking"]) == {"voice": 8080}
        headless = services["cascade-thinking-pods"]
        assert (headless["clusterIP"], headless["publishNotReadyAddresses"]) == ("None", True)
        assert _ports(headless) == {"voice": 8080, "control": 9100}

    def test_an_overflow_is_not_behind_the_callers_address(self) -> None:
        services = _specs(example_plan("diarization"), "Service")
        assert services["diarization"]["selector"]["antiphon.dev/group"] == "cpu"


class TestNetworkPolicies:
    def test_only_the_operator_reaches_the_control_port(self) -> None:
        (policy,) = _specs(example_plan(), "NetworkPolicy").values()
        voice, control = policy["ingress"]
        assert voice == {"ports": [{"protocol": "TCP", "port": 8080}]}
        assert control == {
            "from": [
                {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "antiphon-system"}},
                    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "antiphon-operator"}},
                }
            ],
            "ports": [{"protocol": "TCP", "port": 9100}],
        }
        assert policy["policyTypes"] == ["Ingress"]

    def test_and_the_namespace_of_prometheus_where_one_is_named(self) -> None:
        render = replace(SETTINGS, prometheus_namespace="monitoring")
        (policy,) = _specs(example_plan(), "NetworkPolicy", render).values()
        assert policy["ingress"][1]["from"][1] == {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
        }

    def test_a_group_behind_the_entry_serves_the_agents_own_pods(self) -> None:
        policies = _specs(example_plan("cascade"), "NetworkPolicy")
        own = [{"podSelector": {"matchLabels": {"antiphon.dev/agent": "cascade"}}}]
        assert {name: policy["ingress"][0].get("from") for name, policy in policies.items()} == {
            "cascade-hearing": None,
            "cascade-speaking": own,
            "cascade-thinking": own,
        }


def test_one_pod_at_a_time_may_be_evicted() -> None:
    (budget,) = _specs(example_plan(), "PodDisruptionBudget").values()
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
