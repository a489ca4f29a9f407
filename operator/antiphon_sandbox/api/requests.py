"""The verbs over HTTP: from a request on a target to an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from antiphon_sandbox.api import bodies, errors
from antiphon_sandbox.api.base_state import check_base, check_uid
from antiphon_sandbox.api.calls import Call, check_name, check_said, json_response, put_scale
from antiphon_sandbox.api.decoding import check_kind, check_object
from antiphon_sandbox.api.deletion import DeleteOptions
from antiphon_sandbox.api.listing import page_of, selected, selector_of
from antiphon_sandbox.api.logs import serve_logs
from antiphon_sandbox.api.patching import patch
from antiphon_sandbox.api.read_options import check_get, check_list, is_watch
from antiphon_sandbox.api.subresources import bound, scale_of
from antiphon_sandbox.api.targets import Target
from antiphon_sandbox.api.watching import Watch
from antiphon_sandbox.objects import Obj, name_of, namespace_of, uid_of

Verb = Callable[[Call], Awaitable[web.StreamResponse]]

_OK = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

# --- reading -------------------------------------------------------------------------------------------------------


async def read(call: Call) -> web.StreamResponse:
    """get, list and watch."""
    target, query = call.target, call.request.query
    if is_watch(query):
        if target.name:
            call.existing()
        return await Watch(call.api, target, query, call.form).serve(call.request)
    if not target.name:
        check_list(query, target.resource.name, call.api.store)
        objects = selected(call.api.store, target.resource, target.namespace, selector_of(target.resource, query))
        objects, metadata = page_of(call.api.store, objects, query)
        return json_response(call.form.many(target.resource, objects, metadata, call.api.now()))
    check_get(query, call.api.store)
    match target.subresource:
        case "binding" | "eviction" | "finalize":
            raise errors.method_not_allowed()
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
    check_said(target, obj)
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
        raise errors.bad_request("name must be provided") if target.resource.custom else errors.method_not_allowed()
    if target.subresource == "scale":
        scale = bodies.read(call.body, call.request.content_type, "autoscaling", "v1", "Scale")
        check_object(scale, "Scale")
        check_name(target, scale)
        return put_scale(call, scale)
    new = call.read()
    check_said(target, new)
    check_kind(target.resource, new)
    check_name(target, new)
    old = call.existing()
    check_base(target.resource, old, new)
    check_uid(target.resource, old, new)
    return call.answer(call.api.writer.update(target.resource, old, new, call.options))


# --- deleting ------------------------------------------------------------------------------------------------------


async def delete(call: Call) -> web.StreamResponse:
    target = call.target
    if target.subresource:
        raise errors.not_supported(target.resource, "delete")
    body = bodies.read(call.body, call.request.content_type, "", "v1", "DeleteOptions") if call.body else {}
    options = DeleteOptions.from_body(body, dict(call.request.query))
    if not target.name:
        return _delete_all(call, options)
    obj, gone = call.api.deleter.delete(target.resource, call.stored(), options)
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
