"""What the query of a get, a list or a watch says, held against what may be said and against the present revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.errors import bad_request, invalid_options, list_too_old, too_large_revision
from antiphon_sandbox.api.store import Store
from antiphon_sandbox.kube import ApiError

_TRUE = frozenset({"true", "1"})
_MATCHES = ("", "Exact", "NotOlderThan")


def is_watch(query: Mapping[str, str]) -> bool:
    return query.get("watch") in _TRUE


def check_get(query: Mapping[str, str], store: Store) -> None:
    """ApiError 504 for a revision that is yet to come."""
    _check_reached(_number(query, 500), store)


def check_list(query: Mapping[str, str], resource: str, store: Store) -> None:
    """ApiError 400, 422 for what makes no sense, 410 for a past, 504 for a future that cannot be shown."""
    if not query:
        return
    _check_wholes(query)
    if causes := list(_list_causes(query)):
        raise invalid_options("ListOptions", causes)
    if query.get("continue") and query.get("resourceVersion", "0") not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    revision = _number(query, 400)
    _check_reached(revision, store)
    if query.get("resourceVersionMatch") == "Exact" and store.has_changed_since(resource, revision):
        raise list_too_old()


def check_watch(query: Mapping[str, str]) -> int:
    """The revision to watch from. ApiError 400, 422 for what makes no sense."""
    _check_wholes(query)
    if causes := list(_watch_causes(query)):
        raise invalid_options("ListOptions", causes)
    return _number(query, 500)


def _check_wholes(query: Mapping[str, str]) -> None:
    for name in ("limit", "timeoutSeconds"):
        text = query.get(name) or "0"
        if not text.lstrip("-").isdecimal():
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')


def _number(query: Mapping[str, str], code: int) -> int:
    text = query.get("resourceVersion") or "0"
    if text.isdecimal():
        return int(text)
    said = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
    raise bad_request(f"invalid resource version: {said}") if code == 400 else ApiError(code, "", said)


def _check_reached(revision: int, store: Store) -> None:
    if revision > store.revision:
        raise too_large_revision(revision, store.revision)


def _list_causes(query: Mapping[str, str]) -> Iterator[Cause]:
    match, revision = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
    if query.get("sendInitialEvents"):
        yield _forbidden("sendInitialEvents is forbidden for list", "sendInitialEvents")
    if not match:
        return
    if not revision:
        yield _forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided")
    if query.get("continue"):
        yield _forbidden("resourceVersionMatch is forbidden when continue is provided")
    if match not in _MATCHES:
        message = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        yield Cause("FieldValueNotSupported", message, "resourceVersionMatch")
    if match == "Exact" and revision == "0":
        yield _forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')


def _watch_causes(query: Mapping[str, str]) -> Iterator[Cause]:
    match, initial = query.get("resourceVersionMatch", ""), query.get("sendInitialEvents")
    if initial is not None and match != "NotOlderThan":
        yield _forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    if initial is None and match:
        yield _forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
    if initial is not None and match not in ("", "NotOlderThan"):
        message = f'Unsupported value: "{match}": supported values: "NotOlderThan"'
        yield Cause("FieldValueNotSupported", message, "resourceVersionMatch")
    if query.get("continue"):
        yield _forbidden("continue is forbidden for watch", "continue")


def _forbidden(why: str, field: str = "resourceVersionMatch") -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)
