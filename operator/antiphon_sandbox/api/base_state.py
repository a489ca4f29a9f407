"""That a client who writes saw the object as it is now."""

from __future__ import annotations

from antiphon_sandbox.api import errors
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj, name_of

_UNSET = ("", "0", None)


def check_base(resource: Resource, old: Obj, new: Obj) -> None:
    """ApiError 409 when it saw another state, 422 when it does not say of a custom object which one it saw."""
    seen = new["metadata"].get("resourceVersion")
    if seen in _UNSET and resource.custom:
        raise errors.must_have_a_revision(resource, name_of(old))
    check_revision(resource, old, new)


def check_revision(resource: Resource, old: Obj, new: Obj) -> None:
    """ApiError 409 when it saw another state; it need not say which one."""
    seen = new["metadata"].get("resourceVersion")
    if seen in _UNSET:
        return
    if not str(seen).isdecimal():
        raise ApiError(500, "", f'strconv.ParseUint: parsing "{seen}": invalid syntax')
    if seen != old["metadata"]["resourceVersion"]:
        raise errors.conflict(resource, name_of(old))


def check_uid(resource: Resource, old: Obj, new: Obj) -> None:
    """ApiError 409 when it is about another object of that name."""
    given, kept = new["metadata"].get("uid"), old["metadata"]["uid"]
    if given and given != kept:
        why = f"Precondition failed: UID in precondition: {given}, UID in object meta: {kept}"
        raise errors.conflict(resource, name_of(old), why)
