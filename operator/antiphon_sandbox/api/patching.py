"""PATCH over HTTP: JSON patch, merge patch, strategic merge patch, and server-side apply."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from antiphon_sandbox.api import bodies, errors, patches
from antiphon_sandbox.api.base_state import check_base
from antiphon_sandbox.api.calls import Call, check_name, name_of_any, put_scale
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.decoding import check_kind, copied
from antiphon_sandbox.api.subresources import scale_of
from antiphon_sandbox.api.targets import Target
from antiphon_sandbox.objects import Obj

APPLY = ("application/apply-patch+yaml",)
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"


async def patch(call: Call) -> web.StreamResponse:
    target = call.target
    if not target.name:
        raise errors.bad_request("name must be provided") if target.resource.custom else errors.method_not_allowed()
    _check_media(call)
    if call.request.content_type in APPLY:
        return _apply(call)
    change = bodies.read_patch(call.body)
    old = call.existing()
    if target.subresource == "scale":
        return put_scale(call, _patched(call, scale_of(target.resource, old), change))
    new = copied(_patched(call, old, change))
    if not isinstance(new, dict):
        raise errors.bad_request("the patch leaves no object")
    try:
        _check_patched(target, new)
        check_base(target.resource, old, new)
        return call.answer(call.api.writer.update(target.resource, old, new, call.options))
    except errors.UnfitError as error:
        raise errors.invalid_patch(orjson.dumps(_patched(call, old, change)).decode(), error.why) from error


def _check_patched(target: Target, new: Obj) -> None:
    """That it is still an object of its kind, and the same one."""
    resource, kind, version = target.resource, new.get("kind"), new.get("apiVersion")
    if resource.custom and not kind:
        missing = f"Object 'Kind' is missing in '{orjson.dumps(new).decode()}'"
        raise errors.UnfitError(resource.kind, resource.version, missing)
    if not name_of_any(new):
        why = f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided"
        raise errors.bad_request(why)
    if (kind or resource.kind, version or resource.api_version) == (resource.kind, resource.api_version):
        check_kind(resource, new)
        check_name(target, new)
        return
    if not resource.custom:
        why = f'no kind "{kind}" is registered for version "{version}" in scheme "antiphon_sandbox"'
        raise errors.UnfitError(resource.kind, resource.version, why)
    field, found, must = ("kind", kind, resource.kind)
    if kind == resource.kind:
        field, found, must = "apiVersion", version, resource.api_version
    cause = Cause("FieldValueInvalid", f'Invalid value: "{found}": must be {must}', field)
    raise errors.wrong_kind(str(kind), str(version), target.name, cause)


def _check_media(call: Call) -> None:
    custom = call.target.resource.custom
    accepted = [JSON_PATCH, MERGE_PATCH, *([] if custom else [STRATEGIC_PATCH]), *APPLY]
    content_type = call.request.content_type
    if content_type in accepted:
        return
    known = content_type == STRATEGIC_PATCH or content_type.startswith("application/apply-patch+")
    raise errors.unsupported_patch(accepted) if known else errors.unsupported_media()


def _patched(call: Call, target: Any, change: Any) -> Any:
    content_type = call.request.content_type
    if content_type == JSON_PATCH:
        return patches.json_patch(target, change)
    if change is not None and not isinstance(change, dict):
        raise patches.is_no_map(change)
    if content_type == STRATEGIC_PATCH:
        return patches.strategic_merge_patch(call.target.resource.schema, target, change or {})
    return patches.merge_patch(target, change or {})


def group_version(api_version: str) -> str:
    """As Go prints it."""
    return api_version if "/" in api_version else f"/{api_version}"


def _apply(call: Call) -> web.Response:
    target = call.target
    applied = bodies.read_applied(call.body)
    resource = target.resource
    expected = ("autoscaling/v1", "Scale") if target.subresource == "scale" else (resource.api_version, resource.kind)
    api_version, kind = applied.get("apiVersion") or "", applied.get("kind") or ""
    if not api_version or kind != expected[1]:
        raise errors.bad_request(f"invalid object type: {group_version(api_version)}, Kind={kind}")
    if api_version != expected[0]:
        check_kind(resource, applied)
    if target.subresource and applied.get("metadata") is None:
        applied["metadata"] = {"name": target.name}
    if not name_of_any(applied):
        why = f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided"
        raise errors.bad_request(why)
    if "managedFields" in applied["metadata"]:
        raise errors.bad_request("metadata.managedFields must be nil")
    check_name(target, applied)
    if target.subresource == "scale":
        return put_scale(call, applied)
    obj, created = call.api.writer.apply(resource, target.namespace, target.name, applied, call.options)
    return call.answer(obj, 201 if created else 200)
