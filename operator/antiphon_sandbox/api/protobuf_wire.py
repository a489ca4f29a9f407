"""The wire format of protobuf: numbered fields, each a whole number or bytes. Malformed input is a ValueError."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Payload = int | bytes
"""What a field holds on the wire."""

_VARINT = 0


def fields_of(body: bytes) -> Iterator[tuple[int, Payload]]:
    """Field numbers and what they hold, in order."""
    at = 0
    while at < len(body):
        tag, at = _varint(body, at)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("malformed protobuf: field number 0")
        if wire_type == _VARINT:
            value, at = _varint(body, at)
            yield number, value
        else:
            length, at = _length(body, at, wire_type)
            yield number, _slice(body, at, length)
            at += length


def _length(body: bytes, at: int, wire_type: int) -> tuple[int, int]:
    match wire_type:
        case 2:
            return _varint(body, at)
        case 1:
            return 8, at
        case 5:
            return 4, at
    raise ValueError(f"malformed protobuf: wire type {wire_type} at byte {at}")


def _slice(body: bytes, at: int, length: int) -> bytes:
    if at + length > len(body):
        raise ValueError(f"malformed protobuf: {length} bytes announced, {len(body) - at} are there")
    return body[at : at + length]


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if at >= len(body):
            raise ValueError("malformed protobuf: it ends within a number")
        byte = body[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise ValueError(f"malformed protobuf: a number of more than ten bytes at byte {at}")


def packed(body: bytes) -> Iterator[int]:
    """Whole numbers, one after the other."""
    at = 0
    while at < len(body):
        value, at = _varint(body, at)
        yield value


def signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def whole(payload: Payload) -> int:
    if not isinstance(payload, int):
        raise ValueError("malformed protobuf: bytes where a number must be")
    return payload


def text(payload: Payload) -> bytes:
    if not isinstance(payload, bytes):
        raise ValueError("malformed protobuf: a number where bytes must be")
    return payload


def floating(payload: Payload) -> float:
    body = text(payload)
    if len(body) not in (4, 8):
        raise ValueError(f"malformed protobuf: a floating number of {len(body)} bytes")
    (value,) = struct.unpack("<d" if len(body) == 8 else "<f", body)
    return float(value)
