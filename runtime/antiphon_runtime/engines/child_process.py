"""A server that runs as a child of this process, with all that it starts itself, and ends with it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from antiphon_runtime.engines.protocols import EngineError

_log = logging.getLogger(__name__)
_LAUNCHER = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGTERM)\n"
    "if os.getppid() != int(sys.argv[1]): sys.exit('the parent is gone')\n"
    "os.execvp(sys.argv[2], sys.argv[2:])\n"
)
"""Asks Linux for SIGTERM at the end of the thread that started it, then becomes the program."""
_TOLD_LINES = 30
_TELL_SECONDS = 5.0


class Child:
    """Running when made. Its group has its own number, so that a signal reaches whatever it started."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_end` is called from a thread, when nothing of it runs any more. Raises EngineError."""
        self.name = name
        self.ended = threading.Event()
        self.is_quiet = False
        """What it says goes to the log as detail only."""
        self._command = [sys.executable, "-ISc", _LAUNCHER, str(os.getpid()), *command]
        self._environment = dict(environment)
        self._on_end = on_end
        self._said: deque[str] = deque(maxlen=_TOLD_LINES)
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._has_number = False
        """Whether the process number is still this child's own."""
        self._error: OSError | None = None
        started = threading.Event()
        # The thread must live as long as the child, see _LAUNCHER.
        threading.Thread(target=self._keep, args=(started,), name=f"{name} child", daemon=True).start()
        started.wait()
        if self._error is not None:
            raise EngineError(f"{name} can't be started: {self._error}") from self._error

    @property
    def process_id(self) -> int:
        assert self._process is not None  # noqa: S101 (it was started, or there is no Child)
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below 0 it is the signal that ended it."""
        return self._process.returncode if self._process is not None and self.ended.is_set() else None

    @property
    def last_words(self) -> str:
        return "\n".join(tuple(self._said))

    @property
    def last_line(self) -> str:
        return self._said[-1] if self._said else ""

    def stop(self, grace_seconds: float) -> None:
        """Returns when nothing of it runs any more."""
        self._signal(signal.SIGTERM)
        if not self.ended.wait(grace_seconds):
            _log.warning("%s did not end within %.0f s; it is killed", self.name, grace_seconds)
            self.kill()
            self.ended.wait()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _keep(self, started: threading.Event) -> None:
        try:
            self._process = process = self._start()
            self._has_number = True
        except OSError as error:
            self._error = error
            self.ended.set()
            return
        finally:
            started.set()
        telling = threading.Thread(target=self._tell, args=(process,), name=f"{self.name} log", daemon=True)
        telling.start()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self._signal(signal.SIGKILL)  # what it left behind
        with self._lock:
            self._has_number = False
            process.wait()
        telling.join(_TELL_SECONDS)
        self.ended.set()
        self._on_end()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def _tell(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:
            return
        with process.stdout as lines:
            for line in filter(None, map(str.rstrip, lines)):
                self._said.append(line)
                _log.log(logging.DEBUG if self.is_quiet else logging.INFO, "%s: %s", self.name, line)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self._process is not None and self._has_number:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)
