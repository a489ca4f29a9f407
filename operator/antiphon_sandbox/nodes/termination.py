"""What a container says at its end: the file that it wrote, or the end of its log."""

from __future__ import annotations

from pathlib import Path

from antiphon_sandbox.nodes.container_program import Surroundings
from antiphon_sandbox.objects import Obj

_FILE_BYTES = 4096
_LOG_BYTES = 2048
_LOG_LINES = 80


def termination_message(container: Obj, around: Surroundings, log: Path, exit_code: int) -> str:
    said = around.termination_file.read_bytes() if around.termination_file.is_file() else b""
    if not said and exit_code and container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        return _end_of(log)
    return said[:_FILE_BYTES].decode(errors="replace")


def _end_of(log: Path) -> str:
    records = log.read_bytes().split(b"\n")[:-1][-_LOG_LINES:]
    text = b"\n".join(record.split(b" ", 3)[3] for record in records)
    return text[-_LOG_BYTES:].decode(errors="replace")
