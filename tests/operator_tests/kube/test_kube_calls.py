"""What a request asks for, read from its URL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.kube.calls import Call, read_call
from antiphon_operator.kube.paths import collection_path, object_path, with_query
from antiphon_operator.kube.resources import Resource

names = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
plurals = names.filter(lambda name: name not in ("status", "finalize"))
resources = st.builds(
    Resource,
    group=st.just("") | st.builds(lambda a, b: f"{a}.{b}", names, names),
    version=st.sampled_from(["v1", "v1alpha1", "v2beta1"]),
    plural=plurals,
    kind=st.just("Kind"),
    namespaced=st.booleans(),
)
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}


@given(resources, names, names, st.sampled_from(["", "status", "scale", "log"]), st.sampled_from(sorted(VERBS)))
def test_what_is_put_into_an_objects_url_is_read_from_it(
    resource: Resource, name: str, namespace: str, subresource: str, method: str
) -> None:
    namespace = namespace if resource.namespaced else ""
    call = read_call(method, object_path(resource, name, namespace, subresource), {})
    expected = Call(VERBS[method], resource.group, resource.version, resource.plural, subresource, namespace, name)
    assert call == expected
    assert call.label.startswith(str(resource))


@given(resources, names | st.just(""), st.sampled_from(["true", "1", "false", "0", None]))
def test_lists_and_watches_are_told_apart(resource: Resource, namespace: str, watch: str | None) -> None:
    namespace = namespace if resource.namespaced else ""
    query = {} if watch is None else {"watch": watch}
    call = read_call("GET", collection_path(resource, namespace), query)
    verb = "watch" if watch in ("true", "1") else "list"
    assert call == Call(verb, resource.group, resource.version, resource.plural, "", namespace, "")
    assert not call.writes
    assert read_call("DELETE", collection_path(resource, namespace), {}) == replace(call, verb="deletecollection")


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("GET", "/api/v1/namespaces", Call("list", "", "v1", "namespaces")),
        ("GET", "/api/v1/namespaces/x", Call("get", "", "v1", "namespaces", name="x")),
        ("PUT", "/api/v1/namespaces/x/finalize", Call("update", "", "v1", "namespaces", "finalize", name="x")),
        ("GET", "/apis/apps/v1", Call("get")),
        ("GET", "/version", Call("get")),
    ],
)
def test_namespaces_and_what_is_no_resource(method: str, path: str, call: Call) -> None:
    assert read_call(method, path, {}) == call


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text()))
def test_any_request_is_read(method: str, path: str, query: dict[str, str]) -> None:
    assert read_call(method, path, query).label


def test_an_object_without_a_name_is_not_asked_for() -> None:
    pods = Resource("", "v1", "pods", "Pod")
    with pytest.raises(ValueError, match="needs a name"):
        object_path(pods, "", "ns")
    with pytest.raises(ValueError, match="needs a namespace"):
        object_path(pods, "x")
    assert object_path(pods, "../secrets/x", "ns").endswith("/pods/..%2Fsecrets%2Fx")
    assert with_query("/p", labelSelector="a=b,c", limit=None, x="") == "/p?labelSelector=a%3Db%2Cc"
