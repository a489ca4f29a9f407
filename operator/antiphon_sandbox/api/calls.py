"""A request on a target, and what the verbs share in answering it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from antiphon_sandbox.api import bodies, errors
from antiphon_sandbox.api.decoding import WriteOptions
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.api.negotiation import Form, form_of, served
from antiphon_sandbox.api.read_options import is_watch
from antiphon_sandbox.api.subresources import scale_of, scaled
from antiphon_sandbox.api.targets import Target
from antiphon_sandbox.objects import Obj, walk

_BODIES = frozenset({"application/json", "application/yaml", bodies.PROTOBUF, "application/octet-stream"})


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
        """Of the answer. A collection is answered by a list, when nobody creates in it and nobody watches it."""
        of_list = not self.target.name and self.request.method != "POST" and not is_watch(self.request.query)
        return form_of(self.request.headers.get("Accept", ""), self.request.query.get("includeObject"), of_list)

    def existing(self) -> Obj:
        """In the version that is asked for. ApiError 404 when it is not there."""
        return served(self.target.resource, self.stored())

    def stored(self) -> Obj:
        target = self.target
        found = self.api.store.get(target.resource.name, target.namespace, target.name)
        if found is None:
            raise errors.not_found(target.resource, target.name)
        return found

    def read(self) -> Any:
        """The body, as it is; ApiError 400 or 415 when it cannot be read."""
        resource, media = self.target.resource, self.request.content_type
        if "Content-Type" in self.request.headers and media not in _BODIES:
            raise errors.unsupported_body()
        return bodies.read(self.body, self.request.content_type, resource.group, resource.version, resource.kind)

    def answer(self, obj: Obj, status: int = 200) -> web.Response:
        return json_response(self.form.one(self.target.resource, obj, self.api.now()), status)


def json_response(body: Any, status: int = 200, content_type: str = "application/json") -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, headers={"Content-Type": content_type})


def put_scale(call: Call, scale: Any) -> web.Response:
    old = call.existing()
    new = scaled(call.target.resource, old, scale)
    stored = call.api.writer.update(call.target.resource, old, new, call.options)
    return json_response(scale_of(call.target.resource, stored))


# --- what a body says of itself ---------------------------------------------------------------------------------------


def check_said(target: Target, obj: Any) -> None:
    """That the body of a custom object says what it is: of built-in ones the path is enough."""
    if not target.resource.custom or not isinstance(obj, dict):
        return
    if not obj.get("kind"):
        shown = orjson.dumps(obj).decode()
        why = f"Object 'Kind' is missing in '{shown}' ({shown})"
        raise errors.bad_request(f"the object provided is unrecognized (must be of type {target.resource.kind}): {why}")
    if not obj.get("apiVersion"):
        why = f"does not match the expected API version ({target.resource.api_version})"
        raise errors.bad_request(f"the API version in the data () {why}")


def name_of_any(obj: Obj) -> Any:
    """Of what may be no object."""
    return walk(obj, "metadata", "name")


def check_name(target: Target, obj: Obj) -> None:
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    if name != target.name:
        why = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise errors.bad_request(why if name else "name must be provided")
    if metadata.get("namespace", target.namespace) != target.namespace:
        why = "the namespace of the provided object does not match the namespace sent on the request"
        raise errors.bad_request(why)
