"""The HTTP API of an agent without a pod: engines of a test's choice, asked in the process or over loopback."""

from __future__ import annotations

import asyncio
import io
import socket
import wave
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI
from voice_process import emulated_config

from antiphon_crds.runtime_config import RuntimeConfig
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Nobody
from antiphon_runtime.engines import emulated
from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.g711 import to_pcm16
from antiphon_runtime.server.http_api.errors import add_error_handlers
from antiphon_runtime.server.http_api.routes import voice_api
from antiphon_runtime.stages.cast import Part, Stages
from antiphon_runtime.stages.loading import KINDS
from antiphon_runtime.stages.served import Served

AGENT = "hello"
STAGES: tuple[Stage, ...] = ("vad", "asr", "llm", "tts", "diarization")


class Api:
    """Made on the event loop. `engines`: those that are not emulated; `without`: stages that the agent lacks."""

    def __init__(
        self,
        engines: Mapping[Stage, Any] | None = None,
        *,
        without: tuple[Stage, ...] = (),
        options: Mapping[Stage, Mapping[str, Any]] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.config = _config(without, options or {})
        self.limits = limits or Limits(max_batch=8)
        self.served: dict[Stage, Served[Any]] = {}
        parts = {stage.stage: Part(stage, self._put(stage.stage, stage, engines or {})) for stage in self.config.stages}
        self.app = FastAPI()
        self.app.include_router(voice_api(Stages(parts), self.config))
        add_error_handlers(self.app)

    async def close(self) -> None:
        for served in self.served.values():
            await served.close()

    def _put(self, stage: Stage, config: Any, engines: Mapping[Stage, Any]) -> Served[Any]:
        (variant,) = config.variants
        engine = engines.get(stage) or emulated.create(stage, variant, Path(), threads=1)
        served: Served[Any] = Served(config, config.model)
        served.put(KINDS[stage](config.model, variant, engine, self.limits, Nobody()))
        self.served[stage] = served
        return served


@asynccontextmanager
async def in_process(engines: Mapping[Stage, Any] | None = None, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests do not leave the process."""
    api = Api(engines, **more)
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://agent/v1") as client:
            yield client
    finally:
        await api.close()


@asynccontextmanager
async def serving(engines: Mapping[Stage, Any] | None = None, **more: Any) -> AsyncIterator[str]:
    """Address of a real server on loopback."""
    api = Api(engines, **more)
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # else asyncio leaves Nagle's algorithm on
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = _Server(uvicorn.Config(api.app, lifespan="off", log_config=None, ws="none"))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
            await api.close()


@asynccontextmanager
async def over_loopback(engines: Mapping[Stage, Any] | None = None, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server."""
    async with serving(engines, **more) as url, httpx.AsyncClient(base_url=f"{url}/v1") as client:
        yield client


@asynccontextmanager
async def with_sdk(engines: Mapping[Stage, Any] | None = None, **more: Any) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's own client of a real server."""
    async with (
        serving(engines, **more) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are the test runner's."""
        yield


def wav(samples: Samples, rate: int = 16_000) -> bytes:
    """16-bit PCM."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(to_pcm16(samples).astype("<i2").tobytes())
    return file.getvalue()


def tone(seconds: float, rate: int = 16_000, hertz: float = 440.0) -> Samples:
    samples: Samples = (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)
    return samples


def _config(without: tuple[Stage, ...], options: Mapping[Stage, Mapping[str, Any]]) -> RuntimeConfig:
    manifest = emulated_config(8080, 9100)
    like = manifest["stages"][1]
    known = {stage["stage"]: stage for stage in manifest["stages"]}
    stages = [
        known.get(name, {**like, "stage": name, "model": f"{name}-model"}) for name in STAGES if name not in without
    ]
    for stage in stages:
        profile = stage["variants"][0]["profiles"][0]
        profile.update({name: 0 for name in profile if name.endswith("BetaMs") or name == "decodeAlphaMs"}, alphaMs=1)
        if stage["stage"] in options:
            stage["options"] = {stage["stage"]: options[stage["stage"]]}
    return RuntimeConfig.from_manifest({**manifest, "stages": stages})


def first_variant(config: RuntimeConfig, stage: Stage) -> Variant:
    return next(each.variants[0] for each in config.stages if each.stage == stage)
