"""Pods by their control API: the runtime's own app over loopback, and made-up ones in virtual time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from voice_process import emulated_config, emulated_stage

from antiphon_crds.control import Device, SessionCounts, StageState, State, Tuning, TuningResult
from antiphon_crds.runtime_config import RuntimeConfig
from antiphon_operator.pods.control_client import RefusedError, UnreachableError, WrongAnswerError
from antiphon_operator.pods.known import PodAddress
from antiphon_runtime.server.control_app import control_app
from antiphon_runtime.server.pod import Pod
from antiphon_runtime.stages.cast import Stages
from antiphon_runtime.stages.switching import FreeMemory

TOKEN = "token-of-the-agent"


def address_of(name: str, address: str, **more: Any) -> PodAddress:
    """A pod of agent hello, group main, that is ready."""
    known: dict[str, Any] = {
        "namespace": "team", "uid": f"{name}-1", "token": TOKEN, "agent": "hello", "group": "main", "ready": True,
    }  # fmt: skip
    return PodAddress(name=name, address=address, **(known | more))


# --- the runtime's own -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def runtime_pod(folder: Path, address: str, port: int) -> AsyncIterator[Pod]:
    """The runtime's pod with emulated engines; its recogniser has variants a and b. What it can hold is made up: 10."""
    (folder / "token").write_text(f"{TOKEN}\n")
    stages = [emulated_stage(name, variants=("a", "b") if name == "asr" else ("emulated",)) for name in ("vad", "asr")]
    config = emulated_config(8080, port, stages=[*stages, emulated_stage("llm"), emulated_stage("tts")])
    pod = Pod(RuntimeConfig.from_manifest(config), lambda *_: Path(), FreeMemory, _ten_sessions, threads=1)
    device = Device(kind="cpu", name="none", pinning="nothing: a test")
    async with served(control_app(pod, lambda: device, folder / "token"), address, port):
        try:
            await pod.start()
            yield pod
        finally:
            await pod.close()


async def _ten_sessions(_: Stages) -> int:
    return 10


@asynccontextmanager
async def served(app: FastAPI, address: str, port: int) -> AsyncIterator[None]:
    server = _Server(uvicorn.Config(app, host=address, port=port, lifespan="off", log_config=None, ws="none"))
    running = asyncio.create_task(server.serve())
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await running


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are the test runner's."""
        yield


def free_port() -> int:
    """The same for all addresses of loopback, as far as one can know."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        return int(taken.getsockname()[1])


# --- made up -----------------------------------------------------------------------------------------------------------


@dataclass
class MadeUpPod:
    """Takes tunings as the runtime does, and shows the faults that a test asks for."""

    phase: str = "Ready"
    generation: int = 0
    pending: int | None = None
    message: str = ""
    sessions: int = 0
    switch_seconds: float = 0.0
    """How long a tuning is being applied."""
    silent: bool = False
    garbage: bool = False
    token: str = TOKEN
    refusal: str | None = None
    """Reason for which each tuning is refused."""
    lost_answers: int = 0
    """So many answers to tunings do not arrive; the tunings do."""
    claims: int | None = None
    """Generation that it claims to have, whatever it has."""
    asked: list[float] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    """Generations that arrived, since it last started."""
    tunings: int = 0

    def restart(self, generation: int = 0) -> None:
        self.generation, self.pending, self.message, self.told = generation, None, "", []

    @property
    def wanted(self) -> int:
        return self.generation if self.pending is None else self.pending

    def state(self) -> State:
        generation = self.generation if self.claims is None else self.claims
        return State.from_manifest(
            {
                "generation": generation,
                "pendingGeneration": self.pending if self.pending is not None and self.pending > generation else None,
                "phase": self.phase,
                "message": self.message,
                "capacity": 10,
                "sessions": SessionCounts(idle=self.sessions).to_manifest(),
                "stages": [
                    StageState(stage="asr", model="whisper", variant="a", engine="e", max_batch=8).to_manifest()
                ],
            }
        )

    def take(self, tuning: Tuning) -> TuningResult:
        self.tunings += 1
        self.told.append(tuning.generation)
        if self.phase == "Draining":
            return self._refused("Draining")
        if tuning.generation < self.wanted:
            return self._refused("StaleGeneration")
        if self.refusal is not None:
            return self._refused(self.refusal)
        if tuning.generation == self.generation or not self.switch_seconds:
            self.generation, self.pending = tuning.generation, None
            return TuningResult(accepted=True, generation=self.wanted, reason="Applied")
        self.pending, self.message = tuning.generation, ""
        asyncio.get_running_loop().call_later(self.switch_seconds, self._applied, tuning.generation)
        return TuningResult(accepted=True, generation=self.wanted, reason="Applying")

    def _applied(self, generation: int) -> None:
        if self.pending == generation and not self.message:
            self.generation, self.pending = generation, None

    def _refused(self, reason: str) -> TuningResult:
        answer = {"accepted": False, "generation": self.wanted, "reason": reason, "message": "as the test wants it"}
        return TuningResult.from_manifest(answer)


class MadeUpPods:
    """All of them, by address: the operator's `Control`."""

    def __init__(self, answer_seconds: float = 0.002) -> None:
        self.by_address: dict[str, MadeUpPod] = {}
        self.answer_seconds = answer_seconds
        self.silent_seconds = 3.0
        self.now_asked = 0
        self.most_at_once = 0

    async def state(self, address: str, token: str) -> State:
        pod = self.by_address.get(address)
        if pod is not None:
            pod.asked.append(asyncio.get_running_loop().time())
        with self._counted():
            return (await self._reach(pod, token)).state()

    async def tune(self, address: str, token: str, tuning: Tuning) -> TuningResult:
        with self._counted():
            pod = await self._reach(self.by_address.get(address), token)
            result = pod.take(tuning)
            if pod.lost_answers:
                pod.lost_answers -= 1
                await asyncio.sleep(self.silent_seconds)
                raise UnreachableError("no answer within 3 s")
            return result

    async def _reach(self, pod: MadeUpPod | None, token: str) -> MadeUpPod:
        if pod is None or pod.silent:
            await asyncio.sleep(self.silent_seconds)
            raise UnreachableError("no answer within 3 s")
        await asyncio.sleep(self.answer_seconds)
        if pod.garbage:
            raise WrongAnswerError("its answer is no JSON")
        if pod.token != token:
            raise RefusedError("it refuses the control token, with HTTP status 401")
        return pod

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.now_asked += 1
        self.most_at_once = max(self.most_at_once, self.now_asked)
        try:
            yield
        finally:
            self.now_asked -= 1


@asynccontextmanager
async def in_background(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
