"""What the agent says reaches the client whole, in chunks of the right length, in its format."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from realtime_session import tone

from antiphon_runtime.realtime.client_session import AudioFormat, FormatType
from antiphon_runtime.realtime.g711 import decode_alaw, decode_mulaw, from_pcm16
from antiphon_runtime.realtime.output_audio import OutputAudio

PCM = AudioFormat()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 900), max_size=10), st.integers(10, 500), st.integers(10, 500))
def test_nothing_is_lost_between_chunks(lengths: list[int], chunk_ms: int, first_ms: int) -> None:
    audio = OutputAudio(24_000, PCM, chunk_ms=chunk_ms, first_chunk_ms=first_ms)
    said = [tone(ms) for ms in lengths]
    chunks = [chunk for samples in said for chunk in audio.feed(samples)] + audio.finish()
    everything = np.concatenate([*said, np.zeros(0, np.float32)])
    np.testing.assert_allclose(from_pcm16(b"".join(chunks)), everything, atol=1 / 32_000)
    sizes = [len(chunk) // 48 for chunk in chunks]
    assert sizes[:-1] == [first_ms, *[chunk_ms] * len(sizes)][: len(sizes) - 1] if sizes else not sum(lengths)
    assert audio.given_ms == sum(lengths)


def test_a_drain_gives_what_is_there() -> None:
    audio = OutputAudio(24_000, PCM, chunk_ms=240, first_chunk_ms=80)
    assert audio.feed(tone(50)) == []
    assert [len(chunk) // 48 for chunk in audio.drain()] == [50]
    assert audio.drain() == []
    assert [len(chunk) // 48 for chunk in audio.feed(tone(250))] == [240]


@pytest.mark.parametrize("source_rate", [16_000, 22_050, 24_000, 44_100])
@pytest.mark.parametrize("kind", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_a_tone_is_the_same_in_every_format(source_rate: int, kind: FormatType) -> None:
    audio_format = AudioFormat(type=kind)
    audio = OutputAudio(source_rate, audio_format)
    data = b"".join(audio.feed(tone(500, source_rate) * np.float32(0.5)) + audio.finish())
    decode = {"audio/pcm": from_pcm16, "audio/pcmu": decode_mulaw, "audio/pcma": decode_alaw}[kind]
    got, expected = decode(data), tone(500, audio_format.samples_per_second) * 0.5
    assert abs(len(got) - len(expected)) <= 1
    edge = len(expected) // 10
    np.testing.assert_allclose(got[edge : -edge - 1], expected[edge : -edge - 1][: len(got) - 2 * edge], atol=0.03)


@pytest.mark.parametrize(("chunk_ms", "first_ms"), [(0, 80), (240, 0)])
def test_chunks_must_have_a_length(chunk_ms: int, first_ms: int) -> None:
    with pytest.raises(ValueError, match="both must be above 0"):
        OutputAudio(24_000, PCM, chunk_ms=chunk_ms, first_chunk_ms=first_ms)
