"""The real operator as a process of its own: what it says of itself, and the ways in which it can end."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

READY_WITHIN_SECONDS = 30.0
LEADS_WITHIN_SECONDS = 30.0
ENDS_WITHIN_SECONDS = 10.0
RUNTIME_IMAGE = "antiphon-runtime"
"""In the sandbox it is the runtime of this Python environment."""
LEADER = "antiphon_operator_leader"
_POLL_SECONDS = 0.05
_LAST_OF_LOG = 5000

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metrics:
    """What /metrics said: name of a sample -> its labels, sorted -> value."""

    samples: Mapping[str, Mapping[Labels, float]]

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name that carry these labels; 0 where there are none."""
        wanted = labels.items()
        return sum(value for found, value in self.samples.get(name, {}).items() if wanted <= dict(found).items())


def parse_metrics(text: str) -> Metrics:
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return Metrics(samples)


@dataclass
class Child:
    """A process that must not end unless it is told to."""

    process: subprocess.Popen[bytes]
    log_file: Path
    told_to_end: bool = field(default=False, init=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """As a crash is: it has no time to say or do anything."""
        self.told_to_end = True
        self.process.kill()
        self.process.wait()

    def terminate(self, within_seconds: float = ENDS_WITHIN_SECONDS) -> None:
        """As a kubelet ends it; it must end in good order, and soon."""
        self.told_to_end = True
        self.process.terminate()
        try:
            code = self.process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end it within {within_seconds} s:\n{self.last_words}") from None
        assert code == 0, f"it ended with {code} after SIGTERM:\n{self.last_words}"

    def must_run(self) -> None:
        assert self.is_running, f"it ended by itself with {self.process.returncode}:\n{self.last_words}"

    def wait_until(self, holds: Callable[[], bool], what: str, timeout_seconds: float) -> None:
        """Until `holds`; it must go on running meanwhile."""
        last = time.monotonic() + timeout_seconds
        while not holds():
            self.must_run()
            assert time.monotonic() < last, f"not {what} within {timeout_seconds} s:\n{self.last_words}"
            time.sleep(_POLL_SECONDS)

    @property
    def last_words(self) -> str:
        return self.log[-_LAST_OF_LOG:]


@dataclass
class OperatorProcess(Child):
    """An operator that is ready, as leader or as standby."""

    health_port: int

    @property
    def health_url(self) -> str:
        return f"http://127.0.0.1:{self.health_port}"

    def metrics(self) -> Metrics:
        with urllib.request.urlopen(f"{self.health_url}/metrics", timeout=5) as answer:
            return parse_metrics(answer.read().decode())

    @property
    def is_ready(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.health_url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    @property
    def is_leader(self) -> bool:
        with suppress(OSError):
            return self.metrics().total(LEADER) == 1
        return False

    def wait_ready(self, timeout_seconds: float = READY_WITHIN_SECONDS) -> None:
        self.wait_until(lambda: self.is_ready, "ready", timeout_seconds)

    def wait_leader(self, timeout_seconds: float = LEADS_WITHIN_SECONDS) -> None:
        self.wait_until(lambda: self.is_leader, "leader", timeout_seconds)


@contextmanager
def operator_process(
    kubeconfig: Path,
    *,
    folder: Path,
    namespace: str | None = None,
    identity: str | None = None,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    wait: bool = True,
) -> Iterator[OperatorProcess]:
    """The operator of the cluster, or of one namespace; its Lease is in that namespace, else in `default`.

    Its log lies in `folder`. Later `arguments` take the place of earlier ones. Who leaves without having ended it ends
    it by SIGTERM; that it ends by itself is an error.
    """
    port = free_port()
    command = [sys.executable, "-m", "antiphon_operator", "operator", "--kubeconfig", str(kubeconfig)]
    command += ["--health-host", "127.0.0.1", "--health-port", str(port), "--runtime-image", RUNTIME_IMAGE]
    command += ["--operator-namespace", namespace or "default", *(["--namespace", namespace] if namespace else [])]
    command += [*(["--identity", identity] if identity else []), *arguments]
    log = folder / f"operator-{identity or port}.log"
    with log.open("ab") as output:
        operator = OperatorProcess(start(command, output.fileno(), environment), log, port)
    with ended(operator):
        if wait:
            operator.wait_ready()
        yield operator


@contextmanager
def ended(child: Child) -> Iterator[None]:
    """At the end it no longer runs: by SIGTERM, in good order, unless something went wrong before."""
    try:
        yield
        if not child.told_to_end:
            child.must_run()
            child.terminate()
    finally:
        if child.is_running:
            child.kill()


def start(command: Sequence[str], output: int, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A process that ends with the thread that starts it, however that ends. It does not see the tests' KUBECONFIG."""
    known = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return subprocess.Popen(
        [*command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**known, **(environment or {})},
        preexec_fn=_end_with_the_tests,
    )


def _end_with_the_tests() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
