"""What a request asks of the API, read from its method and URL as the API server's authorization reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_OF_NAMESPACES = frozenset({"status", "finalize"})
_FALSE = frozenset({"false", "0"})
READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True)
class Call:
    """Empty where it does not apply. A path that is no resource has its method as verb, in lower case."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def writes(self) -> bool:
        return self.verb not in READS

    @property
    def label(self) -> str:
        """The resource for metrics, such as `deployments.apps/status`; `server` for what is no resource."""
        if not self.resource:
            return "server"
        grouped = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{grouped}/{self.subresource}" if self.subresource else grouped


def read_call(method: str, path: str, query: Mapping[str, str]) -> Call:
    """`path` begins where the API does: at /api, /apis, /version and so on."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["api", version, *rest] if rest:
            return _of_resource(method, "", version, rest, query)
        case ["apis", group, version, *rest] if rest:
            return _of_resource(method, group, version, rest, query)
        case _:
            return Call(method.lower())


def _of_resource(method: str, group: str, version: str, rest: list[str], query: Mapping[str, str]) -> Call:
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _OF_NAMESPACES:
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = [*rest, "", ""][:3]
    return Call(_verb(method, name, query), group, version, resource, subresource, namespace, name)


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method in ("GET", "HEAD"):
        if query.get("watch", "false").lower() not in _FALSE:
            return "watch"
        return "get" if name else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(method, method.lower())
