"""A loop that is kept busy is late by as long as it was kept."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from virtual_time import VirtualLoop, in_virtual_time

from antiphon_runtime.telemetry.loop_lag import LoopLag


def _busy_for(seconds: float) -> None:
    cast("VirtualLoop", asyncio.get_running_loop()).elapsed_seconds += seconds


@in_virtual_time
async def test_an_idle_loop_is_measured_ten_times_a_second_and_is_not_late() -> None:
    lags: list[float] = []
    with LoopLag(lags.append):
        await asyncio.sleep(1.05)
    assert lags == pytest.approx([0.0] * 10)


@in_virtual_time
async def test_a_busy_loop_is_late_once_by_what_was_left_of_it() -> None:
    lags: list[float] = []
    with LoopLag(lags.append):
        await asyncio.sleep(0.25)
        _busy_for(0.5)
        await asyncio.sleep(0.25)
    assert lags == pytest.approx([0.0, 0.0, 0.45, 0.0, 0.0])


@in_virtual_time
async def test_after_its_end_nothing_is_told_or_left_behind() -> None:
    lags: list[float] = []
    LoopLag(lags.append).close()
    await asyncio.sleep(1)
    assert lags == []
