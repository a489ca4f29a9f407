"""Each line of the log is one JSON object; people at a terminal get plain lines."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from antiphon_runtime.telemetry import logs

TOUCHED = ("uvicorn", "uvicorn.error", *logs._CHATTY)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    loggers = [logging.getLogger(), *map(logging.getLogger, TOUCHED)]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_whatever_is_in_the_message(stream: io.StringIO) -> None:
    logs.set_up("info", stream)
    logging.getLogger("antiphon_runtime.voice").info("said %r\nand \u2028 \ud800 \x1b[31m", 'a "b"')
    (line,) = lines(stream)
    assert (line["level"], line["logger"]) == ("info", "antiphon_runtime.voice")
    assert line["message"] == "said 'a \"b\"'\nand \u2028 \ud800 \x1b[31m"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert stream.getvalue().isascii()


def test_an_error_and_what_was_given_beside_are_in_the_same_line(stream: io.StringIO) -> None:
    logs.set_up("info", stream)
    try:
        raise ValueError("no such voice")
    except ValueError:
        logging.getLogger("voice").exception("failed", extra={"stage": "tts", "file": {1}, "level": "mine"})
    (line,) = lines(stream)
    assert line["error"].endswith("ValueError: no such voice")
    assert (line["stage"], line["file"], line["level"]) == ("tts", "{1}", "error")


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_says_what_is_heard(stream: io.StringIO, level: logs.Level, heard: int) -> None:
    logs.set_up(level, stream)
    for severity in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logging.getLogger("voice").log(severity, "x")
    assert len(lines(stream)) == heard


def test_the_session_goes_with_its_tasks_and_no_further(stream: io.StringIO) -> None:
    logs.set_up("info", stream)

    async def session(name: str) -> None:
        with logs.about_session(name):
            await asyncio.gather(*(asyncio.create_task(_say(name)) for _ in range(3)))

    async def both() -> None:
        await asyncio.gather(session("one"), session("other"))
        await _say("nobody")

    asyncio.run(both())
    assert len(lines(stream)) == 7
    assert all(line.get("session", "nobody") == line["message"] for line in lines(stream))


async def _say(text: str) -> None:
    await asyncio.sleep(0)
    logging.getLogger("voice").info(text)


def test_uvicorn_logs_as_all_others_do(stream: io.StringIO) -> None:
    uvicorn.Config("nothing:app")  # sets up handlers of its own, as an earlier start could have
    logs.set_up("info", stream)
    uvicorn.Config("nothing:app", log_config=None)
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7, extra={"color_message": "\x1b[36m7"})
    logging.getLogger("uvicorn.access").info("GET /healthz 200")
    (line,) = lines(stream)
    assert (line["message"], "color_message" in line) == ("Started server process [7]", False)


def test_requests_are_logged_where_all_is(stream: io.StringIO) -> None:
    logs.set_up("info", io.StringIO())
    logs.set_up("debug", stream)
    logging.getLogger("uvicorn.access").info("GET /healthz 200")
    assert [line["logger"] for line in lines(stream)] == ["uvicorn.access"]


def test_at_a_terminal_lines_are_plain(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "isatty", lambda: True)
    logs.set_up("info", stream)
    with logs.about_session("sess_1"):
        logging.getLogger("voice").warning("slow")
    assert re.fullmatch(r"\S+Z warning voice \[sess_1\]: slow\n", stream.getvalue())
