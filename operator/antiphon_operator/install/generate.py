"""Writes what is derived of the CRDs and the chart: `python -m antiphon_operator.install.generate [--check] CRDS CHART FOLDER`.

The chart's copy of the CRDs, which Helm keeps on uninstall, and, in FOLDER, the manifests that `antiphon install` applies.
Needs Helm's SDK.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from antiphon_crds.derived import add_check, bring
from antiphon_operator.install.labels import COMMAND, MANAGED_LABEL, NAMESPACE, RELEASE, WATCHED
from antiphon_operator.objects import Obj

_GENERATED = "# Generated from {source} by `scripts/do generate`; do not edit.\n"
_KEPT = "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n"
_CHART_LABEL = "helm.sh/chart"
FILES: Mapping[str, Mapping[str, Any]] = {
    "manifests.yaml": {},
    "manifests-by-namespace.yaml": {"watchNamespaces": [WATCHED]},
}
"""File -> the chart's values that it has."""


def chart_crd(text: str) -> str:
    """The CRD as the chart holds it. Helm deletes what has no such annotation, and all agents would go with it."""
    head, found, rest = text.partition("\nmetadata:\n")
    if not found or rest.startswith("  annotations:"):
        raise ValueError("the CRD's metadata is not as it was expected")
    return f"{head}\n{_KEPT}{rest}"


def operator_manifests(chart: Path, values: Mapping[str, Any]) -> list[Obj]:
    """The chart as rendered with these values, without CRDs, and with nothing in it that says Helm."""
    rendered = _render(chart, {**values, "crds": {"install": False}})
    documents = (text for name, text in sorted(rendered.items()) if name.endswith(".yaml"))
    return [_without_helm(obj) for text in documents for obj in yaml.safe_load_all(text) if obj]


def _render(chart: Path, values: Mapping[str, Any]) -> dict[str, str]:
    from helm_python import Chart  # of the developers' dependencies: the operator's image has none of it

    with Chart.load(chart) as loaded:
        return loaded.render(dict(values), name=RELEASE, namespace=NAMESPACE)


def _without_helm(obj: Obj) -> Obj:
    for labels in _all_labels(obj):
        labels.pop(_CHART_LABEL, None)
        if MANAGED_LABEL in labels:
            labels[MANAGED_LABEL] = COMMAND
    return obj


def _all_labels(obj: Obj) -> Iterator[dict[str, str]]:
    """Of the object, and of the pods that it makes."""
    yield obj["metadata"]["labels"]
    if template := (obj.get("spec") or {}).get("template"):
        yield template["metadata"]["labels"]


def manifest_text(chart: Path, values: Mapping[str, Any]) -> str:
    documents = yaml.safe_dump_all(operator_manifests(chart, values), sort_keys=False, width=120)
    return _GENERATED.format(source="charts/antiphon") + documents


def wanted_files(crds: Path, chart: Path, folder: Path) -> dict[Path, str]:
    """Path -> text."""
    copies = {chart / "files" / "crds" / path.name: chart_crd(path.read_text("utf-8")) for path in crds.glob("*.yaml")}
    return copies | {folder / name: manifest_text(chart, values) for name, values in FILES.items()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m antiphon_operator.install.generate", description=__doc__)
    parser.add_argument("crds", type=Path, help="folder of the CRDs")
    parser.add_argument("chart", type=Path, help="folder of the chart")
    parser.add_argument("folder", type=Path, help="folder of the manifests")
    add_check(parser)
    options = parser.parse_args(arguments)
    wanted = wanted_files(options.crds, options.chart, options.folder)
    superfluous = set((options.chart / "files" / "crds").glob("*.yaml")) - set(wanted)
    return bring(wanted, check=options.check, superfluous=superfluous)


if __name__ == "__main__":
    sys.exit(main())
