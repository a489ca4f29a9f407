"""What RBAC allows a ServiceAccount, by Kubernetes' own evaluation, and what of it nobody used.

After k8s.io/kubernetes pkg/registry/rbac/validation and plugin/pkg/auth/authorizer/rbac.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from api_recorder import ApiCall

Obj = dict[str, Any]
ALL = "*"


@dataclass(frozen=True)
class Rule:
    """A PolicyRule."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """With subresources: `pods/log`, `*/scale`."""
    names: tuple[str, ...] = ()
    """Empty: whatever its name."""
    urls: tuple[str, ...] = ()

    @classmethod
    def of(cls, rule: Obj) -> Rule:
        fields = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
        return cls(*(tuple(rule.get(name) or ()) for name in fields))

    def allows(self, verb: str, call: ApiCall) -> bool:
        if not (ALL in self.verbs or verb in self.verbs):
            return False
        if not call.resource:
            return any(_is_url(url, call.path) for url in self.urls)
        named = not self.names or call.name in self.names
        grouped = ALL in self.groups or call.group in self.groups
        return named and grouped and any(_is_resource(resource, call) for resource in self.resources)


def _is_url(rule: str, path: str) -> bool:
    return rule in (ALL, path) or (rule.endswith(ALL) and path.startswith(rule[:-1]))


def _is_resource(rule: str, call: ApiCall) -> bool:
    anywhere = bool(call.subresource) and rule == f"*/{call.subresource}"
    return anywhere or rule in (ALL, call.whole_resource)


@dataclass(frozen=True)
class Grant:
    """A rule of a role that is bound; by a RoleBinding it holds in that namespace alone."""

    role: str
    rule: Rule
    namespace: str = ""
    """Empty: everywhere, and for what is in no namespace."""

    def allows(self, verb: str, call: ApiCall) -> bool:
        return self.namespace in ("", call.namespace) and self.rule.allows(verb, call)


@dataclass(frozen=True, order=True)
class Unused:
    """Something that is allowed and that no call needed."""

    role: str
    what: str

    def __str__(self) -> str:
        return f"{self.role}: {self.what}"


class Permissions:
    """All that is granted to one ServiceAccount."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self.grants = tuple(grants)

    def allowed(self, call: ApiCall) -> bool:
        """A server-side apply that creates must be allowed to create, too."""
        return all(any(grant.allows(verb, call) for grant in self.grants) for verb in verbs_of(call))

    def refused(self, calls: Iterable[ApiCall]) -> list[ApiCall]:
        return [call for call in calls if not self.allowed(call)]

    def unused(self, calls: Iterable[ApiCall]) -> list[Unused]:
        """A verb on a resource, an API group, a name or a URL in a rule that allowed nothing of what was called.

        What two rules allow counts as used for both.
        """
        distinct = {(verb, _essence(call)) for call in calls for verb in verbs_of(call)}
        return sorted({left for grant in self.grants for left in _unused_of(grant, distinct)})

    def wildcards(self) -> list[Unused]:
        """Rules with a `*`, but for one at the end of a URL."""
        return sorted(
            Unused(grant.role, f"* in {part}")
            for grant in self.grants
            for part in ("verbs", "groups", "resources", "urls")
            if any(word == ALL or (part == "resources" and ALL in word) for word in getattr(grant.rule, part))
        )


def verbs_of(call: ApiCall) -> tuple[str, ...]:
    return (call.verb, "create") if call.creates else (call.verb,)


def _essence(call: ApiCall) -> ApiCall:
    """What a rule looks at: calls that differ in nothing else are one."""
    path = "" if call.resource else call.path
    return ApiCall(call.verb, path, call.group, call.resource, call.subresource, call.namespace, call.name)


def _unused_of(grant: Grant, calls: Iterable[tuple[str, ApiCall]]) -> Iterator[Unused]:
    rule = grant.rule
    used = [(verb, call) for verb, call in calls if grant.allows(verb, call)]
    for verb in rule.verbs:
        of_verb = [call for used_verb, call in used if verb in (ALL, used_verb)]
        for resource in rule.resources:
            if not any(call.resource and _is_resource(resource, call) for call in of_verb):
                yield Unused(grant.role, f"{verb} {resource}")
        for url in rule.urls:
            if not any(not call.resource and _is_url(url, call.path) for call in of_verb):
                yield Unused(grant.role, f"{verb} {url}")
    yield from _unused_words(grant, [call for _, call in used if call.resource])


def _unused_words(grant: Grant, used: list[ApiCall]) -> Iterator[Unused]:
    of_what = ", ".join(grant.rule.resources)
    for group in grant.rule.groups:
        if not any(group in (ALL, call.group) for call in used):
            yield Unused(grant.role, f"group {group or 'core'} of {of_what}")
    for name in grant.rule.names:
        if not any(call.name == name for call in used):
            yield Unused(grant.role, f"name {name} of {of_what}")


def permissions_of(manifests: Iterable[Obj], namespace: str, account: str) -> Permissions:
    """What these roles and bindings, of a chart or of a cluster, grant to the ServiceAccount."""
    found = [manifest for manifest in manifests if manifest and _is_rbac(manifest)]
    roles = {_role_key(role): role for role in found if role["kind"] in ("Role", "ClusterRole")}
    return Permissions(
        grant
        for binding in found
        if binding["kind"] in ("RoleBinding", "ClusterRoleBinding") and _is_for(binding, namespace, account)
        for grant in _grants(binding, roles)
    )


def _is_rbac(manifest: Obj) -> bool:
    return str(manifest.get("apiVersion", "")).startswith("rbac.authorization.k8s.io/")


def _role_key(role: Obj) -> tuple[str, str, str]:
    inside = role["metadata"].get("namespace", "") if role["kind"] == "Role" else ""
    return role["kind"], inside, role["metadata"]["name"]


def _grants(binding: Obj, roles: dict[tuple[str, str, str], Obj]) -> Iterator[Grant]:
    """Of a binding; one that names a role that is not there grants nothing."""
    inside = binding["metadata"].get("namespace", "") if binding["kind"] == "RoleBinding" else ""
    named = binding["roleRef"]
    role = roles.get((named["kind"], inside if named["kind"] == "Role" else "", named["name"]), {})
    for rule in role.get("rules") or ():
        yield Grant(f"{named['kind']}/{named['name']}", Rule.of(rule), inside)


def _is_for(binding: Obj, namespace: str, account: str) -> bool:
    inside = binding["metadata"].get("namespace", "") if binding["kind"] == "RoleBinding" else ""
    groups = ("system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    for subject in binding.get("subjects") or ():
        match subject["kind"]:
            case "ServiceAccount" if (subject.get("namespace") or inside, subject["name"]) == (namespace, account):
                return True
            case "Group" if subject["name"] in groups:
                return True
            case "User" if subject["name"] == f"system:serviceaccount:{namespace}:{account}":
                return True
    return False
