"""Every call that an operator makes to the API server, seen from outside, as RBAC sees it.

The proxy in front of the server writes down what it passes on; what it was asked is worked out only when somebody looks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from faulty_proxy import FaultyProxy, running_proxy

WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_ONE = {"GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_ALL = {"GET": "list", "HEAD": "list", "DELETE": "deletecollection", "POST": "create"}
_TRUE = ("1", "true")
_BY_NAME = re.compile(r"(?:^|,)metadata\.name==?([^,]+)(?:$|,)")
_NAMESPACE_PARTS = frozenset({"status", "finalize"})
_APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request. `resource` is empty where `path` is none of a resource, as of /version and of discovery."""

    verb: str
    path: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    """Empty for what is cluster-scoped, and for a list or watch of all namespaces."""
    name: str = ""
    code: int = 200
    """0 where it was not answered."""
    creates: bool = False
    """A server-side apply that made the object: `create` has to be allowed as well as `patch`."""
    user_agent: str = ""

    @property
    def whole_resource(self) -> str:
        """As rules spell it: `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def is_write(self) -> bool:
        return self.verb in WRITING and bool(self.resource)

    def __str__(self) -> str:
        where = f"{self.whole_resource}.{self.group}" if self.group else self.whole_resource or self.path
        target = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {where} {target}".rstrip() + f" -> {self.code}"


def call_of(method: str, path: str, query: Mapping[str, str], content_type: str, code: int, agent: str) -> ApiCall:
    """What the API server takes a request for: apiserver's RequestInfo."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["api", _, *rest] if rest:
            group = ""
        case ["apis", group, _, *rest] if rest:
            pass
        case _:
            return ApiCall(method.lower(), path, code=code, user_agent=agent)
    namespace, resource, name, subresource = _target(rest)
    verb = (_ONE if name else _ALL).get(method, method.lower())
    if verb == "list":
        verb = "watch" if query.get("watch", "") in _TRUE else "list"
    if verb in ("list", "watch", "deletecollection") and (found := _BY_NAME.search(query.get("fieldSelector", ""))):
        name = found[1]
    creates = verb == "patch" and code == 201 and content_type.startswith(_APPLY)
    return ApiCall(verb, path, group, resource, subresource, namespace, name, code, creates, agent)


def _target(parts: list[str]) -> tuple[str, str, str, str]:
    """Namespace, resource, name and subresource. A namespace is in itself."""
    match parts:
        case ["namespaces", namespace, part] if part in _NAMESPACE_PARTS:
            return namespace, "namespaces", namespace, part
        case ["namespaces", namespace]:
            return namespace, "namespaces", namespace, ""
        case ["namespaces", namespace, resource, *rest]:
            return namespace, resource, *_name_and_part(rest)
        case [resource, *rest]:
            return "", resource, *_name_and_part(rest)
    raise ValueError(parts)


def _name_and_part(rest: list[str]) -> tuple[str, str]:
    name, part, *_ = (*rest, "", "")
    return name, part


class ApiRecorder:
    """Starts with `recording`. Faults can be injected with its proxy at the same time."""

    def __init__(self, proxy: FaultyProxy) -> None:
        self.proxy = proxy
        self._heard: list[tuple[str, str, Mapping[str, str], str, int, str]] = []
        proxy.listen(self._hear)

    @property
    def kubeconfig(self) -> Path:
        """For whoever shall be recorded."""
        return self.proxy.kubeconfig

    @property
    def number(self) -> int:
        """How many requests there were so far. A mark: `calls(since=...)` gives those that came later."""
        return len(self._heard)

    def calls(self, since: int = 0) -> list[ApiCall]:
        """In the order of their answers; a watch counts when it begins. Requests under way are not among them."""
        return [call_of(*heard) for heard in self._heard[since:]]

    def writes(self, since: int = 0) -> list[ApiCall]:
        return [call for call in self.calls(since) if call.is_write]

    def summary(self, since: int = 0) -> Counter[tuple[str, str, int]]:
        """How many by verb, resource and code."""
        return Counter((call.verb, call.whole_resource or call.path, call.code) for call in self.calls(since))

    def _hear(self, request: web.BaseRequest, code: int) -> None:
        sent = request.headers
        agent, content = sent.get("User-Agent", ""), sent.get("Content-Type", "")
        self._heard.append((request.method, request.path, request.query, content, code, agent))


@contextmanager
def recording(upstream: Path, kubeconfig: Path) -> Iterator[ApiRecorder]:
    """A recorder before the server of the kubeconfig `upstream`; writes one of its own to `kubeconfig`."""
    with running_proxy(upstream, kubeconfig) as proxy:
        yield ApiRecorder(proxy)
