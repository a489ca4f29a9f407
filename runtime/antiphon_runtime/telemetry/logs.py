"""What the program logs: one JSON object a line, or plain lines for people at a terminal."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO, TypeAlias

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
"""As `telemetry.logLevel` of the configuration."""

_session: ContextVar[str | None] = ContextVar("session", default=None)
_ITS_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message"}
_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")
_CHATTY = ("uvicorn.access", "httpx", "httpcore", "urllib3", "websockets", "asyncio", "filelock", "faster_whisper")
"""A line a request and the like, which at `info` would bury what is said of the agent."""


def current_session() -> str:
    """Name of the session that is spoken of here; empty outside of sessions."""
    return _session.get() or ""


@contextmanager
def about_session(session: str) -> Iterator[None]:
    """All that is logged inside, and in tasks begun inside, carries the session's name."""
    token = _session.set(session)
    try:
        yield
    finally:
        _session.reset(token)


def set_up(level: Level = "info", stream: TextIO | None = None, *, plain: bool | None = None) -> None:
    """Takes the place of any set-up before. `stream`: stderr; `plain`: where the stream is a terminal.

    uvicorn must be started with `log_config=None`, or it sets up its own.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainLines() if (stream.isatty() if plain is None else plain) else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _UVICORN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)


class JsonLines(logging.Formatter):
    """time, level, logger and message, then session, error and what was given as `extra`, where there is any."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if session := _session.get():
            line["session"] = session
        if error := _error(self, record):
            line["error"] = error
        line |= {key: value for key, value in record.__dict__.items() if key not in _ITS_OWN and key not in line}
        return json.dumps(line, default=str)


class PlainLines(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        session = f" [{session}]" if (session := _session.get()) else ""
        line = f"{_time(record)} {record.levelname.lower():7} {record.name}{session}: {record.getMessage()}"
        return f"{line}\n{error}" if (error := _error(self, record)) else line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = (
        formatter.formatException(record.exc_info) if record.exc_info else "",
        formatter.formatStack(record.stack_info) if record.stack_info else "",
    )
    return "\n".join(part for part in parts if part)
