import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from process_world import PATIENCE_SECONDS, is_alive

from antiphon_sandbox.nodes import guardian
from antiphon_sandbox.nodes.leftovers import MARKER

# A parent as the agent is one: it has a guardian, and starts a program that leaves processes everywhere.
PARENT = """
import asyncio, os, signal, subprocess, sys
from pathlib import Path
from antiphon_sandbox.nodes.leftovers import MARKER, Leftovers

leftovers = Leftovers(Path(sys.argv[1]), remove_state=True)
asyncio.run(leftovers.begin())
name, _, value = leftovers.marker.partition("=")
subprocess.Popen(["sh", "-c", sys.argv[2]], start_new_session=True, env={"PATH": os.defpath, name: value, "OUT": sys.argv[3]})
print(leftovers.marker, flush=True)
signal.pause()
"""
# A child, one with a session of its own, one whose parent is gone as well, and one without our environment.
PROGRAM = """
sleep 1000 & echo $! >> $OUT
setsid sh -c 'echo $$ >> $OUT; exec sleep 1000' &
(setsid sh -c 'trap "" TERM; echo $$ >> $OUT; sleep 1000' &) &
env -i sleep 1000 & echo $! >> $OUT
echo $$ >> $OUT; exec sleep 1000
"""


def wait_until(holds: Callable[[], object]) -> None:
    last = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < last, "it does not come true"
        time.sleep(0.005)


@contextmanager
def parent(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, set[int]]]:
    """The parent, its marker, and the processes that its program left."""
    out = folder / "pids"
    command = [sys.executable, "-c", PARENT, str(folder / "state"), PROGRAM, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            marker = process.stdout.readline().strip()
            wait_until(lambda: out.exists() and len(out.read_text().splitlines()) == 5)
            yield process, marker, set(map(int, out.read_text().split()))
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_the_parent(tmp_path: Path, number: signal.Signals) -> None:
    with parent(tmp_path) as (process, _, pids):
        assert all(map(is_alive, pids))
        process.send_signal(number)
        killed = time.monotonic()
        process.wait()
        wait_until(lambda: not any(map(is_alive, pids)))
        assert time.monotonic() - killed < 5, "about a second, on a busy machine"
    wait_until(lambda: not (tmp_path / "state").exists())


def test_it_finds_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, marker, pids):
        found = guardian.marked(marker)
        assert pids <= found
        assert not {process.pid, os.getpid(), os.getppid(), 1} & found
        assert guardian.marked(f"{MARKER}=another") == set()


def test_killing_ends_with_nothing_left(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, marker, pids):
        assert guardian.kill_marked(marker) == set()
        assert not any(map(is_alive, pids))
        assert process.poll() is None


AGENT = """
import asyncio, sys
from pathlib import Path
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.nodes.processes import ProcessNodes

async def main():
    api = Api()
    script = "setsid sh -c 'echo $$$$ >> $OUT; exec sleep 1000' & echo $$$$ >> $OUT; exec sleep 1000"
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    container["env"] = [{"name": "OUT", "value": sys.argv[2]}]
    spec = {"nodeName": "laptop", "containers": [container]}
    api.create("pods", {"metadata": {"name": "web", "namespace": "default"}, "spec": spec})
    await ProcessNodes(api, ["laptop"], Path(sys.argv[1]), remove_state=True).run()

asyncio.run(main())
"""


def guardian_of(parent: int) -> int:
    found = [each for each in guardian.processes() if each.parent == parent and each.state not in "ZX"]
    (pid,) = (
        each.pid for each in found if guardian.__file__.encode() in Path(f"/proc/{each.pid}/cmdline").read_bytes()
    )
    return pid


def test_nothing_survives_an_agent_that_is_killed_and_whose_guardian_was_killed_before(tmp_path: Path) -> None:
    out, state = tmp_path / "pids", tmp_path / "state"
    with subprocess.Popen([sys.executable, "-c", AGENT, str(state), str(out)], stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: out.exists() and len(out.read_text().splitlines()) == 2)
            pids = set(map(int, out.read_text().split()))
            first = guardian_of(process.pid)
            os.kill(first, signal.SIGKILL)
            assert process.stderr
            assert b"guardian" in process.stderr.readline(), "it says so, and starts another one"
            assert guardian_of(process.pid) != first
            assert all(map(is_alive, pids))
        finally:
            process.kill()
    wait_until(lambda: not any(map(is_alive, pids)) and not state.exists())


def test_what_even_the_guardian_left_is_ended_at_the_next_start(tmp_path: Path) -> None:
    out, state = tmp_path / "pids", tmp_path / "state"
    command = [sys.executable, "-c", AGENT, str(state), str(out)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: out.exists() and len(out.read_text().splitlines()) == 2)
            left = set(map(int, out.read_text().split()))
            process.send_signal(signal.SIGSTOP)
            os.kill(guardian_of(process.pid), signal.SIGKILL)
        finally:
            process.kill()
    assert all(map(is_alive, left))
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: not any(map(is_alive, left)))
        finally:
            process.kill()
    wait_until(lambda: not state.exists())


def test_a_folder_that_somebody_else_has_taken_over_stays(tmp_path: Path) -> None:
    with parent(tmp_path) as (process, _, _):
        (tmp_path / "state" / guardian.MARKER_FILE).write_text(f"{MARKER}=another")
        watcher = guardian_of(process.pid)
    wait_until(lambda: not is_alive(watcher))
    assert (tmp_path / "state").exists()
