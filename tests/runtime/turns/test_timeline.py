"""The metrics of a turn follow from its anchors; what is missing gives nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.timeline import Anchor, Timeline

moments = st.dictionaries(st.sampled_from(list(Anchor)), st.floats(0, 1e6))


def _timeline(at: dict[Anchor, float]) -> Timeline:
    timeline = Timeline()
    for anchor, seconds in at.items():
        timeline.mark(anchor, seconds)
    return timeline


def test_a_whole_turn() -> None:
    timeline = _timeline({anchor: float(number) for number, anchor in enumerate(Anchor)})
    timeline.leading_silence_seconds = 0.25
    assert timeline.metrics() == {
        "turn_e2e": 10.0,
        "turn_response": 7.0,
        "turn_transcription_delay": 2.0,
        "turn_eou_delay": 3.0,
        "llm_ttft": 1.0,
        "llm_first_sentence": 2.0,
        "tts_ttfb": 1.0,
        "tts_ttfa": 1.25,
        "barge_in_stop": 1.0,
        "result": 12.0,
        "turn_overhead": 3.0,
        "result_overhead": 11.0,
    }


def _spoken(asr: tuple[float, float], llm: tuple[float, float], tts: tuple[float, float], heard: float) -> Timeline:
    """Decided at 1 s."""
    anchors = (
        (Anchor.HEARING_ASKED, Anchor.FINAL_TRANSCRIPT),
        (Anchor.ANSWER_ASKED, Anchor.FIRST_SENTENCE),
        (Anchor.SPEECH_ASKED, Anchor.SOUND_MADE),
    )
    pairs = zip(anchors, (asr, llm, tts), strict=True)
    at = {anchor: seconds for names, times in pairs for anchor, seconds in zip(names, times, strict=True)}
    return _timeline({Anchor.DECIDED: 1.0, Anchor.FIRST_AUDIBLE: heard, **at})


@pytest.mark.parametrize(
    ("timeline", "overhead"),
    [
        (_spoken((1.01, 1.2), (1.23, 1.5), (1.5, 1.6), 1.61), 0.05),
        (_spoken((1.0, 1.5), (0.8, 1.2), (1.1, 1.4), 1.6), 0.1),  # models that work side by side count once
        (_spoken((1.0, 1.0), (0.5, 0.7), (0.7, 0.9), 1.004), 0.004),  # all was begun ahead
        (_spoken((1.0, 1.3), (1.3, 1.2), (1.2, 1.4), 1.6), None),  # an order that can't be
        (_spoken((1.0, 1.2), (1.2, 1.4), (1.4, 1.6), 0.9), 0.0),  # heard before it was decided
    ],
)
def test_overhead_is_what_no_model_was_waited_for(timeline: Timeline, overhead: float | None) -> None:
    found = timeline.metrics().get("turn_overhead")
    assert found == (None if overhead is None else pytest.approx(overhead))
    assert "result_overhead" not in timeline.metrics()


def test_a_result_and_its_overhead() -> None:
    marks = {
        Anchor.USER_STOPPED: 0.5,
        Anchor.DECIDED: 1.0,
        Anchor.HEARING_ASKED: 1.002,
        Anchor.FINAL_TRANSCRIPT: 1.1,
        Anchor.SPEAKERS_ASKED: 1.101,
        Anchor.SPEAKERS_KNOWN: 1.2,
        Anchor.RESULT_SENT: 1.203,
    }
    found = _timeline(marks).metrics()
    assert [found["result"], found["result_overhead"]] == pytest.approx([0.203, 0.006])
    assert "turn_overhead" not in found


@given(moments)
def test_whatever_is_there_no_metric_is_negative_or_without_its_anchors(at: dict[Anchor, float]) -> None:
    metrics = _timeline(at).metrics()
    assert all(seconds >= 0 for seconds in metrics.values())
    assert ("turn_e2e" in metrics) == (at.get(Anchor.FIRST_AUDIBLE, -1.0) >= at.get(Anchor.USER_STOPPED, float("inf")))
    assert "tts_ttfa" not in metrics


def test_an_answer_heard_as_soon_as_the_turn_is_over_took_no_time() -> None:
    heard_before = {Anchor.USER_STOPPED: 1.0, Anchor.FIRST_AUDIBLE: 1.5, Anchor.DECIDED: 1.6}
    assert _timeline(heard_before).metrics()["turn_response"] == 0.0
    assert "turn_response" not in _timeline({Anchor.FIRST_AUDIBLE: 1.5}).metrics()


@given(moments, st.sampled_from(list(Anchor)))
def test_a_missing_anchor_takes_away_only_what_needs_it(at: dict[Anchor, float], missing: Anchor) -> None:
    whole = _timeline(at).metrics()
    less = _timeline({anchor: seconds for anchor, seconds in at.items() if anchor != missing}).metrics()
    assert less.items() <= whole.items()


def test_the_first_mark_holds_and_the_last_move() -> None:
    timeline = Timeline()
    for at in (1.0, 2.0):
        timeline.mark(Anchor.ANSWER_BEGAN, at)
        timeline.move(Anchor.LAST_SENT, at)
    assert (timeline.at(Anchor.ANSWER_BEGAN), timeline.at(Anchor.LAST_SENT)) == (1.0, 2.0)


def test_a_reopened_turn_starts_anew() -> None:
    timeline = _timeline({Anchor.USER_STOPPED: 1.0, Anchor.DECIDED: 2.0})
    timeline.reopen()
    assert timeline.metrics() == {}
    timeline.mark(Anchor.USER_STOPPED, 3.0)
    timeline.mark(Anchor.DECIDED, 3.5)
    assert timeline.metrics() == {"turn_eou_delay": pytest.approx(0.5)}
