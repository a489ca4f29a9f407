"""A sandbox in the background: started, waited for, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from antiphon_sandbox.problems import SandboxError
from antiphon_sandbox.world_file import World, WorldFile

START_SECONDS = 60.0
END_SECONDS = 60.0
"""Pods may take their time to end; after this they are no longer waited for."""
_LOOK_AGAIN_SECONDS = 0.05


class DetachedError(SandboxError):
    """It did not start, or does not end; the text says where to look."""


def start(file: WorldFile, arguments: Sequence[str]) -> World:
    """The sandbox, when it is ready. `arguments` are those of `up` in the foreground."""
    file.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", "antiphon_sandbox", "up", *arguments]
    with file.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    last = time.monotonic() + START_SECONDS
    while time.monotonic() < last:
        world = file.world()
        if world is not None and world.pid == process.pid:
            return world
        if process.poll() is not None:
            raise DetachedError(file.log.read_text().strip() or f"it ended with exit code {process.returncode}")
        time.sleep(_LOOK_AGAIN_SECONDS)
    process.kill()
    raise DetachedError(f"not ready within {START_SECONDS:g} s; see {file.log}")


def end(file: WorldFile) -> bool:
    """Whether there was one. DetachedError when it does not end."""
    world = file.world()
    if world is None:
        return False
    os.kill(world.pid, signal.SIGTERM)
    last = time.monotonic() + END_SECONDS
    while file.is_taken():
        if time.monotonic() > last:
            raise DetachedError(f"process {world.pid} has not ended within {END_SECONDS:g} s; see {file.log}")
        time.sleep(_LOOK_AGAIN_SECONDS)
    return True
