"""Where a running sandbox is written down, so that it is found and ended: a folder beside its kubeconfig."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from antiphon_sandbox.problems import SandboxError


def default_kubeconfig() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "antiphon" / "sandbox" / "kubeconfig"


@dataclass(frozen=True)
class World:
    """A sandbox that is up."""

    pid: int
    url: str
    kubeconfig: str
    nodes: list[str]


class AlreadyUpError(SandboxError):
    """Another sandbox has this kubeconfig."""

    def __init__(self, world: World | None) -> None:
        where = f"at {world.url} (process {world.pid})" if world else "and still starting"
        super().__init__(
            f"a sandbox with this kubeconfig is up {where}; `down` ends it, another --kubeconfig gives a second"
        )
        self.world = world


class WorldFile:
    """Locked for as long as the sandbox lives: the lock goes with the process, however it goes."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig.absolute()
        self.folder = self.kubeconfig.with_name(f"{self.kubeconfig.name}.sandbox")
        self.log = self.folder / "log"
        self._file = self.folder / "world.json"
        self._lock: Any = None

    def take(self) -> None:
        """AlreadyUpError when somebody has it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AlreadyUpError(self._read()) from None
        self._file.unlink(missing_ok=True)
        self._lock = lock

    def write(self, world: World) -> None:
        """In one step: a reader never sees half of it."""
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(asdict(world), indent=1) + "\n")
        beside.replace(self._file)

    def give_back(self) -> None:
        self._file.unlink(missing_ok=True)
        self.kubeconfig.unlink(missing_ok=True)
        if self._lock:
            self._lock.close()

    def world(self) -> World | None:
        """The sandbox that is up; None when there is none, or when it is not ready yet."""
        return self._read() if self.is_taken() else None

    def is_taken(self) -> bool:
        try:
            lock = (self.folder / "lock").open("r")
        except FileNotFoundError:
            return False
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _read(self) -> World | None:
        try:
            return World(**json.loads(self._file.read_text()))
        except FileNotFoundError:
            return None
