"""The sandbox, which is another package: brought up and ended by its own command line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from antiphon_operator.bringing_up.children import read_json, run_module

_SANDBOX = "antiphon_sandbox"


@dataclass(frozen=True)
class SandboxOptions:
    """What of it can be chosen; None leaves it to the sandbox."""

    kubeconfig: Path | None = None
    nodes: Path | None = None
    port: int | None = None


@dataclass(frozen=True)
class SandboxWorld:
    """A sandbox that is up."""

    url: str
    kubeconfig: Path
    nodes: tuple[str, ...]
    was_up: bool
    """It was up before: options of now changed nothing."""


async def bring_up(options: SandboxOptions) -> SandboxWorld:
    arguments = ["up", "--detach", "-o", "json", *_option("--kubeconfig", options.kubeconfig)]
    arguments += [*_option("--nodes", options.nodes), *_option("--port", options.port)]
    output, said = await run_module(_SANDBOX, arguments)
    told = read_json(output)
    return SandboxWorld(told["url"], Path(told["kubeconfig"]), tuple(told["nodes"]), was_up="starting" not in said)


async def end(kubeconfig: Path) -> bool:
    """Whether there was one."""
    output, _ = await run_module(_SANDBOX, ["down", "-o", "json", "--kubeconfig", str(kubeconfig)])
    return bool(read_json(output)["ended"])


def default_kubeconfig() -> Path:
    """The sandbox's own default; a test holds both together."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "antiphon" / "sandbox" / "kubeconfig"


def _option(name: str, value: object) -> list[str]:
    return [] if value is None else [name, str(value)]
