"""Watch and deliveries against the runtime's own control API: three pods with emulated engines."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from control_pods import address_of, free_port, in_background, runtime_pod

from antiphon_crds.control import StageTuning, Tuning
from antiphon_operator.pods.control_client import ControlClient, control_session
from antiphon_operator.pods.delivery import Deliveries
from antiphon_operator.pods.known import GroupKey
from antiphon_operator.pods.leaving import deletion_costs
from antiphon_operator.pods.settings import Backoff, WatchSettings
from antiphon_operator.pods.totals import group_totals
from antiphon_operator.pods.watching import PodWatch

GROUP = GroupKey("team", "hello", "main")
SETTINGS = WatchSettings(interval_seconds=0.2, silent=Backoff(0.2, 0.5))
ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


def test_a_variant_is_switched_on_all_pods_and_on_one_that_comes_back(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        known = {pod.key: pod for pod in (address_of(f"pod-{index}", where) for index, where in enumerate(ADDRESSES))}
        async with AsyncExitStack() as running:
            session = await running.enter_async_context(control_session())
            control = ControlClient(session, port=port)
            for where in ADDRESSES[:2]:
                await running.enter_async_context(runtime_pod(tmp_path, where, port))
            last = await running.enter_async_context(AsyncExitStack())
            await last.enter_async_context(runtime_pod(tmp_path, ADDRESSES[2], port))
            watch = PodWatch(control, lambda _: None, settings=SETTINGS)
            deliveries = Deliveries(control, watch)
            running.push_async_callback(deliveries.close)
            watch.on_report = deliveries.heard
            await running.enter_async_context(in_background(watch.run()))
            watch.set_pods(known)
            deliveries.set_pods(known)
            deliveries.want(GROUP, Tuning(generation=4, stages=[StageTuning(stage="asr", variant="b", max_batch=3)]))
            await _until_done(deliveries)
            assert {stage.stage: stage.variant for stage in group_totals(known, watch.reports()).stages}["asr"] == "b"
            assert group_totals(known, watch.reports()).capacity == 30
            assert set(deletion_costs(known, watch.reports()).values()) == {0}
            await last.aclose()
            pod = await running.enter_async_context(runtime_pod(tmp_path, ADDRESSES[2], port))
            async with asyncio.timeout(30):
                while pod.tuner.applied_generation != 4:
                    await asyncio.sleep(0.02)
            await _until_done(deliveries)

    asyncio.run(story())


async def _until_done(deliveries: Deliveries) -> None:
    async with asyncio.timeout(30):
        while not ((progress := deliveries.progress(GROUP)) and progress.is_done):
            await asyncio.sleep(0.02)
    assert (progress.applied, progress.total, dict(progress.failures)) == (3, 3, {})
