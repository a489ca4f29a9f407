import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.nodes.configuration_refs import Configuration, MissingConfigurationError
from antiphon_sandbox.nodes.downward import PodFacts
from antiphon_sandbox.nodes.environment import container_variables, expand
from antiphon_sandbox.objects import Obj

POD: Obj = {
    "metadata": {
        "name": "web",
        "namespace": "default",
        "uid": "u-1",
        "labels": {"tier": "front", "app": "web"},
        "annotations": {"note": 'say "hi"'},
    },
    "spec": {
        "nodeName": "laptop",
        "serviceAccountName": "robot",
        "containers": [
            {
                "name": "main",
                "resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}, "requests": {"memory": "64M"}},
            }
        ],
    },
}
FACTS = PodFacts(POD, "127.64.0.1", {"ephemeral-storage": "10Gi"})


def variables(*env: Obj, env_from: tuple[Obj, ...] = (), api: Api | None = None) -> dict[str, str]:
    container = {"name": "main", "env": list(env), "envFrom": list(env_from)}
    return container_variables(container, FACTS, Configuration(api or Api(), "default"))


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NONE)", "$(NONE)"),
        ("$A $ $(A", "$A $ $(A"),
        ("x$(A)y$(B)", "x1y$(A)"),
    ],
)
def test_expand(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1", "B": "$(A)"}) == expanded


@given(st.text(alphabet="aA$()x", max_size=20))
def test_doubling_every_dollar_is_quoting(text: str) -> None:
    assert expand(text.replace("$", "$$"), {"A": "1", "x": "2"}) == text


@given(st.text().filter(lambda text: "$" not in text))
def test_without_a_dollar_nothing_changes(text: str) -> None:
    assert expand(text, {"A": "1"}) == text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['tier']", "front"),
        ("metadata.labels['none']", ""),
        ("metadata.labels", 'app="web"\ntier="front"'),
        ("metadata.annotations['note']", 'say "hi"'),
        ("metadata.annotations", 'note="say \\"hi\\""'),
        ("spec.nodeName", "laptop"),
        ("spec.serviceAccountName", "robot"),
        ("status.podIP", "127.64.0.1"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_field(path: str, value: str) -> None:
    assert variables({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}) == {"X": value}


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.cpu", "1", "2"),
        ("limits.cpu", "1m", "1500"),
        ("limits.memory", "1Mi", "1024"),
        ("requests.memory", "0", "64000000"),
        ("requests.cpu", "1", "0"),
        ("limits.ephemeral-storage", "1Gi", "10"),
    ],
)
def test_resource_rounded_up_in_units_of_the_divisor(resource: str, divisor: str, value: str) -> None:
    reference = {"resourceFieldRef": {"resource": resource, "divisor": divisor}}
    assert variables({"name": "X", "valueFrom": reference}) == {"X": value}


def test_each_variable_sees_those_before_it() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "C", "value": "3"}]
    assert variables(*env)["B"] == "1$(C)"


def test_config_maps_and_secrets() -> None:
    api = Api()
    metadata = {"name": "settings", "namespace": "default"}
    api.create("configmaps", {"metadata": metadata, "data": {"level": "debug", "mode": "x"}})
    api.create("secrets", {"metadata": metadata, "data": {"token": "c2VjcmV0"}})
    found = variables(
        {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "settings", "key": "token"}}},
        {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "settings", "key": "none", "optional": True}}},
        env_from=(
            {"prefix": "S_", "configMapRef": {"name": "settings"}},
            {"secretRef": {"name": "no", "optional": True}},
        ),
        api=api,
    )
    assert found == {"S_level": "debug", "S_mode": "x", "LEVEL": "debug", "TOKEN": "secret"}


def test_what_is_missing_is_said_as_upstream_says_it() -> None:
    api = Api()
    api.create("secrets", {"metadata": {"name": "there", "namespace": "default"}})
    absent = {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k"}}}
    with pytest.raises(MissingConfigurationError, match=r'^configmap "none" not found$'):
        variables(absent, api=api)
    keyless = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "there", "key": "k"}}}
    with pytest.raises(MissingConfigurationError, match=r"^couldn't find key k in Secret default/there$"):
        variables(keyless, api=api)
