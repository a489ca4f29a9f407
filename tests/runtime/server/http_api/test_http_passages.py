"""Long audio, cut where it is quiet."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from http_api_world import tone
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples, Transcript, Word
from antiphon_runtime.server.http_api.passages import Passage, windows
from antiphon_runtime.server.http_api.subtitles import lines, srt, vtt

_LONGEST = 30 * HEARD_RATE


def _with_pauses(*seconds: float, total: float) -> Samples:
    samples = tone(total)
    for at in seconds:
        samples[round((at - 0.2) * HEARD_RATE) : round((at + 0.2) * HEARD_RATE)] = 0
    return samples


@given(seconds=st.floats(0.2, 200), seed=st.integers(0, 10))
@settings(max_examples=40, deadline=None)
def test_windows_joined_are_the_whole_and_each_fits(seconds: float, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(size=round(seconds * HEARD_RATE)).astype(np.float32)
    found = windows(samples)
    assert found[0][0] == 0
    assert found[-1][1] == len(samples)
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    assert all(HEARD_RATE // 10 <= end - start <= _LONGEST for start, end in found)


def test_short_audio_is_one_window() -> None:
    assert windows(tone(27)) == [(0, 27 * HEARD_RATE)]


def test_the_cuts_are_in_the_pauses() -> None:
    cuts = [end / HEARD_RATE for _, end in windows(_with_pauses(12, 24.5, 46, total=65))][:-1]
    assert [round(cut) for cut in cuts] == [24, 46]
    assert all(abs(cut - pause) < 0.2 for cut, pause in zip(cuts, (24.5, 46), strict=True))


def _passage(*words: tuple[str, float, float], text: str = "") -> Passage:
    found = tuple(Word(*word) for word in words)
    return Passage(0.0, 60.0, Transcript(text or " ".join(word.text for word in found), words=found))


def test_lines_end_with_sentences_pauses_and_length() -> None:
    sentence = _passage(("Hi.", 0, 0.3), ("I", 0.4, 0.5), ("wait", 0.5, 0.9), ("here", 2.5, 2.8))
    assert [line.text for line in lines([sentence])] == ["Hi.", "I wait", "here"]
    monologue = _passage(*((f"word{index}", index * 0.4, index * 0.4 + 0.3) for index in range(60)))
    found = lines([monologue])
    assert all(len(line.text) <= 84 and line.end_seconds - line.start_seconds <= 7 for line in found)
    assert " ".join(line.text for line in found) == monologue.text


def test_a_passage_without_times_of_words_is_one_line_and_an_empty_one_none() -> None:
    assert [(line.start_seconds, line.end_seconds, line.text) for line in lines([_passage(text="All of it.")])] == [
        (0.0, 60.0, "All of it.")
    ]
    assert lines([Passage(0.0, 5.0, Transcript(""))]) == []


def test_subtitles_as_players_read_them() -> None:
    found = lines([_passage(("<Hi>.", 0, 0.3), ("You.", 3661.5, 3662.0004))])
    assert srt(found) == "1\n00:00:00,000 --> 00:00:00,300\n<Hi>.\n\n2\n01:01:01,500 --> 01:01:02,000\nYou.\n"
    assert vtt(found).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.300\n&lt;Hi&gt;.\n\n01:01:01.500 -->")
