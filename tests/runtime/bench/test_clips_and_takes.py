from __future__ import annotations

import base64
import json
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.protocol import OPEN, SERVER, Protocol

from antiphon_runtime.bench.clips import Clip, ClipError, cut_to, noise_clip, read_clip, trimmed
from antiphon_runtime.bench.takes import Format, Take, decoded, silence, take
from antiphon_runtime.engines.protocols import Samples


def received(frames: tuple[bytes, ...], audio_format: Format) -> Samples:
    """What a server hears of them."""
    server = Protocol(SERVER, state=OPEN)
    server.receive_data(b"".join(frames))
    events = [json.loads(bytes(frame.data)) for frame in server.events_received() if isinstance(frame, Frame)]
    assert len(events) == len(frames)
    assert all(event["type"] == "input_audio_buffer.append" for event in events)
    return np.concatenate([decoded(base64.b64decode(event["audio"]), audio_format) for event in events])


def tone(seconds: float, rate: int = 24_000) -> Samples:
    return (0.5 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.05, 0.5), st.sampled_from(["pcm", "pcmu"]))
def test_frames_are_the_clip_and_a_little_silence(seconds: float, audio_format: Format) -> None:
    clip = Clip("tone", trimmed(tone(seconds)), 24_000)
    made = take(clip, audio_format)
    heard = received(made.frames, audio_format)
    rate = 24_000 if audio_format == "pcm" else 8_000
    assert len(heard) == round(0.02 * rate) * len(made.frames)
    last = np.flatnonzero(np.abs(heard) >= 0.01)[-1]
    assert (last + 1) / rate == pytest.approx(made.seconds - made.sound_ends_early_seconds - _after(made), abs=1e-3)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(0.35, abs=0.12)


def _after(made: Take) -> float:
    return (len(made.frames) - 1 - made.sound_ends) * 0.02


@pytest.mark.parametrize("audio_format", ["pcm", "pcmu"])
def test_silence_is_silent(audio_format: Format) -> None:
    assert np.max(np.abs(received((silence(audio_format),), audio_format))) < 1e-3


def test_a_recording_is_read_from_its_first_sound_to_its_last(tmp_path: Path) -> None:
    write(tmp_path / "hello.wav", np.pad(tone(0.5, 16_000), 8_000), 16_000)
    (tmp_path / "hello.txt").write_text("Hello.\n")
    clip = read_clip(tmp_path / "hello.wav")
    assert (clip.name, clip.text, clip.rate) == ("hello", "Hello.", 16_000)
    assert clip.seconds == pytest.approx(0.5, abs=0.002)


def test_what_can_not_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(ClipError, match="can't be read"):
        read_clip(tmp_path / "text.wav")
    write(tmp_path / "silent.wav", np.zeros(1000, np.float32), 8_000)
    with pytest.raises(ClipError, match="nothing can be heard"):
        read_clip(tmp_path / "silent.wav")


def write(path: Path, samples: Samples, rate: int) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((samples * 32767).astype("<i2").tobytes())


def test_a_clip_is_repeated_or_cut_to_a_length() -> None:
    clip = noise_clip(1.0)
    assert len(cut_to(clip, 2.5, 16_000)) == 40_000
    assert len(cut_to(clip, 0.25, 24_000)) == 6_000
