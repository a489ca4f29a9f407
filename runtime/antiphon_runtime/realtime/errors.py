"""What a client did wrong, as an `error` event can tell it. The session lives on."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import ValidationError

INVALID_JSON = "invalid_json"
INVALID_TYPE = "invalid_type"
INVALID_VALUE = "invalid_value"
MISSING_PARAMETER = "missing_required_parameter"
COMMIT_EMPTY = "input_audio_buffer_commit_empty"
BUFFER_FULL = "input_audio_buffer_full"
ACTIVE_RESPONSE = "conversation_already_has_active_response"
CANCEL_NOT_ACTIVE = "response_cancel_not_active"
CREATE_INVALID_ITEM = "item_create_invalid_item_id"
CREATE_DUPLICATE_ITEM = "item_create_duplicate_item_id"
CREATE_INVALID_PREVIOUS = "item_create_invalid_previous_item_id"
DELETE_INVALID_ITEM = "item_delete_invalid_item_id"
RETRIEVE_INVALID_ITEM = "item_retrieve_invalid_item_id"
TRUNCATE_INVALID_ITEM = "item_truncate_invalid_item_id"
CANNOT_UPDATE = "cannot_update_after_audio"
TOO_MANY_RESPONSES = "too_many_responses"
WRONG_SESSION = "invalid_session_type"
INTERNAL = "internal_error"

LONGEST_PATH = 200
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 60
_SHOWN.maxdict = _SHOWN.maxlist = 3
_SHOWN.maxlevel = 2
_TYPE_ERRORS = re.compile(r".*_type$|.*_parsing$|.*_from_float$")


class RealtimeError(Exception):
    """A client event that is refused: field, value and what would be right are in the message."""

    def __init__(
        self,
        message: str,
        *,
        code: str = INVALID_VALUE,
        param: str | None = None,
        kind: Literal["invalid_request_error", "server_error"] = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.param, self.kind = message, code, param, kind


def shown(value: object) -> str:
    """A value as a message quotes it, however large it is."""
    return _SHOWN.repr(value)


def refusal(error: ValidationError, given: object) -> RealtimeError:
    """The first thing that is wrong, in one sentence."""
    found = error.errors(include_url=False, include_context=False)[0]
    kind, message = found["type"], found["msg"]
    path = _path(found["loc"], given, missing=kind == "missing")
    if kind == "union_tag_invalid":
        return _wrong_tag(path, message)
    if kind in ("missing", "union_tag_not_found"):
        tag = re.match(r"Unable to extract tag using discriminator '(\w+)'", message)
        path = _joined(path, tag[1] if tag else "")
        return RealtimeError(f"{path} is missing", code=MISSING_PARAMETER, param=path)
    message = re.sub(r"^(Value error, )|^\w+(?= should )", lambda match: "" if match[1] else "it", message)
    message = re.sub(r"a valid dictionary or (instance|object).*", "an object", message)
    code = INVALID_TYPE if _TYPE_ERRORS.match(kind) else INVALID_VALUE
    return RealtimeError(f"{path or 'the event'} is {shown(found['input'])}; {message}", code=code, param=path or None)


def _wrong_tag(path: str, message: str) -> RealtimeError:
    """Of "Input tag 'x' found using 'type' does not match any of the expected tags: 'a', 'b'"."""
    found = re.match(
        r"Input tag '(.*)' found using '(\w+)' does not match any of the expected tags: (.*)", message, re.DOTALL
    )
    if found is None:
        return RealtimeError(f"{path}: {message}", param=path)
    path = _joined(path, found[2])
    return RealtimeError(f"{path} is {shown(found[1])}; it must be one of {found[3]}", param=path)


def _path(location: Sequence[int | str], given: object, *, missing: bool) -> str:
    """As the client wrote it: a location also names the kinds that were tried, which are no keys of its event."""
    path = ""
    for index, step in enumerate(location):
        if isinstance(given, Mapping) and (step in given or (missing and index == len(location) - 1)):
            path, given = _joined(path, str(step)), given.get(step)
        elif isinstance(given, list) and isinstance(step, int) and step < len(given):
            path, given = _joined(path, str(step)), given[step]
    return path.encode("utf-8", "backslashreplace").decode()[:LONGEST_PATH]


def _joined(path: str, step: str) -> str:
    return f"{path}.{step}" if path and step else path or step


def as_event_error(error: RealtimeError, event_id: str | None) -> dict[str, Any]:
    """The body of the `error` event; `event_id` is the client's."""
    return {
        "type": error.kind,
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "event_id": event_id,
    }
