"""The real kubectl as its users run it: commands, their output and exit codes, and commands that go on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SECONDS = 90
"""A command that takes longer hangs."""


@dataclass(frozen=True)
class Kubectl:
    """One kubectl, in one namespace of one cluster."""

    binary: Path
    namespace: str
    environment: dict[str, str] = field(repr=False)

    def run(
        self, *arguments: str, stdin: Any = None, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`stdin` may be an object: it goes in as JSON."""
        text = stdin if stdin is None or isinstance(stdin, str) else json.dumps(stdin)
        return subprocess.run(
            self._command(arguments),
            capture_output=True,
            text=True,
            input=text,
            env={**self.environment, **(environment or {})},
            timeout=_SECONDS,
        )

    def __call__(self, *arguments: str, stdin: Any = None, environment: dict[str, str] | None = None) -> str:
        """What it prints; it must succeed."""
        done = self.run(*arguments, stdin=stdin, environment=environment)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def fails(self, *arguments: str, stdin: Any = None, code: int = 1) -> str:
        """What it says on standard error; it must fail."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == code, (
            f"kubectl {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stderr

    def rows(self, *arguments: str) -> list[list[str]]:
        """The words of each line."""
        return [line.split() for line in self(*arguments).splitlines()]

    def object(self, *arguments: str) -> dict[str, Any]:
        return dict(json.loads(self("get", *arguments, "-o", "json")))

    @contextmanager
    def following(self, *arguments: str) -> Iterator[Iterator[str]]:
        """The lines of a command that goes on, as they come; they end when it hangs."""
        process = subprocess.Popen(
            self._command(arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environment,
        )
        timer = threading.Timer(_SECONDS, process.kill)
        timer.start()
        try:
            with process:
                assert process.stdout is not None
                yield iter(process.stdout)
                process.kill()
        finally:
            timer.cancel()

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [str(self.binary), "-n", self.namespace, *arguments]


def packaged() -> Path | None:
    """The kubectl of this Python environment."""
    beside = Path(sys.executable).with_name("kubectl")
    return beside if beside.exists() else None


def of_the_machine() -> Path | None:
    """The kubectl on PATH, where it is another one than the packaged."""
    own = str(Path(sys.executable).parent)
    path = os.pathsep.join(each for each in os.environ.get("PATH", "").split(os.pathsep) if each != own)
    found = shutil.which("kubectl", path=path)
    ours = packaged()
    if found is None or (ours is not None and ours.samefile(found)):
        return None
    return Path(found)
