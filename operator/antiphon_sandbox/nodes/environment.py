"""The variables of a container, and what `$(NAME)` becomes in its command."""

from __future__ import annotations

import re
from collections.abc import Mapping

from antiphon_sandbox.nodes.configuration_refs import Configuration
from antiphon_sandbox.nodes.downward import PodFacts, field_value, resource_value
from antiphon_sandbox.objects import Obj

_REFERENCE = re.compile(r"\$(\$|\(([^()]*)\)|)")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` is the variable, or itself if there is none; `$$` is one `$`, and `$$(NAME)` stays unexpanded."""

    def replaced(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return variables.get(match[2], match[0]) if match[2] is not None else match[0]

    return _REFERENCE.sub(replaced, text)


def container_variables(container: Obj, facts: PodFacts, configuration: Configuration) -> dict[str, str]:
    """`envFrom` first, then `env`, each seeing those before it. MissingConfigurationError, UnknownFieldError if they can't be."""
    variables: dict[str, str] = {}
    for block in container.get("envFrom") or ():
        variables |= _block(block, configuration)
    for variable in container.get("env") or ():
        value = _value(variable, container["name"], facts, configuration, variables)
        if value is not None:
            variables[variable["name"]] = value
    return variables


def _block(block: Obj, configuration: Configuration) -> dict[str, str]:
    prefix = block.get("prefix") or ""
    for source, key in (("configmaps", "configMapRef"), ("secrets", "secretRef")):
        if reference := block.get(key):
            data = configuration.read(source, reference["name"], bool(reference.get("optional")))  # type: ignore[arg-type]
            return {prefix + name: value.decode(errors="replace") for name, value in (data or {}).items()}
    return {}


def _value(
    variable: Obj, container: str, facts: PodFacts, configuration: Configuration, before: Mapping[str, str]
) -> str | None:
    """None for an optional key that is missing: the variable is not set at all."""
    match variable.get("valueFrom"):
        case {"fieldRef": reference}:
            return field_value(facts, reference["fieldPath"])
        case {"resourceFieldRef": reference}:
            return resource_value(facts, container, reference)
        case {"configMapKeyRef": reference}:
            return configuration.read_key("configmaps", reference)
        case {"secretKeyRef": reference}:
            return configuration.read_key("secrets", reference)
    return expand(variable.get("value") or "", before)
