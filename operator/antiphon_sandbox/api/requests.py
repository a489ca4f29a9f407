"""The verbs over HTTP: from a request on a target to an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from antiphon_sandbox.api import bodies, errors, patches
from antiphon_sandbox.api.base_state import check_base, check_uid
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.decoding import WriteOptions, check_kind, check_object, copied
from antiphon_sandbox.api.deletion import DeleteOptions
from antiphon_sandbox.api.listing import page_of, selected, selector_of
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.api.logs import serve_logs
from antiphon_sandbox.api.negotiation import Form, form_of
from antiphon_sandbox.api.subresources import bound, scale_of, scaled
from antiphon_sandbox.api.targets import Target
from antiphon_sandbox.api.watching import Watch
from antiphon_sandbox.objects import Obj, name_of, namespace_of, uid_of, walk

APPLY = ("application/apply-patch+yaml",)
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_OK = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


@dataclass
class Call:
    """One request, and what belongs to answering it."""

    api: Api
    request: web.BaseRequest
    target: Target
    body: bytes
    options: WriteOptions

    @property
    def form(self) -> Form:
        return form_of(self.request.headers.get("Accept", ""), self.request.query.get("includeObject"))

    def existing(self) -> Obj:
        target = self.target
        found = self.api.store.get(target.resource.name, target.namespace, target.name)
        if found is None:
            raise errors.not_found(target.resource, target.name)
        return found

    def read(self) -> Any:
        resource = self.target.resource
        return bodies.read(self.body, self.request.content_type, resource.group, resource.version, resource.kind)

    def answer(self, obj: Obj, status: int = 200) -> web.Response:
        return json_response(self.form.one(self.target.resource, obj, self.api.now()), status)


Verb = Callable[[Call], Awaitable[web.StreamResponse]]


def json_response(body: Any, status: int = 200, content_type: str = "application/json") -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, headers={"Content-Type": content_type})


# --- reading -------------------------------------------------------------------------------------------------------


async def read(call: Call) -> web.StreamResponse:
    """get, list and watch."""
    target, query = call.target, call.request.query
    if query.get("watch") in ("true", "1"):
        return await Watch(call.api, target, query, call.form).serve(call.request)
    if not target.name:
        objects = selected(call.api.store, target.resource, target.namespace, selector_of(target.resource, query))
        objects, metadata = page_of(call.api.store, objects, query)
        return json_response(call.form.many(target.resource, objects, metadata, call.api.now()))
    match target.subresource:
        case "scale":
            return json_response(scale_of(target.resource, call.existing()))
        case "log":
            return await serve_logs(call.api, call.existing(), call.request)
        case _:
            return call.answer(call.existing())


# --- writing -------------------------------------------------------------------------------------------------------


async def create(call: Call) -> web.StreamResponse:
    target = call.target
    if target.subresource in ("binding", "eviction"):
        return _act_on_pod(call)
    if target.subresource:
        raise errors.not_supported(target.resource, "create")
    if target.name:
        raise errors.method_not_allowed()
    obj = call.read()
    check_kind(target.resource, obj)
    namespace = target.namespace or (obj["metadata"].get("namespace") or "")
    if target.resource.namespaced and not target.namespace:
        raise errors.method_not_allowed()
    return call.answer(call.api.writer.create(target.resource, namespace, obj, call.options), 201)


def _act_on_pod(call: Call) -> web.Response:
    pod = call.existing()
    match call.target.subresource:
        case "binding":
            binding = bodies.read(call.body, call.request.content_type, "", "v1", "Binding")
            call.api.store.put("pods", bound(pod, binding["target"]["name"], call.api.now()))
        case "eviction":
            eviction = bodies.read(call.body, call.request.content_type, "policy", "v1", "Eviction")
            body = eviction.get("deleteOptions") or {}
            call.api.evictions.evict(pod, DeleteOptions.from_body(body, dict(call.request.query)))
        case _:
            raise errors.method_not_allowed()
    return json_response({**_OK, "code": 201}, 201)


async def replace(call: Call) -> web.StreamResponse:
    target = call.target
    if not target.name:
        raise errors.method_not_allowed()
    if target.subresource == "scale":
        scale = bodies.read(call.body, call.request.content_type, "autoscaling", "v1", "Scale")
        check_object(scale, "Scale")
        _check_name(target, scale)
        return _put_scale(call, scale)
    new = call.read()
    check_kind(target.resource, new)
    _check_name(target, new)
    old = call.existing()
    check_base(target.resource, old, new)
    check_uid(target.resource, old, new)
    return call.answer(call.api.writer.update(target.resource, old, new, call.options))


def name_of_any(obj: Obj) -> Any:
    """Of what may be no object."""
    return walk(obj, "metadata", "name")


def _check_name(target: Target, obj: Obj) -> None:
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    if name != target.name:
        why = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise errors.bad_request(why if name else "name must be provided")
    if metadata.get("namespace", target.namespace) != target.namespace:
        why = "the namespace of the provided object does not match the namespace sent on the request"
        raise errors.bad_request(why)


def _put_scale(call: Call, scale: Any) -> web.Response:
    old = call.existing()
    new = scaled(call.target.resource, old, scale)
    stored = call.api.writer.update(call.target.resource, old, new, call.options)
    return json_response(scale_of(call.target.resource, stored))


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
        return _put_scale(call, _patched(call, scale_of(target.resource, old), change))
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
        _check_name(target, new)
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
    _check_name(target, applied)
    if target.subresource == "scale":
        return _put_scale(call, applied)
    obj, created = call.api.writer.apply(resource, target.namespace, target.name, applied, call.options)
    return call.answer(obj, 201 if created else 200)


# --- deleting ------------------------------------------------------------------------------------------------------


async def delete(call: Call) -> web.StreamResponse:
    target = call.target
    if target.subresource:
        raise errors.not_supported(target.resource, "delete")
    body = bodies.read(call.body, call.request.content_type, "", "v1", "DeleteOptions") if call.body else {}
    options = DeleteOptions.from_body(body or {}, dict(call.request.query))
    if not target.name:
        return _delete_all(call, options)
    obj, gone = call.api.deleter.delete(target.resource, call.existing(), options)
    if not gone or target.resource.name == "pods":
        return call.answer(obj)
    return json_response({**_OK, "details": _details(target, obj)})


def _details(target: Target, obj: Obj) -> Obj:
    group = {"group": target.resource.group} if target.resource.group else {}
    return {"name": name_of(obj), **group, "kind": target.resource.plural, "uid": uid_of(obj)}


def _delete_all(call: Call, options: DeleteOptions) -> web.Response:
    target = call.target
    if "deletecollection" not in target.resource.verbs:
        raise errors.method_not_allowed()
    selector = selector_of(target.resource, call.request.query)
    objects = selected(call.api.store, target.resource, target.namespace, selector)
    for obj in objects:
        if call.api.store.get(target.resource.name, namespace_of(obj), name_of(obj)) is not None:
            call.api.deleter.delete(target.resource, obj, options)
    metadata = {"resourceVersion": str(call.api.store.revision)}
    return json_response(call.form.many(target.resource, objects, metadata, call.api.now()))


VERBS: dict[str, Verb] = {"GET": read, "POST": create, "PUT": replace, "PATCH": patch, "DELETE": delete}
