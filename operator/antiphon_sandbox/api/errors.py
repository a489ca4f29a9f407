"""The refusals of the API, worded as Kubernetes words them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.kube import ApiError

if TYPE_CHECKING:
    from antiphon_sandbox.api.resources import Resource


class UnfitError(ApiError):
    """A body that is no object of the kind that it is sent as."""

    def __init__(self, kind: str, version: str, why: str) -> None:
        said = f'{kind} in version "{version}" cannot be handled as a {kind}: {why}'
        super().__init__(400, "BadRequest", said)
        self.why = why


class PageNotFoundError(Exception):
    """A path that is no part of the API: the answer is plain text."""


def not_served() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def _about(resource: Resource, name: str, kind: str) -> dict[str, Any]:
    return {"name": name} | ({"group": resource.group} if resource.group else {}) | {"kind": kind}


def not_found(resource: Resource, name: str) -> ApiError:
    details = _about(resource, name, resource.plural)
    return ApiError(404, "NotFound", f'{resource.name} "{name}" not found', details)


def already_exists(resource: Resource, name: str) -> ApiError:
    details = _about(resource, name, resource.plural)
    return ApiError(409, "AlreadyExists", f'{resource.name} "{name}" already exists', details)


def conflict(resource: Resource, name: str, why: str = "") -> ApiError:
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.name} "{name}": {why}'
    return ApiError(409, "Conflict", message, _about(resource, name, resource.plural))


def precondition_failed(resource: Resource, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {resource.qualified_kind} "{name}": {why}'
    return ApiError(409, "Conflict", message, _about(resource, name, resource.kind))


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def forbidden(resource: Resource, name: str, why: str, causes: Sequence[Cause] = ()) -> ApiError:
    details = _about(resource, name, resource.plural) | ({"causes": _as_json(causes)} if causes else {})
    return ApiError(403, "Forbidden", f'{resource.name} "{name}" is forbidden: {why}', details)


def method_not_allowed() -> ApiError:
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def not_supported(resource: Resource, verb: str) -> ApiError:
    """Of a subresource."""
    if not resource.custom:
        return method_not_allowed()
    details = {"group": resource.group, "kind": resource.plural}
    message = f'{verb} is not supported on resources of kind "{resource.name}"'
    return ApiError(405, "MethodNotAllowed", message, details)


def unsupported_patch(accepted: Sequence[str]) -> ApiError:
    media = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {media}"
    return ApiError(415, "UnsupportedMediaType", message)


def unsupported_body() -> ApiError:
    return unsupported_patch(("application/json", "application/yaml", "application/vnd.kubernetes.protobuf"))


def unsupported_media() -> ApiError:
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type")


def expired(revision: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {revision} ({oldest})")


def list_too_old() -> ApiError:
    return ApiError(410, "Expired", "The resourceVersion for the provided list is too old.")


def too_large_revision(revision: int, current: int) -> ApiError:
    """Of a revision that is yet to come: the client asks again soon."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Timeout: Too large resource version: {revision}, current: {current}"
    return ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})


def not_acceptable() -> ApiError:
    """No form that a client accepts is served."""
    served = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    return ApiError(406, "NotAcceptable", f"only the following media types are accepted: {served}")


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> ApiError:
    return _invalid(resource.kind, resource.group, name, causes)


def must_have_a_revision(resource: Resource, name: str) -> ApiError:
    """An update of a custom resource that does not say which state it is based on."""
    cause = Cause("FieldValueInvalid", "Invalid value: 0: must be specified for an update", "metadata.resourceVersion")
    return _invalid(resource.plural, resource.group, name, [cause])


def invalid_options(kind: str, causes: Sequence[Cause]) -> ApiError:
    return _invalid(kind, "meta.k8s.io", "", causes)


def invalid_patch(patched: str, why: str) -> ApiError:
    """What a patch has made of the object is no object of its kind."""
    cause = Cause("FieldValueInvalid", f"Invalid value: {json.dumps(patched)}: {why}", "patch")
    message = f' "" is invalid: {_in_words([cause])}'
    return ApiError(422, "Invalid", message, {"causes": _as_json([cause])})


def invalid_scale(name: str, cause: Cause) -> ApiError:
    return _invalid("Scale", "autoscaling", name, [cause])


def rejected() -> ApiError:
    """A JSON patch that cannot be applied to the object."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request")


def wrong_kind(kind: str, api_version: str, name: str, cause: Cause) -> ApiError:
    """Of a custom object that a patch has made another kind of."""
    return _invalid(kind, api_version.partition("/")[0] if "/" in api_version else "", name, [cause])


def _invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    subject = f"{kind}.{group}" if group else kind
    details = {"name": name} if name else {}
    details |= {"group": group} if group else {}
    message = f'{subject} "{name}" is invalid: {_in_words(causes)}'
    return ApiError(422, "Invalid", message, {**details, "kind": kind, "causes": _as_json(causes)})


def _in_words(causes: Sequence[Cause]) -> str:
    words = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    return words[0] if len(words) == 1 else f"[{', '.join(words)}]"


def _as_json(causes: Iterable[Cause]) -> list[dict[str, str]]:
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
