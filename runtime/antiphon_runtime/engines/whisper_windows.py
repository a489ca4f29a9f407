"""How long audio is cut for Whisper, how long a window it is padded to, and when its words are a loop."""

from __future__ import annotations

import math
import re
import zlib

import numpy as np

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples

FRAMES_A_SECOND = 100
FULL_WINDOW_FRAMES = 3000
"""What Whisper was trained on: 30 s."""
_WINDOW_STEP_FRAMES = 500
"""Windows come in steps of 5 s, so that utterances of different length share a batch."""
_TAIL_FRAMES = 60
"""Silence after the last word, without which Whisper may drop it."""
_LONGEST_SAMPLES = (FULL_WINDOW_FRAMES - _TAIL_FRAMES) * HEARD_RATE // FRAMES_A_SECOND
_CUT_SAMPLES = 5 * HEARD_RATE
"""A piece is cut at the quietest place of its last 5 s."""
_QUIET_SAMPLES = HEARD_RATE // 10
_LOOPING_RATIO = 2.4
"""Bytes of text to bytes compressed above which Whisper's authors take it for a loop."""
_LONG_TEXT_BYTES = 40
_WORD = re.compile(r"[\w']+")


def window_frames(samples: int, least_frames: int) -> int:
    """Length of the window for so much audio; short windows are quick, but Whisper loops below 10 s."""
    needed = samples * FRAMES_A_SECOND // HEARD_RATE + _TAIL_FRAMES
    stepped = math.ceil(needed / _WINDOW_STEP_FRAMES) * _WINDOW_STEP_FRAMES
    return min(max(stepped, least_frames), FULL_WINDOW_FRAMES)


def pieces(samples: Samples) -> list[Samples]:
    """The audio in pieces that fit into the full window, cut where it is quiet. Joined they are the audio again."""
    found = []
    while len(samples) > _LONGEST_SAMPLES:
        cut = _LONGEST_SAMPLES - _CUT_SAMPLES + _quietest(samples[_LONGEST_SAMPLES - _CUT_SAMPLES : _LONGEST_SAMPLES])
        found.append(samples[:cut])
        samples = samples[cut:]
    return [*found, samples]


def _quietest(samples: Samples) -> int:
    """Middle of the quietest tenth of a second."""
    blocks = samples[: len(samples) // _QUIET_SAMPLES * _QUIET_SAMPLES].reshape(-1, _QUIET_SAMPLES)
    return int(np.argmin((blocks.astype(np.float64) ** 2).mean(axis=1))) * _QUIET_SAMPLES + _QUIET_SAMPLES // 2


def is_loop(text: str) -> bool:
    """The same few words again and again: what Whisper says when its window is too short for it."""
    raw = text.encode()
    if len(raw) >= _LONG_TEXT_BYTES and len(raw) / len(zlib.compress(raw)) > _LOOPING_RATIO:
        return True
    words = _WORD.findall(text.lower())
    return any(_repeats(words, length, _rounds(length)) for length in range(1, len(words) // 2 + 1))


def _rounds(length: int) -> int:
    """So often so many words in a row are a loop. People say "no, no, no"; nobody says a whole sentence twice."""
    return 4 if length <= 2 else 3 if length <= 4 else 2


def _repeats(words: list[str], length: int, rounds: int) -> bool:
    same = 0
    for at in range(length, len(words)):
        same = same + 1 if words[at] == words[at - length] else 0
        if same >= length * (rounds - 1):
            return True
    return False
