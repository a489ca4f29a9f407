"""The control loop from end to end: callers come, the loop keeps its promise to them, and gives back what they needed."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_story import Story, Watched, policy, promised, told
from operated import Operated, operated, runs_pods
from operator_process import OperatorProcess

from cluster import Cluster

_ADDS = ("LoadExpected", "ObjectiveBroken", "SessionsRefused", "Planned")
RUSH = Story(levels=((0, 3), (8, 30), (42, 0)), down="20s", most_replicas=3, turns=(2, 4))


@pytest.fixture
def corner(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[tuple[Operated, OperatorProcess]]:
    if not runs_pods(cluster):
        pytest.skip("this cluster has no node that runs pods")
    with operated(cluster, namespace, tmp_path) as (found, operator):
        yield Operated(found.cluster, found.namespace), operator  # its models are other ones


def test_a_rush_of_callers_is_met_and_nobody_is_cut_off(corner: tuple[Operated, OperatorProcess]) -> None:
    """What can be asserted on a busy machine: it acts, in the right direction, and no call is lost. Times are told by
    tests/bench/loop.py."""
    here, operator = corner
    watched = Watched()
    with promised(here, RUSH) as url:
        totals = asyncio.run(told(here, url, operator.health_url, RUSH, watched))
        assert totals.dropped == 0, totals.troubles
        assert totals.refused == 0
        assert totals.begun == totals.ended > 30
        ups = [
            one for one in watched.decisions.values() if one["reason"] in ("LoadExpected", "ObjectiveBroken", "Planned")
        ]
        assert ups, watched.samples[-5:]
        assert all(one["message"] and one["time"] for one in watched.decisions.values())
        sources = {sample["source"] for sample in watched.samples}
        assert "scrape" in sources
        assert "prometheus" not in sources
        with urllib.request.urlopen(f"{operator.health_url}/v1/agents/{here.namespace}/hello", timeout=5) as answer:
            thought = json.loads(answer.read())
        assert thought["observation"]["sessions"] is not None
        assert thought["alternatives"]


def test_in_mode_observe_nothing_is_changed_and_the_promise_is_judged(corner: tuple[Operated, OperatorProcess]) -> None:
    here, operator = corner
    watched = Watched()
    story = Story(levels=((0, 20), (25, 0)), most_replicas=3, turns=(2, 3))
    with promised(here, story) as url:
        name = f"test-loop-{here.suffix}"
        observing = policy(name, story)["spec"]["guardrails"] | {"mode": "Observe"}
        here.cluster.patch("SLAPolicy", name, "", {"spec": {"guardrails": observing}})
        before = here.versions()
        asyncio.run(told(here, url, operator.health_url, story, watched))
        assert watched.decisions == {}
        assert here.versions() == before, "Observe writes nothing but the status"
        assert {"Met", "AtRisk", "Breached"} & {sample["sla"] for sample in watched.samples}
        assert any(sample["p95_ms"] for sample in watched.samples)
