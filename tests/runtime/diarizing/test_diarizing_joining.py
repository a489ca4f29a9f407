from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.diarizing.joining import spoken_segments
from antiphon_runtime.diarizing.segments import SpeakerSegment
from antiphon_runtime.engines.protocols import Word

numbers = st.floats(0, 20)
words = st.lists(
    st.builds(
        lambda text, start, length: Word(text, start, start + length), st.text("abc", min_size=1), numbers, numbers
    )
)
segments = st.lists(
    st.builds(
        lambda name, start, length: SpeakerSegment(name, start, start + length),
        st.sampled_from("ABC"),
        numbers,
        numbers,
    )
)


def test_each_speaker_gets_what_he_said() -> None:
    said = [Word(text, at, at + 0.4) for at, text in enumerate(("Hello", "there.", "Hi!", "How", "are", "you?"))]
    speakers = [SpeakerSegment("A", 0, 1.8), SpeakerSegment("B", 2.1, 4.1), SpeakerSegment("A", 4.1, 9)]
    found = [(one.speaker, one.text, one.start_seconds, one.end_seconds) for one in spoken_segments(said, speakers)]
    assert found == [("A", "Hello there.", 0, 1.4), ("B", "Hi! How", 2, 3.4), ("A", "are you?", 4, 5.4)]


def test_a_word_between_speakers_goes_to_the_nearest() -> None:
    speakers = [SpeakerSegment("A", 0, 1), SpeakerSegment("B", 5, 6)]
    assert [one.speaker for one in spoken_segments([Word("um", 4, 4.5)], speakers)] == ["B"]
    assert [one.speaker for one in spoken_segments([Word("um", 4, 4.5)], [])] == ["A"]
    assert spoken_segments([], speakers) == []


@given(words, segments)
def test_every_word_is_kept_in_order_and_neighbours_differ(said: list[Word], speakers: list[SpeakerSegment]) -> None:
    spoken = spoken_segments(said, speakers)
    assert " ".join(one.text for one in spoken).split() == [word.text for word in said]
    assert all(one.speaker != following.speaker for one, following in pairwise(spoken))
    assert all(one.start_seconds <= one.end_seconds for one in spoken)
