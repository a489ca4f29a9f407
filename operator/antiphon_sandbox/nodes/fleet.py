"""The file of nodes: which there are, of what kind, and which programs stand for which images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from antiphon_sandbox.nodes.fleet_values import Amounts, Key, LabelValue
from antiphon_sandbox.nodes.images import Images
from antiphon_sandbox.problems import SandboxError

NodeKind = Literal["process", "hollow"]
MOST_NODES = 5000
_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"


class FleetError(SandboxError):
    """A file of nodes that cannot be used."""


class Taint(BaseModel):
    """What keeps pods away that do not tolerate it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key = Field(description="Its key.")
    value: LabelValue = Field(default="", description="Its value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(description="What it does.")


class NodeSpec(BaseModel):
    """A node, or with `count` several alike."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_NAME, max_length=200, description="Its name; with `count`, what the names begin with.")
    kind: NodeKind = Field(
        default="hollow",
        description="process: runs pods as processes of this machine; hollow: says that they run, and runs nothing.",
    )
    count: int | None = Field(
        default=None, ge=1, le=MOST_NODES, description="So many, NAME-0, NAME-1, ...; left out: one, NAME."
    )
    labels: dict[Key, LabelValue] = Field(default={}, description="Labels beside the usual ones (hostname, os, arch).")
    annotations: dict[Key, str] = Field(default={}, description="Annotations.")
    taints: list[Taint] = Field(default=[], description="Taints.")
    capacity: Amounts = Field(
        default={}, description="What it has, beside or instead of cpu, memory, pods and ephemeral-storage."
    )
    allocatable: Amounts = Field(default={}, description="What of that is for pods, where it is not all of it.")


class FleetFile(BaseModel):
    """The file that `--nodes` names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: list[NodeSpec] = Field(min_length=1, description="The nodes.")
    images: Images = Field(default={}, description="Programs by image name, beside the ones that are always there.")


@dataclass(frozen=True)
class Node:
    """One node of the fleet."""

    name: str
    spec: NodeSpec

    @property
    def kind(self) -> NodeKind:
        return self.spec.kind


@dataclass(frozen=True)
class Fleet:
    """All nodes, and the images."""

    nodes: tuple[Node, ...]
    images: Images

    @property
    def node_names(self) -> list[str]:
        return [node.name for node in self.nodes]

    def names_of(self, kind: NodeKind) -> list[str]:
        return [node.name for node in self.nodes if node.kind == kind]


def default_fleet() -> Fleet:
    """One node that runs pods, with what this machine has."""
    return _fleet(FleetFile(nodes=[NodeSpec(name="local", kind="process")]), "the default")


def load_fleet(file: Path) -> Fleet:
    """FleetError names the file, the field, the value and what would be right."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        found = FleetFile.model_validate(data if data is not None else {})
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(f"{file}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise FleetError(f"{file}: is no YAML: {error}") from error
    except ValidationError as error:
        raise FleetError("\n".join(_in_words(file, error))) from error
    return _fleet(found, str(file))


def _in_words(file: Path, error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        steps = [step for step in problem["loc"] if step != "[key]"]
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
        value = "" if problem["type"] == "missing" else f" {_short(problem['input'])}"
        says = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            says = "is no field here; see `up --help` and docs/sandbox.md for those that there are"
        if problem["type"] == "string_type":
            says = "is no text; write it in quotes"
        yield f"{file}: {path or 'the file'}:{value} {says[0].lower() + says[1:]}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fleet(file: FleetFile, where: str) -> Fleet:
    nodes = tuple(node for spec in file.nodes for node in _nodes(spec))
    if len(nodes) > MOST_NODES:
        raise FleetError(f"{where}: nodes: {len(nodes)} nodes; it must be at most {MOST_NODES}")
    if twice := _first_twice([node.name for node in nodes]):
        raise FleetError(f"{where}: nodes: {twice!r} is the name of two nodes; give each its own")
    return Fleet(nodes, file.images)


def _nodes(spec: NodeSpec) -> Iterator[Node]:
    if spec.count is None:
        yield Node(spec.name, spec)
    else:
        for index in range(spec.count):
            yield Node(f"{spec.name}-{index}", spec)


def _first_twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def machine() -> dict[str, str]:
    """What this machine has, as a node's capacity."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{pages // 1024}Ki",
        "pods": "110",
        "ephemeral-storage": "100Gi",
    }
