"""Rules of the contract that a type alone can't say: written once in CEL, held in the CRD and in Python."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from antiphon_crds.cel import CelError, Program, compile_expression

RULES_KEY = "x-kubernetes-validations"
VIOLATIONS = "violations"


@dataclass(frozen=True)
class Rule:
    """`expression` must hold for `self`; else `message`, whose {braces} hold CEL, says what is wrong and what is right.

    `field` names the property at fault, relative to `self`; without one the object itself is at fault.
    """

    expression: str
    message: str
    field: str | None = None

    @cached_property
    def program(self) -> Program:
        return compile_expression(self.expression)

    @cached_property
    def message_expression(self) -> str:
        """`minReplicas is {self.minReplicas}` as CEL: `'minReplicas is %s'.format([self.minReplicas])`.

        `format` and no `+`, because the API server knows the cost of formatting a number and takes that of adding its
        text for unbounded.
        """
        literals, values = _split_message(self.message)
        template = "%s".join(literal.replace("%", "%%") for literal in literals)
        return f"{_quote(template)}.format([{', '.join(values)}])"

    def violation(self, value: Any) -> str | None:
        """The message when the rule is broken. A rule that has no value for this input counts as broken, as in CEL."""
        try:
            if self.program.holds(value):
                return None
        except CelError:
            pass
        return str(compile_expression(self.message_expression).evaluate(value))

    def as_validation(self) -> dict[str, str]:
        validation = {"rule": self.expression}
        if "{" in self.message:
            validation["messageExpression"] = self.message_expression
        else:
            validation["message"] = self.message
        if self.field:
            validation["fieldPath"] = f".{self.field}"
        return validation


def _split_message(message: str) -> tuple[list[str], list[str]]:
    parts = re.split(r"\{(.*?)\}", message)
    return parts[::2], parts[1::2]


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def check_rules(rules: tuple[Rule, ...], value: Any) -> None:
    """Raises one pydantic error that carries every broken rule as (field, message)."""
    broken = [(rule.field, message) for rule in rules if (message := rule.violation(value)) is not None]
    if broken:
        summary = "; ".join(message for _, message in broken)
        raise PydanticCustomError("rule", "{summary}", {"summary": summary, VIOLATIONS: broken})


class Check:
    """Annotation that puts rules on a single value, such as a duration's bounds."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(schema)
        validations = [rule.as_validation() for rule in self.rules]
        return {**json_schema, RULES_KEY: [*json_schema.get(RULES_KEY, []), *validations]}

    def _check(self, value: Any) -> Any:
        check_rules(self.rules, value)
        return value
