"""The verbs over HTTP: from a request on a target to an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from antiphon_sandbox.api import bodies, errors, patches
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.decoding import WriteOptions, check_kind, copied
from antiphon_sandbox.api.deletion import DeleteOptions
from antiphon_sandbox.api.listing import page_of, selected, selector_of
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.api.logs import serve_logs
from antiphon_sandbox.api.negotiation import Form, form_of
from antiphon_sandbox.api.subresources import bound, scale_of, scaled
from antiphon_sandbox.api.targets import Target
from antiphon_sandbox.api.watching import Watch
from antiphon_sandbox.objects import Obj, name_of, namespace_of, uid_of

APPLY = ("application/apply-patch+yaml", "application/apply-patch+json", "application/apply-patch+cbor")
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_VALIDATIONS = ("Strict", "Warn", "Ignore")
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


def options_of(request: web.BaseRequest, subresource: str) -> WriteOptions:
    query = request.query
    validation: Any = query.get("fieldValidation") or "Warn"
    if validation not in _VALIDATIONS:
        message = f'Unsupported value: "{validation}": supported values: "Ignore", "Strict", "Warn"'
        cause = Cause("FieldValueNotSupported", message, "fieldValidation")
        raise errors.invalid_options("CreateOptions", cause)
    return WriteOptions(
        manager=query.get("fieldManager") or _manager_of(request.headers.get("User-Agent", "")),
        subresource=subresource,
        dry_run=query.get("dryRun") == "All",
        validation=validation,
        force=query.get("force") in ("true", "1"),
    )


def _manager_of(user_agent: str) -> str:
    return user_agent.partition("/")[0] or "unknown"


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
    if target.subresource:
        return _act_on_pod(call)
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
        return _put_scale(call, scale)
    new = call.read()
    check_kind(target.resource, new)
    _check_name(target, new)
    old = call.existing()
    if target.resource.custom and not new["metadata"].get("resourceVersion"):
        raise errors.must_have_a_revision(target.resource, target.name)
    return call.answer(call.api.writer.update(target.resource, old, new, call.options))


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
    target, content_type = call.target, call.request.content_type
    if not target.name:
        raise errors.method_not_allowed()
    _check_media(call)
    change = bodies.read_patch(call.body, content_type)
    if content_type in APPLY:
        return _apply(call, change)
    old = call.existing()
    if target.subresource == "scale":
        return _put_scale(call, _patched(call, scale_of(target.resource, old), change))
    new = copied(_patched(call, old, change))
    if not isinstance(new, dict) or not isinstance(new.get("metadata"), dict):
        raise errors.bad_request("the patch leaves no object")
    check_kind(target.resource, new)
    _check_name(target, new)
    return call.answer(call.api.writer.update(target.resource, old, new, call.options))


def _check_media(call: Call) -> None:
    custom = call.target.resource.custom
    accepted = [JSON_PATCH, MERGE_PATCH, *([] if custom else [STRATEGIC_PATCH]), APPLY[0]]
    content_type = call.request.content_type
    if content_type in APPLY or content_type in accepted:
        return
    raise errors.unsupported_patch(accepted) if content_type == STRATEGIC_PATCH else errors.unsupported_media()


def _patched(call: Call, target: Any, change: Any) -> Any:
    match call.request.content_type:
        case "application/json-patch+json":
            return patches.json_patch(target, change)
        case "application/strategic-merge-patch+json":
            return patches.strategic_merge_patch(call.target.resource.schema, target, change)
        case _:
            return patches.merge_patch(target, change)


def _apply(call: Call, applied: Any) -> web.Response:
    target = call.target
    if not call.request.query.get("fieldManager"):
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise errors.invalid_options("PatchOptions", cause)
    check_kind(target.resource, applied)
    if applied["metadata"].get("managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    applied["metadata"].setdefault("name", target.name)
    if target.resource.namespaced:
        applied["metadata"].setdefault("namespace", target.namespace)
    _check_name(target, applied)
    if target.subresource == "scale":
        raise errors.unsupported_media()
    obj, created = call.api.writer.apply(target.resource, target.namespace, target.name, applied, call.options)
    return call.answer(obj, 201 if created else 200)


# --- deleting ------------------------------------------------------------------------------------------------------


async def delete(call: Call) -> web.StreamResponse:
    target = call.target
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
