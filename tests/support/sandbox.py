"""A sandbox as a user starts it, for tests: a process of its own."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m antiphon_sandbox ARGUMENT...`, once it has said that it serves; ended as Ctrl-C ends it."""
    process = started(arguments)
    try:
        yield process
    finally:
        end(process)


def started(arguments: Sequence[str | Path]) -> subprocess.Popen[str]:
    """Running, and ready."""
    command = [sys.executable, "-m", "antiphon_sandbox", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
        preexec_fn=_end_with_the_tests,
    )
    _wait_until_ready(process)
    return process


def _end_with_the_tests() -> None:
    """A test run that is killed tears nothing down: the kernel then ends what it has started (Linux: PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    said = ""
    last = time.monotonic() + START_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while "serving the Kubernetes API at" not in said:
            left = last - time.monotonic()
            if left < 0 or process.poll() is not None:
                process.kill()
                raise AssertionError(f"the sandbox did not start:\n{said}")
            selector.select(left)
            said += process.stdout.read() or ""
    os.set_blocking(process.stdout.fileno(), True)
