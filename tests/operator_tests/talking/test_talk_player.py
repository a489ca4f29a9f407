"""Answers are played by a program of the machine; here by one that writes what it was to play into a file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from virtual_time import in_virtual_time

from antiphon_operator.talking.player import PROGRAMS, PlaybackClock, Player, found_player

HALF_A_SECOND = bytes(range(256)) * 93 + bytes(192)
"""Of sound."""


def program(folder: Path, script: str) -> list[str]:
    file = folder / "player"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return [str(file)]


def test_all_of_the_answer_is_played_and_waited_for(tmp_path: Path) -> None:
    async def story() -> Player:
        player = Player(program(tmp_path, f"cat > {tmp_path}/played"))
        await player.play(HALF_A_SECOND)
        await player.play(HALF_A_SECOND)
        async with asyncio.timeout(4):
            await player.finish()
        return player

    player = asyncio.run(story())
    assert player.is_heard
    assert (tmp_path / "played").read_bytes() == HALF_A_SECOND * 2


def test_a_program_that_can_not_play_is_told_once_and_not_used_again(tmp_path: Path) -> None:
    async def story() -> Player:
        player = Player(program(tmp_path, "echo ALSA: no such device >&2; exit 1"))
        await player.play(HALF_A_SECOND)
        await player.finish()
        await player.play(HALF_A_SECOND)
        return player

    player = asyncio.run(story())
    assert not player.is_heard
    assert "can't play: ALSA: no such device" in player.problem


def test_a_program_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    async def story() -> str:
        player = Player([str(tmp_path / "none")])
        await player.play(HALF_A_SECOND)
        return player.problem

    assert "does not start" in asyncio.run(story())


def test_stopping_ends_the_program_at_once_and_who_waits_for_it(tmp_path: Path) -> None:
    async def story() -> tuple[PlaybackClock, float]:
        loop = asyncio.get_running_loop()
        player = Player(program(tmp_path, "exec sleep 60"))
        await player.play(HALF_A_SECOND * 20)
        finishing = asyncio.create_task(player.finish())
        await asyncio.sleep(0.05)
        before = loop.time()
        clock = await player.stop()
        await finishing
        return clock, loop.time() - before

    clock, took = asyncio.run(story())
    assert clock.seconds == pytest.approx(10.0, rel=0.01)
    assert took < 5


@in_virtual_time
async def test_without_a_program_time_passes_as_if_somebody_listened() -> None:
    loop = asyncio.get_running_loop()
    player = Player(None)
    await player.play(bytes(48_000 * 3))
    await asyncio.sleep(1.0)
    finishing = asyncio.create_task(player.finish())
    await asyncio.sleep(0.5)
    clock = player.clock
    assert clock.played_seconds(loop.time()) == pytest.approx(1.5)
    await finishing
    assert loop.time() == pytest.approx(3.0)


def test_a_gap_in_what_comes_is_not_counted_as_played() -> None:
    clock = PlaybackClock()
    clock.add(1.0, now=10.0)
    clock.add(1.0, now=15.0)
    assert clock.played_seconds(15.25) == pytest.approx(1.25)
    assert clock.left_seconds(15.25) == pytest.approx(0.75)
    assert clock.played_seconds(99.0) == pytest.approx(2.0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_whichever_program_is_there_is_found(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found_player() is None
    (tmp_path / name).write_text("")
    os.chmod(tmp_path / name, 0o755)  # noqa: PTH101
    command = found_player()
    assert command is not None
    assert command[0] == str(tmp_path / name)
    assert any("24000" in word for word in command)
