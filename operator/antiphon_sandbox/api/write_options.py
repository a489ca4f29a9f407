"""What the query of a write says, held against what may be said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.decoding import WriteOptions
from antiphon_sandbox.api.errors import invalid_options

_KINDS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_TRUE = frozenset({"true", "1"})
_LONGEST_MANAGER = 128


def options_of(request: web.BaseRequest, subresource: str, applies: bool) -> WriteOptions:
    """ApiError 422 when it makes no sense."""
    query = request.query
    kind = _KINDS.get(request.method)
    if kind and (query or applies) and (causes := list(_causes(query, kind, applies))):
        raise invalid_options(kind, causes)
    validation: Any = query.get("fieldValidation") or "Warn"
    return WriteOptions(
        manager=query.get("fieldManager") or _manager_of(request.headers.get("User-Agent", "")),
        subresource=subresource,
        dry_run=query.get("dryRun") == "All",
        validation=validation,
        force=query.get("force") in _TRUE,
    )


def _manager_of(user_agent: str) -> str:
    return user_agent.partition("/")[0][:_LONGEST_MANAGER] or "unknown"


def _causes(query: Any, kind: str, applies: bool) -> Iterator[Cause]:
    if kind == "PatchOptions":
        yield from _patch_causes(query, applies)
    manager = query.get("fieldManager", "")
    if len(manager.encode()) > _LONGEST_MANAGER:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {_LONGEST_MANAGER} bytes", "fieldManager")
    if not manager.isprintable():
        yield Cause(
            "FieldValueInvalid",
            f'Invalid value: "{manager}": should not contain unprintable characters',
            "fieldManager",
        )
    runs = query.getall("dryRun", [])
    if any(run != "All" for run in runs):
        shown = " ".join(f'"{run}"' for run in runs)
        yield Cause("FieldValueNotSupported", f'Unsupported value: [{shown}]: supported values: "All"', "dryRun")
    validation = query.get("fieldValidation", "")
    if validation not in _VALIDATIONS:
        listed = ", ".join(f'"{name}"' for name in _VALIDATIONS)
        message = f'Unsupported value: "{validation}": supported values: {listed}'
        yield Cause("FieldValueNotSupported", message, "fieldValidation")


def _patch_causes(query: Any, applies: bool) -> Iterator[Cause]:
    if applies and not query.get("fieldManager"):
        yield Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
    if not applies and query.get("force") in _TRUE:
        yield Cause("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force")
