"""The base of every type in the contract, and the annotations that both pydantic and the CRD generator understand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from antiphon_crds.rules import RULES_KEY, Rule, check_rules


def drop_nulls(value: Any) -> Any:
    """A mapping without its nulls: absent, as the API server reads them."""
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if item is not None}
    return value


class Contract(BaseModel):
    """A typed part of a manifest: camelCase outside, snake_case inside, immutable, strict, nothing unknown.

    A null means absent, as the API server reads it. `rules` are held after the fields are valid. Data from outside comes
    in through `from_manifest`.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    _names: ClassVar[dict[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls._names = {field.alias or name: name for name, field in cls.model_fields.items()}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler.resolve_ref_schema(handler(schema))
        if cls.rules:
            json_schema[RULES_KEY] = [rule.as_validation() for rule in cls.rules]
        return json_schema

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        return drop_nulls(value)

    @model_validator(mode="after")
    def _hold_rules(self) -> Self:
        check_rules(self.rules, self)
        return self

    def cel_get(self, name: str) -> Any:
        return getattr(self, self._names[name])

    @classmethod
    def from_manifest(cls, data: Any, *, ignore_unknown: bool = False) -> Self:
        """The object that the JSON form stands for; only the manifest's own names are taken.

        `ignore_unknown` is for objects read back from an API server, which may be newer than this code.
        """
        extra: Literal["ignore", "forbid"] = "ignore" if ignore_unknown else "forbid"
        return cls.model_validate(data, by_alias=True, by_name=False, extra=extra)

    def to_manifest(self) -> dict[str, Any]:
        """The JSON form, defaults included, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class _KeyedList:
    """Shared by ListMap and ListSet: no two items with the same key, and the list type that server-side apply merges by."""

    def key(self, item: Any) -> Any:
        raise NotImplementedError

    def list_type(self) -> dict[str, Any]:
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), **self.list_type()}

    def _check(self, items: list[Any]) -> list[Any]:
        seen = set()
        for index, item in enumerate(items):
            key = self.key(item)
            if key in seen:
                raise PydanticCustomError(
                    "duplicate", "item {index} repeats {key}; each may stand once", {"index": index, "key": repr(key)}
                )
            seen.add(key)
        return items


class ListMap(_KeyedList):
    """A list of objects told apart by `keys` (names as in the manifest)."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def key(self, item: Contract) -> Any:
        values = tuple(item.cel_get(key) for key in self.keys)
        return values[0] if len(values) == 1 else values

    def list_type(self) -> dict[str, Any]:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self.keys)}


class ListSet(_KeyedList):
    """A list of scalars in which each stands once."""

    def key(self, item: Any) -> Any:
        return item

    def list_type(self) -> dict[str, Any]:
        return {"x-kubernetes-list-type": "set"}
