"""Runs the pod's two servers until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from antiphon_crds.control import Device
from antiphon_runtime.configuration import ConfigurationError
from antiphon_runtime.server.control_app import control_app
from antiphon_runtime.server.keys import Keys
from antiphon_runtime.server.pod import Pod
from antiphon_runtime.server.realtime_socket import LARGEST_MESSAGE_BYTES
from antiphon_runtime.server.voice_app import voice_app

_log = logging.getLogger(__name__)
_LAST_REQUESTS_SECONDS = 5


class _Server(uvicorn.Server):
    """Signals are the pod's: it ends its servers when its sessions are over."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(pod: Pod, *, host: str, device: Callable[[], Device]) -> int:
    """Exit code: 0 after a drain that was asked for, 1 where the pod could not start."""
    stopped = _stop_on_signals()
    voice = _server(voice_app(pod, Keys(_path(pod.config.server.api_keys_file))), host, pod.config.server.voice_port)
    token_file = _path(pod.config.server.control_token_file)
    control = _server(control_app(pod, device, token_file), host, pod.config.server.control_port)
    serving = [asyncio.create_task(_run(server), name="server") for server in (control, voice)]
    starting = asyncio.create_task(_start(pod), name="start")
    ended = asyncio.create_task(stopped.wait(), name="signal")
    try:
        await asyncio.wait({ended, *serving, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and starting.result() and not any(task.done() for task in serving):
            await asyncio.wait({ended, *serving}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.is_set():
            starting.cancel()
            await pod.drain()
    finally:
        for server in (voice, control):
            server.should_exit = True
        await asyncio.gather(*serving, starting, return_exceptions=True)
        ended.cancel()
        await pod.close()
    for task in serving:
        if error := task.exception():
            raise error
    return 0 if stopped.is_set() else 1


async def _start(pod: Pod) -> bool:
    """Whether it is ready; why not is in the log."""
    try:
        await pod.start()
    except Exception as error:
        _log.error("the pod can't start: %s", error, exc_info=not str(error))
        return False
    return True


async def _run(server: _Server) -> None:
    try:
        await server.serve()
    except SystemExit:
        where = f"{server.config.host}:{server.config.port}"
        raise ConfigurationError(
            f"can't listen on {where}; is the address this machine's, and the port free?"
        ) from None


def _server(app: FastAPI, host: str, port: int) -> _Server:
    """Of uvicorn's three implementations of WebSockets websockets-sansio cost least, by a little (tests/bench/overhead.py)."""
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE_BYTES,
            ws_per_message_deflate=False,
        )
    )


def _stop_on_signals() -> asyncio.Event:
    """The first SIGTERM or SIGINT asks to drain; a second one ends the process at once."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop(number: int) -> None:
        if stopped.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop, number)
    return stopped


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None
