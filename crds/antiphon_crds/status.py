"""What every kind's status has in common, and what the API server keeps about every object."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from antiphon_crds.base import Contract, ListMap
from antiphon_crds.scalars import ConditionType, ObjectName, ReasonWord

GROUP = "antiphon.dev"
VERSION = "v1alpha1"
API_VERSION: Final = "antiphon.dev/v1alpha1"


class Metadata(Contract):
    """The part of an object's metadata that we read; the rest is kept as it came."""

    model_config = ConfigDict(extra="allow")

    name: ObjectName
    """Name of the object."""
    namespace: str | None = None
    """Namespace of the object, of a namespaced kind."""
    uid: str | None = None
    """Identity of the object, given by the API server."""
    generation: int | None = None
    """Counts the changes of the spec."""
    resource_version: str | None = None
    """Version of the object, given by the API server."""
    labels: dict[str, str] = {}
    """Labels of the object."""
    annotations: dict[str, str] = {}
    """Annotations of the object."""


class Condition(Contract):
    """One observation of an object's state, in the form of `metav1.Condition`."""

    type: ConditionType
    """What is observed, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: ReasonWord
    """Why, as one word for programs."""
    message: Annotated[str, Field(max_length=2048)] = ""
    """Why, as a sentence for people."""
    last_transition_time: Annotated[str, Field(max_length=35)] | None = None
    """When `status` last changed."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that was judged."""


Conditions = Annotated[list[Condition], Field(max_length=16), ListMap("type")]


class StatusBase(Contract):
    """Common to the status of every kind."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status describes."""
    conditions: Conditions = []
    """Conditions, one of each type."""
