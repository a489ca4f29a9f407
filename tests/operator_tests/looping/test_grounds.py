"""Where groups run, in the words of planning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agent_plans import agent_with, example_agents, plan_of

from antiphon_crds.pool import GPUPool
from antiphon_operator.looping.grounds import grounds, start_seconds, stock
from antiphon_operator.names import GROUP_LABEL
from antiphon_operator.placing.choice import Choice
from antiphon_operator.rendering.plan import AgentPlan


def pod(created: str, ready: str | None, group: str = "main") -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": ready or created}
    return {
        "metadata": {"name": "pod", "creationTimestamp": created, "labels": {GROUP_LABEL: group}},
        "status": {"conditions": [condition]},
    }


def pool(**prices: float) -> GPUPool:
    spec = {
        "nodeSelector": {"gpus": "yes"},
        "hardware": "h200-141gb",
        "prices": prices,
        "reserve": [{"profile": "1g.18gb", "count": 2}],
    }
    return GPUPool.from_manifest(
        {"apiVersion": "antiphon.dev/v1alpha1", "kind": "GPUPool", "metadata": {"name": "fast"}, "spec": spec}
    )


def on(partition: str, **more: Any) -> AgentPlan:
    plan = plan_of(agent_with(example_agents()["hello-world"]))
    (group,) = plan.groups
    return replace(plan, groups=(replace(group, choice=Choice(partition, pool="fast", **more)),))


class TestStarts:
    def test_the_slowest_pod_tells_and_the_next_may_be_slower(self) -> None:
        pods = [
            pod("2026-01-01T00:00:00Z", "2026-01-01T00:00:20Z"),
            pod("2026-01-01T00:00:00Z", "2026-01-01T00:00:40Z"),
            pod("2026-01-01T00:00:00Z", None),
        ]
        assert start_seconds(pods) == 50

    def test_without_any_that_was_ready_it_is_a_guess(self) -> None:
        assert start_seconds([pod("2026-01-01T00:00:00Z", None)]) == start_seconds([]) == 30

    def test_only_the_groups_own_pods_tell(self) -> None:
        pods = [pod("2026-01-01T00:00:00Z", "2026-01-01T00:10:00Z", group="other")]
        assert grounds(on("CPU only"), pods, {}, {})["main"].start_seconds == 30


@pytest.mark.parametrize(
    ("partition", "more", "price"),
    [("1g.18gb", {}, 1.0), ("2 GPUs", {"resources": {"nvidia.com/gpu": 2}}, 14.0), ("CPU only", {}, 3.0)],
)
def test_a_replica_costs_its_share_of_the_gpu(partition: str, more: dict[str, Any], price: float) -> None:
    found = grounds(on(partition, **more), [], {"fast": pool(gpuHour=7.0, nodeHour=3.0)}, {})
    assert found["main"].price_per_hour == pytest.approx(price)


def test_without_prices_every_replica_counts_the_same() -> None:
    assert grounds(on("1g.18gb"), [], {"fast": pool()}, {})["main"].price_per_hour == 1.0


def test_the_stock_is_what_nodes_hold_less_what_is_kept_free() -> None:
    plans = [on("1g.18gb", slots=14), on("1g.18gb", slots=14), on("CPU only", slots=None), on("2 GPUs", slots=4)]
    assert stock(plans, {"fast": pool()}).partitions == {"1g.18gb": 12, "2 GPUs": 4}


def test_real_stages_of_a_gpu_take_turns_and_those_of_a_cpu_or_emulated_ones_do_not() -> None:
    assert grounds(on("1g.18gb"), [], {}, {})["main"].shares_device
    assert not grounds(on("CPU only"), [], {}, {})["main"].shares_device
    emulated = plan_of(agent_with(example_agents()["cascade-emulated"]))
    (group,) = emulated.groups
    placed = replace(emulated, groups=(replace(group, choice=Choice("1g.18gb")),))
    assert not grounds(placed, [], {}, {})["main"].shares_device


def test_what_pods_measured_is_what_a_replica_holds() -> None:
    assert grounds(on("CPU only"), [], {}, {"main": 7})["main"].sessions_per_replica == 7
