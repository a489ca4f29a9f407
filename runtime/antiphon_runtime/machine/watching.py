"""Reads the GPU every few seconds, off the event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from antiphon_runtime.machine.devices import Gpu, GpuReading

EVERY_SECONDS = 5.0
_log = logging.getLogger(__name__)


class GpuWatch:
    """Reads from its making to `close`. Made on the event loop, where it also tells.

    It has a thread of its own that nobody waits for: a driver that hangs must not keep the process from ending.
    """

    def __init__(self, gpu: Gpu, tell: Callable[[GpuReading], None], every_seconds: float = EVERY_SECONDS) -> None:
        self._gpu = gpu
        self._tell = tell
        self._every_seconds = every_seconds
        self._loop = asyncio.get_running_loop()
        self._closed = threading.Event()
        self.latest: GpuReading | None = None
        threading.Thread(target=self._run, name="gpu-watch", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            while not self._closed.is_set():
                self._loop.call_soon_threadsafe(self._take, self._gpu.read())
                self._closed.wait(self._every_seconds)

    def _take(self, reading: GpuReading) -> None:
        if not self._closed.is_set():
            self.latest = reading
            self._tell(reading)
