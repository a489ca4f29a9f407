"""Reads `application/vnd.kubernetes.protobuf` bodies, which typed Go clients send: from them to what JSON would say."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from antiphon_sandbox import upstream
from antiphon_sandbox.api.protobuf_wire import Payload, fields_of, floating, packed, signed, text, whole
from antiphon_sandbox.objects import Obj, micro_timestamp, timestamp

MAGIC = b"k8s\x00"
_MACHINERY = "k8s.io.apimachinery.pkg."
_UNKNOWN = f"{_MACHINERY}runtime.Unknown"
_META_KINDS = frozenset({"DeleteOptions", "Status", "WatchEvent"})
_NUMBERS = frozenset({"int32", "int64", "uint32", "uint64", "bool", "double", "float"})


def decode(body: bytes, group: str, version: str, kind: str) -> Obj:
    """The object in an envelope. ValueError when it is malformed, or of a kind whose fields are not known."""
    if not body.startswith(MAGIC):
        raise ValueError("the body does not begin with the magic number of Kubernetes' protobuf encoding")
    envelope = _message(_UNKNOWN, body[len(MAGIC) :], _keep_bytes)
    says = envelope.get("typeMeta", {})
    message = _message_name(group, version, says.get("kind") or kind)
    return {**says, **_message(message, envelope.get("raw", b""))}


def _message_name(group: str, version: str, kind: str) -> str:
    package = f"{_MACHINERY}apis.meta.v1" if kind in _META_KINDS else f"k8s.io.api.{_folder(group)}.{version}"
    name = f"{package}.{kind}"
    if name not in upstream.protobuf_messages():
        raise ValueError(f"protobuf bodies of {group or 'core'}/{version} {kind} are not understood; send JSON")
    return name


def _folder(group: str) -> str:
    return (group or "core").partition(".")[0]


def _keep_bytes(value: Payload) -> bytes:
    return text(value)


def _base64(value: Payload) -> str:
    return b64encode(text(value)).decode()


def _message(name: str, body: bytes, as_bytes: Callable[[Payload], Any] = _base64) -> Obj:
    """A message's fields by their JSON names. What `as_bytes` makes of raw bytes stands for them."""
    fields = upstream.protobuf_messages()[name]
    found: Obj = {}
    for number, payload in fields_of(body):
        if field := fields.get(str(number)):
            _put(found, field, payload, as_bytes)
    return found


def _put(found: Obj, field: tuple[str, str, str], payload: Payload, as_bytes: Callable[[Payload], Any]) -> None:
    name, how, kind = field
    if how == "m":
        key, value = _entry(kind, text(payload))
        found.setdefault(name, {})[key] = value
    elif how == "r":
        found.setdefault(name, []).extend(_repeated(kind, payload, as_bytes))
    elif how == "i":
        found.update(_value(kind, payload, as_bytes))
    else:
        value = _value(kind, payload, as_bytes)
        if value is not None and (value or how != "z"):
            found[name] = value


def _repeated(kind: str, payload: Payload, as_bytes: Callable[[Payload], Any]) -> Iterator[Any]:
    """One value, or several numbers packed together."""
    if kind in _NUMBERS and isinstance(payload, bytes) and kind not in ("double", "float"):
        for number in packed(payload):
            yield _value(kind, number, as_bytes)
    else:
        yield _value(kind, payload, as_bytes)


def _entry(kind: str, body: bytes) -> tuple[str, Any]:
    """A map's entry; a key or value that is absent is an empty one."""
    parts = dict(fields_of(body))
    return text(parts.get(1, b"")).decode(), _value(kind, parts.get(2, 0 if kind in _NUMBERS else b""), _base64)


def _value(kind: str, payload: Payload, as_bytes: Callable[[Payload], Any]) -> Any:
    match kind:
        case "string":
            return text(payload).decode()
        case "bytes":
            return as_bytes(payload)
        case "bool":
            return whole(payload) != 0
        case "int32" | "int64":
            return signed(whole(payload))
        case "uint32" | "uint64":
            return whole(payload)
        case "double" | "float":
            return floating(payload)
    special = _SPECIAL.get(kind)
    return special(text(payload)) if special else _message(kind, text(payload))


def _moment(body: bytes) -> datetime | None:
    """Seconds and nanoseconds since 1970. Go's zero time is an empty message: no time at all."""
    parts = dict(fields_of(body))
    if not parts:
        return None
    seconds, nanoseconds = signed(whole(parts.get(1, 0))), signed(whole(parts.get(2, 0)))
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError(f"{seconds} seconds and {nanoseconds} nanoseconds are no time") from error


def _time(body: bytes) -> str | None:
    moment = _moment(body)
    return timestamp(moment) if moment else None


def _micro_time(body: bytes) -> str | None:
    moment = _moment(body)
    return micro_timestamp(moment) if moment else None


def _quantity(body: bytes) -> str:
    return text(dict(fields_of(body)).get(1, b"")).decode() or "0"


def _int_or_string(body: bytes) -> int | str:
    parts = dict(fields_of(body))
    if whole(parts.get(1, 0)):
        return text(parts.get(3, b"")).decode()
    return signed(whole(parts.get(2, 0)))


def _raw_json(body: bytes) -> Any:
    try:
        return json.loads(text(dict(fields_of(body)).get(1, b"")) or b"null")
    except json.JSONDecodeError as error:
        raise ValueError(f"an embedded object is no JSON: {error}") from error


def _extra(body: bytes) -> list[str]:
    return [text(payload).decode() for number, payload in fields_of(body) if number == 1]


_SPECIAL: dict[str, Callable[[bytes], Any]] = {
    f"{_MACHINERY}apis.meta.v1.Time": _time,
    f"{_MACHINERY}apis.meta.v1.MicroTime": _micro_time,
    f"{_MACHINERY}apis.meta.v1.FieldsV1": _raw_json,
    f"{_MACHINERY}runtime.RawExtension": _raw_json,
    f"{_MACHINERY}api.resource.Quantity": _quantity,
    f"{_MACHINERY}util.intstr.IntOrString": _int_or_string,
    "k8s.io.api.authentication.v1.ExtraValue": _extra,
    "k8s.io.api.authorization.v1.ExtraValue": _extra,
}
