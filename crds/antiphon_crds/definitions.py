"""The four CustomResourceDefinitions: names, printer columns and subresources around the generated schemas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.base import Contract
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.schema import Schema, structural_schema
from antiphon_crds.status import GROUP, VERSION
from antiphon_crds.voicemodel import VoiceModel


@dataclass(frozen=True)
class Column:
    """A printer column; `wide` ones show with `-o wide` only."""

    name: str
    type: Literal["string", "integer", "number", "date"]
    path: str
    description: str
    wide: bool = False

    def as_printer_column(self) -> dict[str, Any]:
        column: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "jsonPath": self.path,
            "description": self.description,
        }
        return {**column, "priority": 1} if self.wide else column


@dataclass(frozen=True)
class Definition:
    """All that a CustomResourceDefinition says beside its schema."""

    type: type[Contract]
    scope: Literal["Namespaced", "Cluster"]
    plural: str
    short_name: str
    columns: tuple[Column, ...]
    subresources: dict[str, Any] = field(default_factory=lambda: {"status": {}})

    @property
    def kind(self) -> str:
        return self.type.__name__

    @property
    def name(self) -> str:
        return f"{self.plural}.{GROUP}"


_AGE = Column("Age", "date", ".metadata.creationTimestamp", "Time since it was created.")

DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        VoiceAgent,
        "Namespaced",
        "voiceagents",
        "va",
        (
            Column("Phase", "string", ".status.phase", "The agent in one word."),
            Column("Ready", "string", ".status.ready", "Ready and wanted replicas."),
            Column("Sessions", "integer", ".status.sessions", "Live sessions."),
            Column("P95", "number", ".status.p95Ms", "p95 of a turn, in milliseconds."),
            Column("SLA", "string", ".status.sla", "Worst state of the objectives."),
            Column("Partition", "string", ".status.partition", "What a replica runs on."),
            Column("Policy", "string", ".spec.slaPolicy", "Name of the SLAPolicy.", wide=True),
            Column("Endpoint", "string", ".status.endpoint", "Address at which callers reach it.", wide=True),
            _AGE,
        ),
        {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.scaling.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
    ),
    Definition(
        SLAPolicy,
        "Cluster",
        "slapolicies",
        "slap",
        (
            Column("Mode", "string", ".spec.guardrails.mode", "Observe, Recommend or Enforce."),
            Column("Priority", "integer", ".spec.priority", "Who goes first."),
            Column("Agents", "integer", ".status.agents", "Agents that name it."),
            Column("Met", "integer", ".status.met", "Agents that keep it."),
            Column("Breached", "integer", ".status.breached", "Agents that break it."),
            _AGE,
        ),
    ),
    Definition(
        VoiceModel,
        "Cluster",
        "voicemodels",
        "vm",
        (
            Column("Stage", "string", ".spec.stage", "Stage that it serves."),
            Column("Best", "string", ".spec.variants[0].name", "Its best variant."),
            Column("License", "string", ".spec.license", "Licence of the weights.", wide=True),
            Column("Agents", "integer", ".status.agents", "Agents that name it."),
            _AGE,
        ),
    ),
    Definition(
        GPUPool,
        "Cluster",
        "gpupools",
        "gpool",
        (
            Column("Hardware", "string", ".spec.hardware", "Kind of GPU or CPU."),
            Column("Backend", "string", ".spec.backend", "How pods ask for partitions."),
            Column("Mode", "string", ".spec.partitioning.mode", "How the GPUs are cut."),
            Column("Nodes", "integer", ".status.nodes", "Nodes."),
            Column("GPUs", "integer", ".status.gpus", "GPUs."),
            Column("Used", "integer", ".status.partitionsUsed", "Partitions in use."),
            Column("Of", "integer", ".status.partitions", "Partitions."),
            _AGE,
        ),
    ),
)

KINDS: dict[str, type[Contract]] = {definition.kind: definition.type for definition in DEFINITIONS}


def openapi_schema(kind: type[Contract]) -> Schema:
    """The schema of a kind as a CRD holds it: apiVersion, kind and metadata are left to the API server."""
    schema = structural_schema(kind)
    properties = schema["properties"]
    for name in ("apiVersion", "kind"):
        properties[name] = {"type": "string", "description": properties[name]["description"]}
    properties["metadata"] = {"type": "object"}
    schema["required"] = ["spec"]
    return schema


def custom_resource_definition(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition, ready to be applied."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition.name},
        "spec": {
            "group": GROUP,
            "scope": definition.scope,
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": [definition.short_name],
                "categories": ["antiphon"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [column.as_printer_column() for column in definition.columns],
                    "subresources": definition.subresources,
                    "schema": {"openAPIV3Schema": openapi_schema(definition.type)},
                }
            ],
        },
    }
