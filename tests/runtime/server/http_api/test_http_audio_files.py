"""What is uploaded, as recognizers hear it."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from http_api_world import tone, wav
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples
from antiphon_runtime.realtime.g711 import encode_alaw, encode_mulaw
from antiphon_runtime.server.http_api import audio_files
from antiphon_runtime.server.http_api.audio_files import decode
from antiphon_runtime.server.http_api.errors import ApiError
from antiphon_runtime.server.http_api.sound_files import SOUND_RATE, encoder
from antiphon_runtime.server.http_api.wav_files import WavError, is_wav, read_wav, wav_header


def _riff(encoding: int, bits: int, data: bytes, *, channels: int = 1, rate: int = 16_000, more: bytes = b"") -> bytes:
    form = struct.pack("<HHIIHH", encoding, channels, rate, 0, channels * bits // 8, bits) + more
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"LIST\x03\0\0\0abc\0" + b"data"
    return b"RIFF" + struct.pack("<I", 0) + body + struct.pack("<I", len(data)) + data


def _pcm24(samples: Samples) -> bytes:
    return (samples * (2**31 - 256)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


_TONE = tone(0.5)
_ENCODINGS = {
    "8 bit": (1, 8, (_TONE * 127 + 128).astype(np.uint8).tobytes(), 0.012),
    "16 bit": (1, 16, (_TONE * 32767).astype("<i2").tobytes(), 1e-4),
    "24 bit": (1, 24, _pcm24(_TONE), 1e-5),
    "32 bit": (1, 32, (_TONE * (2**31 - 256)).astype("<i4").tobytes(), 1e-5),
    "float": (3, 32, _TONE.astype("<f4").tobytes(), 1e-6),
    "double": (3, 64, _TONE.astype("<f8").tobytes(), 1e-6),
    "A-law": (6, 8, encode_alaw(_TONE), 0.02),
    "mu-law": (7, 8, encode_mulaw(_TONE), 0.02),
}


@pytest.mark.parametrize(("encoding", "bits", "data", "off"), _ENCODINGS.values(), ids=_ENCODINGS)
def test_every_encoding_of_wav_is_read(encoding: int, bits: int, data: bytes, off: float) -> None:
    assert decode(_riff(encoding, bits, data)) == pytest.approx(_TONE, abs=off)


def test_the_extensible_format_names_its_encoding_further_on() -> None:
    guid = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    file = _riff(0xFFFE, 16, (_TONE * 32767).astype("<i2").tobytes(), more=guid)
    assert decode(file) == pytest.approx(_TONE, abs=1e-4)


def test_channels_are_mixed_into_one() -> None:
    stereo = np.stack((_TONE, np.zeros_like(_TONE)), axis=1)
    assert decode(_riff(3, 32, stereo.astype("<f4").tobytes(), channels=2)) == pytest.approx(_TONE / 2, abs=1e-6)


def test_what_is_no_number_is_silence() -> None:
    samples = np.where(np.arange(16_000) % 2, np.nan, np.inf).astype("<f4")
    assert set(decode(_riff(3, 32, samples.tobytes()))) == {0.0, 1.0}


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 44_100, 44_101, 47_999, 48_000, 96_000, 192_000])
def test_any_rate_becomes_that_which_is_heard(rate: int) -> None:
    heard = decode(wav(tone(1.0, rate), rate))
    assert len(heard) == pytest.approx(HEARD_RATE, abs=2)
    middle = slice(2_000, 14_000)
    assert heard[middle] == pytest.approx(tone(1.0)[middle], abs=0.02)


def test_a_stream_whose_length_is_not_told_is_read_to_its_end() -> None:
    pcm = (_TONE * 32767).astype("<i2").tobytes()
    assert len(decode(wav_header(16_000) + pcm)) == len(_TONE)


@pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac"])
def test_what_we_write_we_read(kind: str) -> None:
    pytest.importorskip("av", reason="PyAV reads and writes it")
    into = encoder(kind)  # type: ignore[arg-type]
    said = tone(2.0, SOUND_RATE)
    file = b"".join([*(into.feed(piece) for piece in np.array_split(said, 7)), into.finish()])
    heard = decode(file)
    assert len(heard) / HEARD_RATE == pytest.approx(2.0, abs=0.1)
    loudness = float(np.sqrt(np.mean(heard[8_000:24_000] ** 2)))
    assert loudness == pytest.approx(float(np.sqrt(np.mean(said**2))), rel=0.1)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b"", "can't be decoded"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "can't be decoded"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "can't be decoded"),
        (b"RIFF\0\0\0\0WAVE", "it has no data"),
        (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd", "its data comes before its format"),
        (_riff(1, 16, b"\0" * 200), "send at least 0.1 s"),
        (_riff(1, 16, b"", rate=0), "it has 1 channels at 0 Hz"),
        (_riff(1, 16, b"", rate=1_000), "has 1000 samples a second"),
        (_riff(1, 8, bytes(16_000_000), rate=4_000), "more than 1800 s"),
    ],
)
def test_a_file_that_is_no_sound_is_refused(file: bytes, told: str) -> None:
    pytest.importorskip("av", reason="the message is another without PyAV")
    with pytest.raises(ApiError, match=told) as refused:
        decode(file)
    assert (refused.value.status, refused.value.param) == (400, "file")


def test_without_pyav_the_message_names_what_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_files, "has_pyav", lambda: False)
    with pytest.raises(ApiError, match="is no wav"):
        decode(b"OggS")


def test_a_compressed_file_that_is_too_long_is_not_decoded_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av", reason="PyAV reads and writes it")
    monkeypatch.setattr(audio_files, "LONGEST_SECONDS", 1.0)
    into = encoder("flac")
    file = into.feed(np.zeros(SOUND_RATE * 30, np.float32)) + into.finish()
    with pytest.raises(ApiError, match="more than 1 s"):
        decode(file)


@given(data=st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_the_wav_reader_fail_otherwise(data: bytes) -> None:
    file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + data
    assert is_wav(file)
    try:
        found = read_wav(file)
    except WavError:
        return
    if found.is_known:
        assert np.isfinite(found.samples()).all()
