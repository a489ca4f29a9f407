"""The input buffer: what is heard, where in time, and what is refused."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from realtime_session import pcm, tone

from antiphon_runtime.realtime.client_session import AudioFormat
from antiphon_runtime.realtime.errors import BUFFER_FULL, COMMIT_EMPTY, INVALID_VALUE, RealtimeError
from antiphon_runtime.realtime.g711 import encode_alaw, encode_mulaw
from antiphon_runtime.realtime.input_audio import LARGEST_APPEND_BYTES, LONGEST_BUFFER_MS, InputAudio, heard

PCM = AudioFormat()


@pytest.mark.parametrize("kind", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_a_tone_is_heard_as_it_was_sent(kind: str) -> None:
    audio_format = AudioFormat.model_validate({"type": kind})
    rate = audio_format.samples_per_second
    encode = {"audio/pcmu": encode_mulaw, "audio/pcma": encode_alaw}.get(kind)
    sent = pcm(500) if encode is None else base64.b64encode(encode(tone(500, rate) * np.float32(0.61))).decode()
    got = heard(sent, audio_format)
    assert len(got) == 8_000
    expected = tone(500, 16_000) * (20_000 / 32_768 if encode is None else 0.61)
    np.testing.assert_allclose(got[800:-800], expected[800:-800], atol=0.001 if encode is None else 0.03)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=30))
def test_time_is_that_of_the_client(lengths: list[int]) -> None:
    audio = InputAudio(PCM)
    fresh = [audio.append(pcm(ms)) for ms in lengths]
    assert audio.received_ms == sum(lengths)
    assert 0 <= audio.received_ms - audio.end_ms <= 4
    assert audio.start_ms == 0
    np.testing.assert_array_equal(np.concatenate([*fresh, np.zeros(0, np.float32)]), audio.view(0))


def test_a_commit_takes_the_stretch_and_all_before_it() -> None:
    audio = InputAudio(PCM)
    audio.append(pcm(1_000))
    everything = audio.view(0)
    taken = audio.commit(200, 700)
    np.testing.assert_array_equal(taken, everything[3_200:11_200])
    assert audio.start_ms == 700
    np.testing.assert_array_equal(audio.view(0), everything[11_200:])
    np.testing.assert_array_equal(audio.view(800, 900), everything[12_800:14_400])


def test_too_little_is_not_committed() -> None:
    audio = InputAudio(PCM)
    audio.append(pcm(90))
    with pytest.raises(RealtimeError, match="commit at least 100 ms") as refused:
        audio.commit()
    assert refused.value.code == COMMIT_EMPTY
    assert audio.length_ms > 80
    audio.append(pcm(20))
    assert len(audio.commit()) > 1_600
    with pytest.raises(RealtimeError, match="has 0 ms"):
        audio.commit()


def test_clearing_does_not_turn_back_time() -> None:
    audio = InputAudio(PCM)
    audio.append(pcm(500))
    end = audio.end_ms
    audio.clear()
    assert (audio.length_ms, audio.start_ms, audio.end_ms) == (0, end, end)
    audio.append(pcm(500))
    assert audio.received_ms == 1_000


def test_forgetting_gives_back_memory() -> None:
    audio = InputAudio(PCM)
    for _ in range(60):
        audio.append(pcm(1_000))
        audio.forget_before(audio.end_ms - 2_000)
    assert 1_990 < audio.length_ms < 2_010
    assert audio.start_ms > 57_000
    assert audio._store.nbytes < 1_000_000


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ("nonsense!", "no base64"),
        ("ä", "no base64"),
        ("AAA", "no base64"),
        ("AAAA\nAAAA", "no base64"),
        ("AAAA", "3 bytes; a sample of audio/pcm has 2"),
    ],
)
def test_what_is_no_audio_is_refused(sent: str, complaint: str) -> None:
    audio = InputAudio(PCM)
    with pytest.raises(RealtimeError, match=complaint) as refused:
        audio.append(sent)
    assert (refused.value.code, refused.value.param) == (INVALID_VALUE, "audio")
    assert audio.received_ms == 0


def test_fifteen_mebibytes_are_taken_and_no_more() -> None:
    audio = InputAudio(PCM)
    audio.append(base64.b64encode(bytes(LARGEST_APPEND_BYTES)).decode())
    assert audio.received_ms == LARGEST_APPEND_BYTES // 48
    with pytest.raises(RealtimeError, match="send at most 15 MiB at once"):
        audio.append(base64.b64encode(bytes(LARGEST_APPEND_BYTES + 6)).decode())


def test_the_buffer_is_bounded() -> None:
    audio = InputAudio(AudioFormat(type="audio/pcmu"))
    minutes = base64.b64encode(bytes(8_000 * 60 * 5)).decode()
    audio.append(minutes)
    audio.append(minutes)
    with pytest.raises(RealtimeError, match="commit or clear it") as refused:
        audio.append(minutes)
    assert refused.value.code == BUFFER_FULL
    assert audio.length_ms <= LONGEST_BUFFER_MS
    audio.clear()
    audio.append(minutes)
