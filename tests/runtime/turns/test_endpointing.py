"""Turns begin and end where they should; the audio is the clock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.completeness import Completeness
from antiphon_runtime.turns.endpointing import (
    PATIENCE,
    Eagerness,
    Endpointer,
    EndpointingSettings,
    Event,
    PausePoint,
    Resumed,
    SpeechStarted,
    TurnEnded,
    TurnReopened,
)
from antiphon_runtime.turns.voicing import VoicingSettings

FRAME = 32.0
PLAIN = EndpointingSettings()
SEMANTIC = EndpointingSettings(eagerness="medium")


def _hear(endpointer: Endpointer, probability: float, milliseconds: float) -> list[Event]:
    return [event for _ in range(round(milliseconds / FRAME)) for event in endpointer.hear(probability)]


def _speak(endpointer: Endpointer, milliseconds: float = 960) -> list[Event]:
    return _hear(endpointer, 0.9, milliseconds)


def _be_silent(endpointer: Endpointer, milliseconds: float) -> list[Event]:
    return _hear(endpointer, 0.05, milliseconds)


def test_a_plain_turn() -> None:
    endpointer = Endpointer(PLAIN)
    _be_silent(endpointer, 640)
    assert _speak(endpointer) == [SpeechStarted(640 - 300, 640)]
    assert endpointer.is_speech
    assert _be_silent(endpointer, 640) == [PausePoint(1, 1600), TurnEnded(1600, 1600 + 320, 1, None)]
    assert not endpointer.is_speech


def test_short_noise_does_not_count() -> None:
    endpointer = Endpointer(PLAIN)
    for _ in range(20):
        assert _speak(endpointer, 64) + _be_silent(endpointer, 160) == []


def test_a_small_gap_does_not_break_off_the_beginning() -> None:
    endpointer = Endpointer(PLAIN)
    assert _speak(endpointer, 64) + _be_silent(endpointer, 32) == []
    assert _speak(endpointer, 64) == [SpeechStarted(0, 0)]


def test_hysteresis_keeps_speech_that_grows_faint() -> None:
    endpointer = Endpointer(PLAIN)
    assert _hear(endpointer, 0.4, 320) == []
    _speak(endpointer)
    assert _hear(endpointer, 0.4, 3200) == []
    assert _hear(endpointer, 0.3, 320)[-1] == TurnEnded(320 + 960 + 3200, 320 + 960 + 3200 + 320, 1, None)


def test_a_pause_point_is_void_when_the_user_goes_on() -> None:
    endpointer = Endpointer(PLAIN)
    _speak(endpointer)
    assert _be_silent(endpointer, 192) == [PausePoint(1, 960)]
    assert _speak(endpointer, 320) == [Resumed(1, 192)]
    assert _be_silent(endpointer, 320) == [PausePoint(2, 1472), TurnEnded(1472, 1792, 2, None)]


def test_a_shorter_gap_is_part_of_speaking() -> None:
    endpointer = Endpointer(PLAIN)
    _speak(endpointer)
    assert _be_silent(endpointer, 96) + _speak(endpointer, 320) == []


def test_who_goes_on_within_the_grace_reopens_the_turn() -> None:
    endpointer = Endpointer(PLAIN)
    _speak(endpointer)
    ended = _be_silent(endpointer, 320)[-1]
    assert ended == TurnEnded(960, 1280, 1, None)
    _be_silent(endpointer, 640)
    assert _speak(endpointer) == [TurnReopened(1920, 960)]


@pytest.mark.parametrize("how", ["late", "sealed", "cleared"])
def test_otherwise_it_is_a_new_turn(how: str) -> None:
    endpointer = Endpointer(PLAIN)
    _speak(endpointer)
    _be_silent(endpointer, 320 + (832 if how == "late" else 64))
    if how == "sealed":
        endpointer.seal()
    if how == "cleared":
        endpointer.clear()
    (started,) = _speak(endpointer)
    assert isinstance(started, SpeechStarted)


def test_padding_never_reaches_into_the_turn_before() -> None:
    endpointer = Endpointer(PLAIN)
    _speak(endpointer)
    _be_silent(endpointer, 320 + 64)
    endpointer.seal()
    assert _speak(endpointer) == [SpeechStarted(1280, 1344)]


@pytest.mark.parametrize("eagerness", list(PATIENCE))
@pytest.mark.parametrize("said", list(Completeness))
def test_the_silence_waited_for_follows_what_was_said(eagerness: Eagerness, said: Completeness) -> None:
    endpointer = Endpointer(replace(SEMANTIC, eagerness=eagerness))
    _speak(endpointer)
    (pause,) = _be_silent(endpointer, 128)
    assert isinstance(pause, PausePoint)
    assert endpointer.read(pause.pause, said) == []
    (ended,) = _be_silent(endpointer, 9000)
    assert isinstance(ended, TurnEnded)
    expected = PATIENCE[eagerness].after(said)
    assert expected <= ended.audio_end_ms - ended.spoken_until_ms < expected + FRAME
    assert ended.after is said


def test_a_transcript_that_comes_late_ends_the_turn_at_once() -> None:
    endpointer = Endpointer(SEMANTIC)
    _speak(endpointer)
    (pause,) = _be_silent(endpointer, 480)
    assert isinstance(pause, PausePoint)
    (ended,) = endpointer.read(pause.pause, Completeness.COMPLETE)
    assert ended == TurnEnded(960, 960 + 480, 1, Completeness.COMPLETE)


def test_a_transcript_of_an_older_pause_is_of_no_use() -> None:
    endpointer = Endpointer(SEMANTIC)
    _speak(endpointer)
    _be_silent(endpointer, 160)
    assert endpointer.read(0, Completeness.COMPLETE) == []
    _speak(endpointer)
    _be_silent(endpointer, 480)
    assert endpointer.read(1, Completeness.COMPLETE) == []
    assert endpointer.patience_ms == PATIENCE["medium"].unsure


def test_a_user_who_pauses_long_is_waited_for() -> None:
    endpointer = Endpointer(SEMANTIC)
    _speak(endpointer)
    for _ in range(4):
        assert isinstance(_be_silent(endpointer, 704)[0], PausePoint)
        endpointer.read(endpointer._pause, Completeness.UNFINISHED)
        _speak(endpointer)
    _be_silent(endpointer, 128)
    endpointer.read(endpointer._pause, Completeness.UNFINISHED)
    assert endpointer.patience_ms == pytest.approx(0.6 * 4000)


def test_a_user_who_is_cut_off_again_and_again_is_waited_for_longer() -> None:
    endpointer = Endpointer(replace(SEMANTIC, reopen_grace_ms=2000))
    before = endpointer.patience_ms
    _speak(endpointer)
    for _ in range(4):
        _be_silent(endpointer, 1600)
        assert isinstance(_speak(endpointer)[0], TurnReopened)
    assert endpointer.patience_ms == pytest.approx(1600)
    assert endpointer.patience_ms > before


def test_the_client_may_decide() -> None:
    endpointer = Endpointer(replace(PLAIN, silence_ms=1e9))
    assert endpointer.commit() is None
    _speak(endpointer)
    _be_silent(endpointer, 160)
    _speak(endpointer, 320)
    ended = endpointer.commit()
    assert ended == TurnEnded(1440, 1440, 2, None)
    assert not endpointer.is_speech


def test_settings_change_within_a_turn() -> None:
    endpointer = Endpointer(PLAIN)
    _speak(endpointer)
    endpointer.tune(replace(PLAIN, silence_ms=96, voicing=VoicingSettings(threshold=0.9)))
    assert _hear(endpointer, 0.6, 96) == [TurnEnded(960, 1056, 1, None)]


probabilities = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.9]), max_size=300)
settings = st.builds(
    EndpointingSettings,
    silence_ms=st.floats(50, 1000),
    pause_point_ms=st.sampled_from([0.0, 64.0, 128.0]),
    reopen_grace_ms=st.floats(0, 2000),
    eagerness=st.sampled_from([None, "low", "medium", "high", "auto"]),
)


@given(settings, probabilities, st.lists(st.integers(0, 300)))
def test_events_come_in_their_order_and_times_never_go_back(
    chosen: EndpointingSettings, frames: list[float], sealings: list[int]
) -> None:
    endpointer = Endpointer(chosen)
    is_open, last_pause, last_ms = False, 0, 0.0
    for number, probability in enumerate(frames):
        if number in sealings:
            endpointer.seal()
        for event in endpointer.hear(probability):
            match event:
                case SpeechStarted() | TurnReopened():
                    assert not is_open
                    assert event.onset_ms >= last_ms
                    is_open, last_ms = True, event.onset_ms
                case PausePoint():
                    assert is_open
                    assert event.pause > last_pause
                    last_pause = event.pause
                case Resumed():
                    assert is_open
                    assert event.pause == last_pause
                case TurnEnded():
                    assert is_open
                    assert last_ms < event.spoken_until_ms <= event.audio_end_ms == endpointer.now_ms
                    is_open, last_ms = False, event.audio_end_ms
        assert endpointer.is_speech == is_open
    assert endpointer.now_ms == len(frames) * FRAME
