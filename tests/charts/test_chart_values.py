"""Values that make no sense are refused, with words that tell where; those that the chart reads are all listed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import helm_python as helm
import jsonschema
import pytest
import yaml
from rendered_chart import CHART, MONITORED, Obj, chart, rendered

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"replica": 3}, "additional properties 'replica' not allowed"),
        ({"image": {"name": "x"}}, "'/image': additional properties 'name' not allowed"),
        ({"replicas": "two"}, "'/replicas': got string, want integer"),
        ({"replicas": -1}, "'/replicas'"),
        ({"image": {"digest": "sha256:1"}}, "'/image/digest'"),
        ({"image": {"tag": "a b"}}, "'/image/tag'"),
        ({"image": {"pullPolicy": "Sometimes"}}, "'/image/pullPolicy'"),
        ({"runtime": {"pullPolicy": "Sometimes"}}, "'/runtime/pullPolicy'"),
        ({"watchNamespaces": ["Calls"]}, "'/watchNamespaces/0'"),
        ({"watchNamespaces": ["calls", "calls"]}, "'/watchNamespaces'"),
        ({"operator": {"workers": 0}}, "'/operator/workers'"),
        ({"operator": {"resync": "soon"}}, "'/operator/resync'"),
        ({"operator": {"healthPort": 80}}, "'/operator/healthPort'"),
        ({"podDisruptionBudget": {"maxUnavailable": "one"}}, "'/podDisruptionBudget/maxUnavailable'"),
        ({"topologySpread": [{"topologyKey": "zone"}]}, "'/topologySpread/0'"),
        ({"prometheus": {"namespace": "Monitoring"}}, "'/prometheus/namespace'"),
        ({"monitoring": {"podMonitor": {"interval": "15"}}}, "'/monitoring/podMonitor/interval'"),
        ({"monitoring": {"rules": {"capacityUsed": 90}}}, "'/monitoring/rules/capacityUsed'"),
        ({"monitoring": {"podMonitor": {"enabled": True}}}, "prometheus.namespace: name the namespace of Prometheus"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name: name the service account"),
    ],
)
def test_what_makes_no_sense_is_refused(values: Obj, says: str) -> None:
    with pytest.raises(helm.HelmError, match=re.escape(says)):
        rendered(values)


@pytest.mark.parametrize(
    ("objective", "says"),
    [
        ({"name": "x", "indicator": "turn", "maxRatio": 0.1, "window": "5m"}, "missing properties"),
        ({"name": "x", "indicator": "failedTurns", "targetMs": 5, "window": "5m"}, "missing property 'maxRatio'"),
        ({"name": "x", "indicator": "turns", "window": "5m"}, "value must be one of 'turn', 'response'"),
        ({"name": "x", "indicator": "turn", "percentile": 95, "targetMs": 9, "window": "five"}, "/window'"),
        ({"name": "x", "indicator": "turn", "percentile": 100, "targetMs": 9, "window": "5m"}, "/percentile'"),
    ],
)
def test_an_objective_that_can_not_be_told_is_refused(objective: Obj, says: str) -> None:
    with pytest.raises(helm.HelmValuesError, match=says):
        rendered({"monitoring": {"rules": {"objectives": [objective]}}})


def test_the_schema_is_one_and_lists_all_defaults() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft7Validator(SCHEMA).validate(DEFAULTS)
    assert set(_paths(DEFAULTS)) == set(_listed(SCHEMA)) - {"global"}


def _paths(values: Any, path: str = "") -> Iterator[str]:
    """Of all values that are no maps of somebody's own."""
    for name, value in values.items():
        below = f"{path}.{name}".lstrip(".")
        if isinstance(value, dict) and value and _is_ours(below):
            yield from _paths(value, below)
        else:
            yield below


def _is_ours(path: str) -> bool:
    node = SCHEMA
    for name in path.split("."):
        node = node["properties"][name]
    return "properties" in node


def _listed(schema: Obj, path: str = "") -> Iterator[str]:
    for name, value in schema["properties"].items():
        below = f"{path}.{name}".lstrip(".")
        if "properties" in value and value["type"] == "object":
            yield from _listed(value, below)
        elif below not in _LEFT_OUT:
            yield below


_LEFT_OUT = {"resources.claims"}
"""Taken, and of no default."""


def test_every_value_is_read_by_a_template() -> None:
    templates = "\n".join(template["data"] for template in chart().templates)
    unread = [path for path in _paths(DEFAULTS) if path.rpartition(".")[2] not in templates]
    assert {path for path in unread if not path.startswith("resources.")} == set()


def test_every_value_is_explained() -> None:
    """A comment beside it, above it, or above the block that it stands in."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = [
        line
        for above, line in zip(["", *lines], lines, strict=False)
        if re.match(r"^\w+:", line) and "#" not in line and not above.startswith("#")
    ]
    assert [line for line in bare if not _says_it_all(line)] == []


def _says_it_all(line: str) -> bool:
    """Kubernetes' own words, and blocks whose lines are explained."""
    return line.partition(":")[0] in {
        "podAnnotations", "podLabels", "nodeSelector", "tolerations", "affinity", "terminationGracePeriodSeconds",
        "operator", "podDisruptionBudget", "serviceAccount", "rbac", "crds", "networkPolicy", "prometheus",
    }  # fmt: skip


def test_all_that_monitors_can_be_turned_on_at_once() -> None:
    kinds = [obj["kind"] for obj in rendered(MONITORED)]
    assert {"ServiceMonitor", "PodMonitor", "PrometheusRule"} <= set(kinds)
    assert kinds.count("ConfigMap") == 3
