"""A `vllm serve` that is started, watched, put to sleep, started again when it died, and stopped."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Literal

from antiphon_runtime.engines.child_process import Child
from antiphon_runtime.engines.openai_http import refusal
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.engines.unix_http import request

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_PROGRESS_SECONDS = 15.0
_LONGEST_SOCKET_PATH = 100
"""Linux takes 107 bytes."""
_SLEEP_SECONDS = 300.0
"""Weights of many GPUs take a while to be copied."""
State = Literal["new", "starting", "running", "asleep", "ended", "closed"]


@dataclass(frozen=True, slots=True)
class Times:
    """All in seconds."""

    start: float = 1800.0
    """Longest start, with weights loaded and graphs captured."""
    stop: float = 15.0
    """From asking it to end to killing it."""
    watch: float = 5.0
    """Between two looks at its health."""
    health: float = 10.0
    """Longest answer to such a look; `missed` in a row are a hung process, which is killed."""
    missed: int = 3
    backoff: float = 1.0
    """From an end to the next start; doubled each time up to `longest_backoff`, until it has run so long."""
    longest_backoff: float = 60.0


class VllmServer:
    """`check` never blocks; all else does. May be used from several threads."""

    def __init__(
        self,
        command: Callable[[Path], Sequence[str]],
        *,
        environment: Mapping[str, str],
        times: Times,
        sleep_level: Literal[0, 1, 2] = 0,
    ) -> None:
        """`command` for a socket to listen on. `sleep_level` 0: it can't sleep; 1 keeps the weights in main memory."""
        self._folder = Path(tempfile.mkdtemp(prefix="antiphon-vllm-"))
        self.socket = self._folder / "socket"
        if len(str(self.socket).encode()) > _LONGEST_SOCKET_PATH:
            self._folder.rmdir()
            raise EngineError(f"vllm: {self.socket} is too long for a socket; set TMPDIR to a shorter path")
        self.sleep_level = sleep_level
        self._command = command(self.socket)
        self._environment = dict(environment)
        self._times = times
        self._lock = threading.RLock()
        self._state: State = "new"
        self._child: Child | None = None
        self._why = ""
        """What the last one said before it ended."""
        self._backoff = times.backoff
        self._next_start = 0.0
        self._healthy_since: float | None = None

    @property
    def process_id(self) -> int | None:
        child = self._child
        return child.process_id if child is not None and not child.ended.is_set() else None

    def check(self) -> None:
        """Raises EngineError unless it can be asked. When it has died and its time has come it is started again."""
        with self._lock:
            if self._state == "running":
                return
            if self._state == "ended" and time.monotonic() >= self._next_start:
                self._state = "starting"
                threading.Thread(target=self._start_again, name="vllm start", daemon=True).start()
            raise EngineError(self._trouble())

    def start(self) -> None:
        """Returns when it answers. Raises EngineError with its last words when it does not come up."""
        with self._lock:
            if self._state not in ("new", "ended"):
                raise EngineError(self._trouble())
            self._state = "starting"
        self._launch()

    def sleep(self) -> None:
        """Raises EngineError where it can't, or is not awake."""
        if not self.sleep_level:
            raise EngineError("vllm was started without sleep mode; set option enableSleepMode")
        with self._lock:
            if self._state == "asleep":
                return
            self.check()
            self._state = "asleep"
        began = time.monotonic()
        self._ask(f"/sleep?level={self.sleep_level}")
        _log.info("vllm sleeps after %.2f s", time.monotonic() - began)

    def wake(self) -> None:
        """One that died asleep is started anew."""
        with self._lock:
            if self._state == "running":
                return
            must_start = self._state == "ended"
            if self._state not in ("asleep", "ended"):
                raise EngineError(self._trouble())
        began = time.monotonic()
        if must_start:
            self.start()
        else:
            self._wake_up()
        _log.info("vllm is awake after %.2f s", time.monotonic() - began)

    def close(self) -> None:
        """Returns when no process of it runs any more."""
        with self._lock:
            self._state = "closed"
            child = self._child
        if child is not None:
            child.stop(self._times.stop)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _launch(self) -> None:
        with self._lock:
            if self._state != "starting":
                raise EngineError(self._trouble())
            self.socket.unlink(missing_ok=True)
            self._child = child = Child(
                "vllm", self._command, environment=self._environment, on_end=lambda: self._ended(child)
            )
        self._wait_until_healthy(child)
        with self._lock:
            if child.ended.is_set() or self._state != "starting":
                raise EngineError(self._trouble())
            self._state = "running"
            self._healthy_since = time.monotonic()
        child.is_quiet = True
        threading.Thread(target=self._watch, args=(child,), name="vllm watch", daemon=True).start()

    def _wake_up(self) -> None:
        if self.sleep_level == 1:
            self._ask("/wake_up")
        else:  # the weights are read again before there is room for the cache
            self._ask("/wake_up?tags=weights")
            self._ask("/collective_rpc", {"method": "reload_weights"})
            self._ask("/wake_up?tags=kv_cache")
        with self._lock:
            if self._state != "asleep":
                raise EngineError(self._trouble())
            self._state = "running"

    def _ask(self, path: str, body: Mapping[str, str] | None = None) -> None:
        try:
            status, said = request(self.socket, "POST", path, body, timeout_seconds=_SLEEP_SECONDS)
        except (OSError, HTTPException) as error:
            raise EngineError(f"vllm: {path}: {str(error) or type(error).__name__}") from error
        if status != HTTPStatus.OK:
            raise EngineError(f"vllm: {path}: {status}: {refusal(said)}")

    def _start_again(self) -> None:
        try:
            self._launch()
        except EngineError as error:
            _log.error("%s", error)
        else:
            _log.info("vllm runs again")

    def _wait_until_healthy(self, child: Child) -> None:
        began = told = time.monotonic()
        while not child.ended.wait(_POLL_SECONDS):
            if self._is_healthy():
                _log.info("vllm answers after %.1f s", time.monotonic() - began)
                return
            now = time.monotonic()
            if now - began > self._times.start:
                last_words = child.last_words
                child.stop(self._times.stop)
                raise EngineError(f"vllm was not ready within {self._times.start:.0f} s; it said:\n{last_words}")
            if now - told >= _PROGRESS_SECONDS:
                told = now
                _log.info("vllm has been starting for %.0f s: %s", now - began, child.last_line)
        raise EngineError(_last_words_of(child))

    def _watch(self, child: Child) -> None:
        missed = 0
        while not child.ended.wait(self._times.watch):
            missed = 0 if self._is_healthy() else missed + 1
            if missed >= self._times.missed:
                _log.error("vllm did not answer %d times in a row; it is killed", missed)
                child.kill()

    def _is_healthy(self) -> bool:
        with suppress(OSError, HTTPException):
            return request(self.socket, "GET", "/health", timeout_seconds=self._times.health)[0] == HTTPStatus.OK
        return False

    def _ended(self, child: Child) -> None:
        with self._lock:
            if self._state == "closed" or child is not self._child:
                return
            self._why = _last_words_of(child)
            self._state = "ended"
            since, self._healthy_since = self._healthy_since, None
            if since is not None and time.monotonic() - since > self._times.longest_backoff:
                self._backoff = self._times.backoff
            self._next_start = time.monotonic() + self._backoff
            self._backoff = min(2 * self._backoff, self._times.longest_backoff)
        _log.error("%s", self._why)

    def _trouble(self) -> str:
        seconds = max(0.0, self._next_start - time.monotonic())
        return {
            "new": "vllm was not started",
            "starting": f"vllm is still starting{f'; the one before: {self._why}' if self._why else ''}",
            "running": "vllm runs",
            "asleep": "vllm sleeps",
            "ended": f"vllm starts again in {seconds:.0f} s at the earliest; {self._why}",
            "closed": "vllm is closed",
        }[self._state]


def _last_words_of(child: Child) -> str:
    return f"vllm ended with exit code {child.exit_code}; it said:\n{child.last_words or 'nothing'}"
