"""Lines are texts or commands; a pipe's lines come one after the other, and then no more."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from antiphon_operator.talking.call import numbered
from antiphon_operator.talking.prompt import (
    HELP,
    Command,
    Lines,
    Quit,
    SaveAnswer,
    SayRecording,
    SayText,
    Unclear,
    command,
)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("  Hello there \n", SayText("Hello there")),
        ("\n", None),
        ("/wav a file.wav\n", SayRecording(Path("a file.wav"))),
        ("/save out.wav", SaveAnswer(Path("out.wav"))),
        ("/quit\n", Quit()),
        ("/wav", Unclear(HELP)),
        ("/unknown thing", Unclear(HELP)),
    ],
)
def test_a_line_means(line: str, meant: Command | None) -> None:
    assert command(line) == meant


def test_lines_of_a_pipe_end() -> None:
    async def read() -> list[str | None]:
        lines = Lines(io.StringIO("one\ntwo\n"))
        return [await lines.next() for _ in range(3)]

    assert asyncio.run(read()) == ["one\n", "two\n", None]


def test_answers_are_numbered_from_the_second_on() -> None:
    assert [str(numbered(Path("a/answer.wav"), number)) for number in (1, 2, 10)] == [
        "a/answer.wav",
        "a/answer-2.wav",
        "a/answer-10.wav",
    ]
