"""The chart as Helm's own library renders it, for tests."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

REPOSITORY = Path(__file__).parents[2]
CHART = REPOSITORY / "charts" / "antiphon"
RELEASE, NAMESPACE = "antiphon", "antiphon-system"
Obj = dict[str, Any]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MONITORED: Obj = {
    "prometheus": {"namespace": "monitoring"},
    "monitoring": {name: {"enabled": True} for name in ("serviceMonitor", "podMonitor", "rules", "dashboards")},
}
"""Values that turn on all that Prometheus and Grafana are given."""


@cache
def chart() -> helm.Chart:
    return helm.Chart.load(CHART)


def rendered(values: Obj | None = None, release: str = RELEASE, namespace: str = NAMESPACE) -> list[Obj]:
    """The objects, CRDs included. HelmError where the values are refused."""
    return copy.deepcopy(_rendered(json.dumps(values or {}), release, namespace))


@cache
def _rendered(values: str, release: str, namespace: str) -> list[Obj]:
    files = chart().render(json.loads(values), name=release, namespace=namespace)
    texts = (text for name, text in sorted(files.items()) if name.endswith(".yaml"))
    return [obj for text in texts for obj in yaml.load_all(text, _Loader) if obj]


def of_kind(kind: str, objects: list[Obj]) -> list[Obj]:
    return [obj for obj in objects if obj["kind"] == kind]


def the_only(kind: str, objects: list[Obj]) -> Obj:
    (found,) = of_kind(kind, objects)
    return found
