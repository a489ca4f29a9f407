"""Programs of ours as child processes."""

import asyncio
import sys
from pathlib import Path

import pytest

from antiphon_operator.bringing_up.children import read_json, run_module
from antiphon_operator.bringing_up.errors import BringingUpError

PROGRAM = """
import sys, time
match sys.argv[1]:
    case "echo":
        print(sys.stdin.read(), end="")
        print("a word", file=sys.stderr)
    case "fail":
        print("it is full", file=sys.stderr)
        sys.exit(5)
    case "wait":
        open(sys.argv[2], "w").close()
        time.sleep(100)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "some_program.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "some_program"


def test_what_it_prints_and_what_it_says(program: str) -> None:
    output, said = asyncio.run(run_module(program, ["echo"], stdin='{"a": 1}'))
    assert read_json(output) == {"a": 1}
    assert said == "a word\n"


def test_a_failure_is_told_with_its_last_words(program: str) -> None:
    with pytest.raises(BringingUpError, match=r"some_program fail` failed with exit code 5:\nit is full"):
        asyncio.run(run_module(program, ["fail"]))


def test_what_is_no_json() -> None:
    with pytest.raises(BringingUpError, match="what should be JSON is 'oh'"):
        read_json("oh")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_it_ends_with_us(program: str, tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    async def story() -> None:
        running = asyncio.create_task(run_module(program, ["wait", str(begun)]))
        while not begun.exists():
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(story())
    commands = [folder / "cmdline" for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    assert not [file for file in commands if _contains(file, str(begun))]


def _contains(file: Path, text: str) -> bool:
    try:
        return text.encode() in file.read_bytes()
    except OSError:
        return False
