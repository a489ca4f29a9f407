"""What all kinds have in common: version, metadata, conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from antiphon_crds.base import Contract, ListMap
from antiphon_crds.scalars import AnnotationMap, ConditionType, LabelMap, NameBeginning, ObjectName, ReasonWord

API_VERSION: Final = "antiphon.dev/v1alpha1"
GROUP, VERSION = API_VERSION.split("/")


class Metadata(Contract):
    """An object's metadata: every field that the API server knows. It judges what is its own; we judge what we read."""

    name: ObjectName
    """Name of the object."""
    generate_name: NameBeginning | None = None
    """Beginning of the name, where the API server is to make up its end."""
    namespace: str | None = None
    """Namespace of the object, of a namespaced kind."""
    labels: LabelMap = {}
    """Labels of the object."""
    annotations: AnnotationMap = {}
    """Annotations of the object."""
    uid: str | None = None
    """Identity of the object, given by the API server."""
    generation: int | None = None
    """Counts the changes of the spec."""
    resource_version: str | None = None
    """Version of the object, given by the API server."""
    creation_timestamp: str | None = None
    """When it was created."""
    deletion_timestamp: str | None = None
    """When it is to be gone; set once it is being deleted."""
    deletion_grace_period_seconds: int | None = None
    """Time that it has to go, in seconds."""
    finalizers: list[str] = []
    """What must be done before it goes."""
    owner_references: list[Any] = []
    """Objects with which it goes."""
    managed_fields: list[Any] = []
    """Who owns which of its fields."""
    self_link: str | None = None
    """No longer set by API servers."""

    @model_validator(mode="before")
    @classmethod
    def _end_of_a_generated_name(cls, value: Any) -> Any:
        """The API server makes the name before it judges it, with five characters of its own."""
        if isinstance(value, Mapping) and not value.get("name") and isinstance(value.get("generateName"), str):
            return {**value, "name": value["generateName"] + "xxxxx"}
        return value


class Resource(Contract):
    """An object of the API: a kind adds `kind`, `spec` and `status`."""

    api_version: Literal["antiphon.dev/v1alpha1"] = API_VERSION
    """Version of the API."""
    metadata: Metadata
    """Name, labels, annotations."""


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
