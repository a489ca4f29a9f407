"""The manifests of `antiphon install` are the chart's, with the same choices made as values; whatever is chosen."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rendered_chart import rendered

from antiphon_operator.install.kinds import KINDS, resource_of
from antiphon_operator.install.labels import COMMAND, MANAGED_LABEL
from antiphon_operator.install.manifests import Choices, definitions, operator_objects

Obj = dict[str, Any]
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
IMAGES = st.builds("{}/{}:{}".format, NAMES, NAMES, st.from_regex(r"[a-z0-9][a-z0-9.]{0,5}", fullmatch=True))
CHOICES = st.builds(
    Choices,
    namespace=NAMES,
    image=IMAGES,
    runtime_image=IMAGES,
    replicas=st.integers(0, 5),
    watch_namespaces=st.lists(NAMES, unique=True, max_size=3).map(tuple),
    prometheus_url=st.none() | st.builds("http://{}:{}/{}".format, NAMES, st.integers(1, 65535), NAMES),
)


def _values(choices: Choices) -> Obj:
    operator, runtime = (image.rpartition(":") for image in (choices.image, choices.runtime_image))
    return {
        "crds": {"install": False},
        "image": {"repository": operator[0], "tag": operator[2]},
        "runtime": {"image": {"repository": runtime[0], "tag": runtime[2]}},
        "replicas": choices.replicas,
        "watchNamespaces": list(choices.watch_namespaces),
        "prometheus": {"url": choices.prometheus_url or ""},
    }


def _without_helm(obj: Obj) -> Obj:
    for metadata in (obj["metadata"], obj.get("spec", {}).get("template", {}).get("metadata")):
        if metadata:
            del metadata["labels"]["helm.sh/chart"]
            metadata["labels"][MANAGED_LABEL] = COMMAND
    return obj


def _key(obj: Obj) -> str:
    return f"{obj['kind']} {obj['metadata'].get('namespace')} {obj['metadata']['name']}"


@given(CHOICES)
@example(Choices(namespace="0", image="a/b:1e3", watch_namespaces=("1e3", "true", "on")))
@settings(max_examples=20, deadline=None)
def test_they_are_what_the_chart_renders(choices: Choices) -> None:
    of_chart = [_without_helm(obj) for obj in rendered(_values(choices), namespace=choices.namespace)]
    assert sorted(operator_objects(choices), key=_key) == sorted(of_chart, key=_key)


@given(CHOICES)
@settings(max_examples=20, deadline=None)
def test_what_pods_need_comes_before_them(choices: Choices) -> None:
    kinds = [KINDS.index(resource_of(obj)) for obj in operator_objects(choices)]
    assert kinds == sorted(kinds)
    assert operator_objects(choices)[-1]["kind"] == "Deployment"


def test_without_a_choice_it_is_the_charts_default() -> None:
    (deployment,) = [obj for obj in operator_objects(Choices()) if obj["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (of_chart,) = [obj for obj in rendered() if obj["kind"] == "Deployment"]
    (default,) = of_chart["spec"]["template"]["spec"]["containers"]
    assert container == default
    assert deployment["spec"]["replicas"] == of_chart["spec"]["replicas"]


def test_choosing_changes_nothing_for_the_next_one() -> None:
    before = operator_objects(Choices())
    operator_objects(Choices(namespace="other", image="a:1", replicas=5))
    assert operator_objects(Choices()) == before


def test_the_definitions_are_the_charts() -> None:
    of_chart = {obj["metadata"]["name"]: obj["spec"] for obj in rendered() if obj["kind"] == "CustomResourceDefinition"}
    assert {obj["metadata"]["name"]: obj["spec"] for obj in definitions()} == of_chart
