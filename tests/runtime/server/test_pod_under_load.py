"""Twenty calls at once against the real program: a variant is switched under them, and it is told to end."""

from __future__ import annotations

import asyncio
import json
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from callers import Caller
from voice_process import PodProcess, emulated_stage, pod_process

CALLS = 20
STAGES = [
    emulated_stage("vad"),
    emulated_stage("asr", variants=("large", "medium")),
    emulated_stage("llm", variants=("large", "medium")),
    emulated_stage("tts", variants=("large", "medium")),
]


def control(pod: PodProcess, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        f"{pod.control_url}/control/v1/{path}",
        data,
        {"Content-Type": "application/json"},
        method="PUT" if body else "GET",
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


async def staggered(callers: list[Caller], turns: int) -> list[asyncio.Task[None]]:
    calls = []
    for caller in callers:
        calls.append(asyncio.create_task(caller.call(turns)))
        await asyncio.sleep(0.05)
    return calls


@pytest.fixture
def pod(tmp_path: Path) -> Any:
    with pod_process(tmp_path, stages=STAGES, sessions={"drain": "30s", "maxSessions": 50}) as running:
        yield running


def test_a_switch_under_twenty_calls_is_not_noticed(pod: PodProcess) -> None:
    async def story() -> tuple[list[Caller], float]:
        callers = [Caller(pod.realtime_url) for _ in range(CALLS)]
        calls = await staggered(callers, turns=3)
        await asyncio.sleep(4)
        wanted = {"generation": 1, "stages": [{"stage": stage, "variant": "medium"} for stage in ("asr", "llm", "tts")]}
        started = time.monotonic()
        result = await asyncio.to_thread(control, pod, "tuning", wanted)
        assert (result["accepted"], result["reason"]) == (True, "Applying")
        while (await asyncio.to_thread(control, pod, "state"))["generation"] != 1:
            await asyncio.sleep(0.02)
        seconds = time.monotonic() - started
        await asyncio.gather(*calls)
        return callers, seconds

    callers, seconds = asyncio.run(story())
    print(f"switched three stages under {CALLS} calls in {seconds * 1000:.0f} ms")
    state = control(pod, "state")
    assert {stage["stage"]: stage["variant"] for stage in state["stages"]} == {
        "vad": "emulated", "asr": "medium", "llm": "medium", "tts": "medium",
    }  # fmt: skip
    assert [caller.answers for caller in callers] == [["completed"] * 3] * CALLS
    assert sum(caller.gaps for caller in callers) == 0
    assert sum(caller.kinds["error"] for caller in callers) == 0


def test_sigterm_under_twenty_calls_cuts_nobody_off(pod: PodProcess) -> None:
    async def story() -> tuple[list[Caller], Caller]:
        callers = [Caller(pod.realtime_url) for _ in range(CALLS)]
        calls = await staggered(callers, turns=2)
        await asyncio.sleep(2)
        pod.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        late = Caller(pod.realtime_url)
        await late.call(1)
        await asyncio.gather(*calls)
        return callers, late

    callers, late = asyncio.run(story())
    assert [caller.answers for caller in callers] == [["completed", "completed"]] * CALLS
    (error,) = late.of("error")
    assert error["error"]["code"] == "session_refused_draining"
    assert error["error"]["retry_after_seconds"] > 0
    assert late.close_code == 1013
    assert pod.process.wait(timeout=15) == 0


def test_a_drain_ends_at_its_limit(tmp_path: Path) -> None:
    async def story(pod: PodProcess) -> Caller:
        caller = Caller(pod.realtime_url)
        call = asyncio.create_task(caller.call(10))
        await asyncio.sleep(1)
        pod.process.send_signal(signal.SIGTERM)
        await call
        return caller

    with pod_process(tmp_path, sessions={"drain": "2s"}) as pod:
        caller = asyncio.run(story(pod))
        assert caller.of("error")[-1]["error"]["code"] == "session_drained"
        assert caller.close_code == 1001
        assert pod.process.wait(timeout=10) == 0


def test_the_pod_is_not_ready_while_it_drains(pod: PodProcess) -> None:
    async def story() -> None:
        call = asyncio.create_task(Caller(pod.realtime_url).call(1))
        await asyncio.sleep(1)
        pod.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        state = await asyncio.to_thread(control, pod, "state")
        assert state["phase"] == "Draining"
        with pytest.raises(urllib.error.HTTPError, match="503"):
            await asyncio.to_thread(urllib.request.urlopen, f"{pod.control_url}/readyz")
        await call

    asyncio.run(story())
    assert pod.process.wait(timeout=15) == 0
