"""Ends every process of a sandbox whose parent is gone, however it went: `guardian.py MARKER [FOLDER ...]`.

Runs alone, in a session of its own, with the standard library only. Its standard input is the read end of a pipe whose
other end the parent holds: when the parent dies, the kernel closes it. Then the guardian kills what carries the marker
(`NAME=value`, in the environment with which a process was started), removes the folders that it was given, and ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MARKER_FILE = "marker"
"""In a sandbox's folder: whose it is."""
PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 10.0
"""How long it goes on while something will not die (a process in uninterruptible sleep)."""


class Process(NamedTuple):
    pid: int
    parent: int
    session: int
    state: str


def processes() -> Iterator[Process]:
    """All processes of the machine that we may see."""
    for name in os.listdir("/proc"):  # noqa: PTH208 (a hundred Path objects at each look would be waste)
        if name.isdecimal() and (found := _read_process(int(name))):
            yield found


def _read_process(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    state, parent, _group, session, *_ = stat[stat.rindex(")") + 2 :].split()
    return Process(pid, int(parent), int(session), state)


def carries(pid: int, marker: str) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return marker.encode() in environment.split(b"\0")


def marked(marker: str) -> set[int]:
    """Living processes that carry the marker, their descendants, and the rest of the sessions that they lead or led.

    Never this process, nor one that it descends from.
    """
    living = {found.pid: found for found in processes() if found.state not in "ZX"}
    ours = {pid for pid in living if carries(pid, marker)}
    size = -1
    while size != len(ours):
        size = len(ours)
        sessions = {s for s in (living[pid].session for pid in ours) if s and (s in ours or s not in living)}
        ours |= {pid for pid, found in living.items() if found.parent in ours or found.session in sessions}
    return ours - set(_lineage(living))


def _lineage(living: dict[int, Process]) -> Iterator[int]:
    pid = os.getpid()
    while pid in living:
        yield pid
        pid = living[pid].parent


def send(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def kill_marked(marker: str) -> set[int]:
    """Kills until none is left; returns what would not die."""
    last = time.monotonic() + PATIENCE_SECONDS
    while (left := marked(marker)) and time.monotonic() < last:
        send(left, signal.SIGKILL)
        time.sleep(PAUSE_SECONDS)
    return left


def wait_until_gone(marker: str, seconds: float) -> None:
    """Returns early as soon as nothing carries the marker."""
    last = time.monotonic() + seconds
    while marked(marker) and time.monotonic() < last:
        time.sleep(PAUSE_SECONDS)


def main(marker: str, *folders: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    kill_marked(marker)
    for folder in map(Path, folders):
        _remove(folder, marker)


def _remove(folder: Path, marker: str) -> None:
    """Not when another run has taken it over meanwhile; out of its way at once, since removing takes a while."""
    with contextlib.suppress(OSError):
        if (folder / MARKER_FILE).read_text() == marker:
            going = folder.rename(f"{folder}.gone-{os.getpid()}")
            shutil.rmtree(going, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
