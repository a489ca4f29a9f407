"""The telephone's two laws, against the published code words and against an older implementation where there is one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.g711 import (
    decode_alaw,
    decode_mulaw,
    encode_alaw,
    encode_mulaw,
    from_pcm16,
    to_pcm16,
)

MULAW = {
    0xFF: 0,
    0x7F: 0,
    0x80: 32124,
    0x00: -32124,
    0xFE: 8,
    0x7E: -8,
    0xF0: 120,
    0xEF: 132,
    0x8F: 16764,
    0x0F: -16764,
}
ALAW = {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24, 0x54: -24, 0xC5: 264, 0x45: -264, 0xA5: 16896}
EVERY_CODE = bytes(range(256))
LAWS = pytest.mark.parametrize(
    ("decode", "encode"), [(decode_mulaw, encode_mulaw), (decode_alaw, encode_alaw)], ids=["mulaw", "alaw"]
)
Decode = Callable[[bytes], Samples]
Encode = Callable[[Samples], bytes]


def pcm(values: list[int]) -> Samples:
    return from_pcm16(np.array(values, "<i2").tobytes())


def old_audioop() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("audioop", reason="gone from Python 3.13 on")


@LAWS
def test_known_code_words(decode: Decode, encode: Encode) -> None:
    known = MULAW if encode is encode_mulaw else ALAW
    assert to_pcm16(decode(bytes(known))).tolist() == list(known.values())
    codes = {code: value for code, value in known.items() if code != 0x7F}
    assert encode(pcm(list(codes.values()))) == bytes(codes)


@LAWS
def test_every_code_comes_back(decode: Decode, encode: Encode) -> None:
    again = encode(decode(EVERY_CODE))
    differing = [code for code in EVERY_CODE if again[code] != code]
    assert differing in ([], [0x7F]), "mu-law has two zeros, and speaks the positive one"


@LAWS
@given(value=st.integers(-32768, 32767))
def test_the_nearest_step_is_within_the_laws_precision(decode: Decode, encode: Encode, value: int) -> None:
    heard = int(to_pcm16(decode(encode(pcm([value]))))[0])
    assert abs(heard - value) <= max(16, abs(value) // 16), "a step is at most a sixteenth of the value"


@LAWS
def test_as_the_old_module_did(decode: Decode, encode: Encode) -> None:
    """But for negative values on the border of two mu-law steps, which it rounded away from zero, unlike G.191."""
    audioop = old_audioop()
    values = np.arange(-32768, 32768).astype("<i2")
    is_mulaw = encode is encode_mulaw
    old = (audioop.lin2ulaw if is_mulaw else audioop.lin2alaw)(values.tobytes(), 2)
    differing = values[np.frombuffer(old, np.uint8) != np.frombuffer(encode(from_pcm16(values.tobytes())), np.uint8)]
    assert len(differing) <= (127 * 4 if is_mulaw else 0)
    assert (differing < 0).all()
    heard = (audioop.ulaw2lin if is_mulaw else audioop.alaw2lin)(EVERY_CODE, 2)
    assert to_pcm16(decode(EVERY_CODE)).tobytes() == heard


def test_too_loud_is_clipped_and_no_number_is_silence() -> None:
    assert to_pcm16(np.array([2.0, -2.0, np.nan, np.inf, -np.inf], np.float32)).tolist() == [
        32767,
        -32768,
        0,
        32767,
        -32768,
    ]


@given(st.binary(max_size=64))
def test_pcm16_comes_back_bit_by_bit(data: bytes) -> None:
    data = data[: len(data) // 2 * 2]
    assert to_pcm16(from_pcm16(data)).astype("<i2").tobytes() == data
