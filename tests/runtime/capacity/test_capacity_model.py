from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.stages import Stage
from antiphon_runtime.capacity.habits import Habits
from antiphon_runtime.capacity.model import MOST_SESSIONS, capacity_of
from antiphon_runtime.capacity.work import Line, StageWork, batch_within, line_through

STAGES: tuple[Stage, ...] = ("vad", "asr", "llm", "tts", "diarization")
seconds = st.floats(0, 1)
sizes = st.integers(1, 64)
lines = st.builds(Line, seconds, seconds)
shares = st.floats(0.01, 1)
USUAL = Habits()


@st.composite
def works(draw: st.DrawFn) -> list[StageWork]:
    return [
        StageWork(
            stage,
            draw(lines),
            draw(sizes),
            draw(lines),
            draw(st.integers(0, 30)),
            streams=stage in ("llm", "tts"),
            device=draw(st.sampled_from(("cpu", "gpu", "own"))),
            cores=draw(st.floats(0, 8)),
        )
        for stage in draw(st.lists(st.sampled_from(STAGES), unique=True))
    ]


def sessions(found: list[StageWork], habits: Habits = USUAL, *, cores: float = 2, margin: float = 0.7) -> int:
    return capacity_of(found, habits, cores=cores, margin=margin).sessions


@given(works(), st.floats(0.1, 64))
def test_there_is_room_for_one_at_least_and_the_reason_is_told(found: list[StageWork], cores: float) -> None:
    capacity = capacity_of(found, Habits(), cores=cores)
    assert 1 <= capacity.sessions <= MOST_SESSIONS
    assert capacity.binding


@given(works(), st.data())
def test_a_slower_stage_never_raises_it(found: list[StageWork], data: st.DataObject) -> None:
    slower = [
        replace(work, call=work.call.plus(data.draw(lines)), step=work.step.plus(data.draw(lines))) for work in found
    ]
    assert sessions(slower) <= sessions(found)


@given(works(), shares, shares)
def test_a_busier_session_never_raises_it(found: list[StageWork], one: float, other: float) -> None:
    busy, lazy = Habits(duty_cycle=max(one, other)), Habits(duty_cycle=min(one, other))
    assert sessions(found, busy) <= sessions(found, lazy)


@given(works(), st.floats(0.5, 64), st.floats(0.5, 64))
def test_fewer_cores_never_raise_it(found: list[StageWork], one: float, other: float) -> None:
    assert sessions(found, cores=min(one, other)) <= sessions(found, cores=max(one, other))


@given(works(), shares, shares)
def test_a_wider_margin_never_raises_it(found: list[StageWork], one: float, other: float) -> None:
    assert sessions(found, margin=min(one, other)) <= sessions(found, margin=max(one, other))


@given(works(), st.floats(1, 8))
def test_a_stage_that_needs_more_cores_never_raises_it(found: list[StageWork], times: float) -> None:
    assert sessions([replace(work, cores=work.cores * times) for work in found]) <= sessions(found)


@given(works())
def test_a_stage_more_never_raises_it(found: list[StageWork]) -> None:
    assert sessions(found) <= sessions(found[1:])


def test_the_cores_are_shared_and_the_dearest_stage_is_named() -> None:
    asr = StageWork("asr", Line(0, 0.009), 1, cores=2)
    llm = StageWork("llm", Line(0, 0.007), 2, Line(0, 0.0012), 23, streams=True, cores=2)
    habits = Habits(speculates=frozenset(), own_cores=0)
    both = capacity_of([asr, llm], habits, cores=2, margin=0.7)
    a_turn_seconds = 0.009 + 0.007 + 23 * 0.0012
    assert both.sessions == math.floor(0.7 / (habits.turns_a_second * a_turn_seconds))
    assert both.binding == "llm: 0.035 s of 2 cores a turn"
    assert both.sessions < capacity_of([asr], habits, cores=2).sessions


def test_the_reason_says_how_many_cores_a_stage_keeps_busy() -> None:
    vad = StageWork("vad", Line(0.0002, 0.0003), 32, cores=1)
    found = capacity_of([vad], Habits(own_cores=0), cores=4)
    assert found.binding == "vad: 0.31 ms of 1 of 4 cores a frame"


def test_a_gpu_is_shared_and_what_is_emulated_has_its_own_time() -> None:
    asr = StageWork("asr", Line(0.05, 0.01), 16, device="gpu", cores=0)
    tts = StageWork("tts", Line(0.05, 0.01), 16, streams=True, device="gpu", cores=0)
    shared = sessions([asr, tts], cores=64)
    apart = sessions([replace(asr, device="own"), replace(tts, device="own")], cores=64)
    assert shared < apart == min(sessions([asr], cores=64), sessions([tts], cores=64))


def test_even_one_session_can_be_too_much() -> None:
    found = capacity_of([StageWork("llm", Line(0, 60), 1, streams=True)], Habits(), cores=2)
    assert (found.sessions, found.is_too_slow) == (1, True)
    assert found.binding == "llm: 90 s of 1 of 2 cores a turn"


def test_without_stages_the_sessions_themselves_bind() -> None:
    found = capacity_of([], Habits(), cores=2)
    assert found.sessions == pytest.approx(0.7 * 2 / USUAL.own_cores, abs=1)
    assert found.binding == "the sessions themselves: 0.005 of 2 cores each"
    assert capacity_of([], Habits(own_cores=0), cores=2).sessions == MOST_SESSIONS


def test_a_long_batch_binds_by_its_wait() -> None:
    found = capacity_of([StageWork("asr", Line(0.6, 0), 64, device="own", cores=0)], Habits(own_cores=0), cores=2)
    assert "would wait" in found.binding


@given(st.floats(0.001, 1), st.integers(2, 64), st.floats(0.001, 5))
def test_a_line_meets_what_was_measured_or_promises_less(one: float, size: int, many: float) -> None:
    line = line_through(one, size, many)
    assert min(line.alpha_seconds, line.beta_seconds) >= 0
    assert line.seconds(size) >= many * (1 - 1e-9)
    if one <= many <= one * size:
        assert line.seconds(1) == pytest.approx(one)
        assert line.seconds(size) == pytest.approx(many)


@given(lines, sizes, st.one_of(st.none(), seconds))
def test_the_objective_bounds_the_batch(line: Line, most: int, longest_seconds: float | None) -> None:
    size = batch_within(line, most, longest_seconds)
    assert 1 <= size <= most
    assert size == 1 or longest_seconds is None or line.seconds(size) <= longest_seconds * (1 + 1e-9)
