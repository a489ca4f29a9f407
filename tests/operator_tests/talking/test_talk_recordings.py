"""Any PCM recording becomes mono sound of 24 kHz and 16 bits; what is none is refused in words."""

from __future__ import annotations

import contextlib
import math
import struct
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon_operator.talking.errors import UnreadableError
from antiphon_operator.talking.recordings import LONGEST_SECONDS, RATE, Sound, read_recording, write_recording

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
LITTLE = sys.byteorder == "little"


def wav(
    sound: bytes, *, coding: int = PCM, channels: int = 1, rate: int = RATE, width: int = 2, before: bytes = b""
) -> bytes:
    block = channels * width
    form = struct.pack("<HHIIHH", coding, channels, rate, rate * block, block, 8 * width)
    if coding == EXTENSIBLE:
        form += struct.pack("<HHIH", 22, 8 * width, 0, PCM) + bytes(14)
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def coded(samples: Sequence[int], width: int) -> bytes:
    """Samples of 16 bits as they are written with that many bytes."""
    if width == 1:
        return bytes((sample >> 8) + 128 for sample in samples)
    return b"".join((sample << 8 * (width - 2)).to_bytes(width, "little", signed=True) for sample in samples)


def read(tmp_path: Path, data: bytes) -> Sound:
    file = tmp_path / "said.wav"
    file.write_bytes(data)
    return read_recording(file)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=st.lists(st.integers(-32768, 32767), min_size=1, max_size=200),
    width=st.sampled_from([1, 2, 3, 4]),
    channels=st.integers(1, 4),
    coding=st.sampled_from([PCM, EXTENSIBLE]),
)
def test_every_width_and_number_of_channels_gives_the_same_samples(
    tmp_path: Path, samples: list[int], width: int, channels: int, coding: int
) -> None:
    interleaved = [sample for sample in samples for _ in range(channels)]
    sound = read(tmp_path, wav(coded(interleaved, width), coding=coding, channels=channels, width=width))
    wanted = [sample & ~0xFF for sample in samples] if width == 1 else samples
    assert list(sound.samples) == wanted


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rate=st.sampled_from([8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000]), count=st.integers(1, 3000))
def test_every_rate_gives_as_much_time(tmp_path: Path, rate: int, count: int) -> None:
    sound = read(tmp_path, wav(bytes(2 * count), rate=rate))
    assert len(sound.samples) == math.ceil(count * RATE / rate)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else(tmp_path: Path, garbage: bytes) -> None:
    for data in (garbage, wav(b"\0\0")[:20] + garbage, b"RIFF1234WAVE" + garbage):
        with contextlib.suppress(UnreadableError):
            read(tmp_path, data)


@pytest.mark.skipif(not LITTLE, reason="the samples are written in this machine's order")
@pytest.mark.parametrize("kind", ["f", "d"])
def test_floats_are_read_and_held_to_what_16_bits_take(tmp_path: Path, kind: str) -> None:
    floats = array(kind, [0.0, 0.5, -1.0, 7.0, float("nan"), float("inf")])
    sound = read(tmp_path, wav(floats.tobytes(), coding=FLOAT, width=floats.itemsize))
    assert list(sound.samples) == [0, 16384, -32768, 32767, 0, 0]


def test_channels_are_mixed(tmp_path: Path) -> None:
    assert list(read(tmp_path, wav(coded([100, 300, -50, -150], 2), channels=2)).samples) == [200, -100]


def test_other_chunks_are_passed_over_and_a_stream_without_a_length_is_read_to_its_end(tmp_path: Path) -> None:
    other = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    data = wav(coded([1, 2, 3], 2), before=other)
    at = data.index(b"data") + 4
    streamed = data[:at] + struct.pack("<I", 0xFFFFFFFF) + data[at + 4 :]
    assert list(read(tmp_path, streamed).samples) == [1, 2, 3]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no WAV file"),
        (b"ID3 an mp3 file", "ffmpeg"),
        (wav(b"", coding=7, width=1), "coding 7"),
        (wav(b"\0\0", width=2, rate=10), "10 Hz"),
        (wav(b""), "no sound"),
        (wav(b"\0"), "no sound"),
        (wav(bytes(2 * 1000 * (LONGEST_SECONDS + 1)), rate=1000), f"at most {LONGEST_SECONDS} s"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "without sound"),
    ],
)
def test_what_is_no_recording_is_told_so(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(UnreadableError, match=says):
        read(tmp_path, data)


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        read_recording(tmp_path / "none.wav")


def test_the_last_sound_that_can_be_heard_ends_what_was_said() -> None:
    assert Sound(array("h", [0] * 240 + [5000] * 240 + [100] * 480)).audible_seconds == 0.02
    assert Sound(array("h", [100] * 480)).audible_seconds == 0


def test_an_answer_is_saved_as_it_was_heard(tmp_path: Path) -> None:
    write_recording(tmp_path / "answer.wav", coded([5, -5, 32767], 2))
    assert list(read_recording(tmp_path / "answer.wav").samples) == [5, -5, 32767]
