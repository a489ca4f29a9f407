"""Are our kinds installed, and are they those of this version?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Literal

from antiphon_crds.definitions import DEFINITIONS as OURS
from antiphon_crds.definitions import custom_resource_definition
from antiphon_operator.checks.check import Finding, failed, few, ok, warning, worst
from antiphon_operator.checks.cluster import Cluster
from antiphon_operator.kube.resources import DEFINITIONS
from antiphon_operator.objects import Obj, name_of

_UPGRADE = "`antiphon install` brings them up to date."
_COMPARED = ("schema", "additionalPrinterColumns", "subresources", "served", "storage")


async def check_definitions(cluster: Cluster) -> Finding:
    ours = [custom_resource_definition(definition) for definition in OURS]
    installed = await asyncio.gather(*(cluster.find(DEFINITIONS, name_of(one)) for one in ours))
    missing = [name_of(one) for one, found in zip(ours, installed, strict=True) if found is None]
    if missing:
        return failed(f"not installed: {few(missing)}", "`antiphon install` installs them.")
    pairs = [(one, found) for one, found in zip(ours, installed, strict=True) if found is not None]
    findings = [finding for one, found in pairs for finding in _of_one(one, found)]
    return worst(findings, ok(f"{len(ours)} kinds, as this version has them"))


def _of_one(ours: Obj, installed: Obj) -> Iterator[Finding]:
    name = name_of(ours)
    conditions = {each["type"]: each for each in (installed.get("status") or {}).get("conditions") or ()}
    established = conditions.get("Established", {})
    if established.get("status") != "True":
        told = conditions.get("NamesAccepted", {}).get("message") or established.get("message") or "not yet"
        yield failed(f"{name} is not served: {told}", "Another definition may have taken its names; remove that one.")
    match compared(ours, installed):
        case "older", fields:
            yield failed(f"{name} is older than this version: it lacks {few(fields)}", _UPGRADE)
        case "newer", fields:
            message = f"{name} is newer than this version: it also has {few(fields)}"
            yield warning(message, "Use the `antiphon` of the version that is installed in the cluster.")
        case "other", fields:
            what = f": {few(fields)}" if fields else " in rules, texts or columns"
            yield warning(f"{name} differs from this version{what}", _UPGRADE)


def compared(ours: Obj, installed: Obj) -> tuple[Literal["same", "older", "newer", "other"], list[str]]:
    """How the installed one compares with ours, and the fields by which that is told."""
    mine = ours["spec"]["versions"][0]
    theirs = next((one for one in installed["spec"]["versions"] if one["name"] == mine["name"]), None)
    if theirs is None:
        return "older", [f"version {mine['name']}"]
    if all(mine[part] == theirs.get(part) for part in _COMPARED):
        return "same", []
    have, has = (set(_fields(one["schema"]["openAPIV3Schema"])) for one in (mine, theirs))
    lacks, more = sorted(have - has), sorted(has - have)
    if lacks and more:
        return "other", lacks + more
    if lacks or more:
        return ("older", lacks) if lacks else ("newer", more)
    return "other", []


def _fields(schema: Any, path: str = "") -> Iterator[str]:
    """Path of every field, with [] for lists and maps."""
    for name, node in (schema.get("properties") or {}).items():
        yield f"{path}{name}"
        yield from _fields(node, f"{path}{name}.")
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from _fields(inner, f"{path.removesuffix('.')}[].")
