"""The CEL rules of a schema (x-kubernetes-validations).

All rules of a schema are first asked as one expression: one crossing into the evaluator instead of a hundred. Only when
that is not true are they asked one by one, for the messages.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.cel import CelError, Program, compile_cel
from antiphon_sandbox.api.schema import Schema
from antiphon_sandbox.api.schema_checks import quoted

_OLD_SELF = re.compile(r"\boldSelf\b")
_RESERVED = frozenset(
    {
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
        *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
    }
)
_NUL, _NO_CHARACTER = rb"\u0000", rb"\ufffe"
_PUNCTUATION = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_WORDS = {
    "FieldValueRequired": "Required value: {}",
    "FieldValueForbidden": "Forbidden: {}",
    "FieldValueDuplicate": "Duplicate value: {}",
}


@dataclass(frozen=True)
class Rule:
    """One rule, where it stands in the schema."""

    path: tuple[str, ...]
    """Field names from the root; `[]` for a list's items, `{}` for a map's values."""
    text: str
    program: Program
    message: str
    message_program: Program | None
    reason: str
    field_path: str
    first: Program | None = None
    """The rule where there is no value before, if it wants to be asked there too (optionalOldSelf)."""

    @property
    def is_transition(self) -> bool:
        """It compares with the value before, and is asked only where there is one, or where it wants to be."""
        return _OLD_SELF.search(self.text) is not None


class RuleError(Exception):
    """A rule that does not compile: where in the schema, and why."""

    def __init__(self, path: str, rule: str, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.rule = rule


class Rules:
    """The rules of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._rules = list(_collect(schema.raw, ()))
        self._steady = [rule for rule in self._rules if not rule.is_transition]
        self._transitions = [rule for rule in self._rules if rule.is_transition]
        self._at_once = _conjunction(schema.raw)
        self._has_escapes = _has_escapes(schema.raw)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def broken(self, obj: Any, old: Any = None) -> list[Cause]:
        """What the object breaks. Of an update, what it broke already in a part that stays as it was is let pass."""
        new_view, old_view = self._view(obj), None if old is None else self._view(old)
        found = [] if self._holds_at_once(new_view) else list(self._ask(self._steady, new_view, old_view))
        if self._transitions:
            found += self._ask(self._transitions, new_view, old_view)
        return found

    def _view(self, obj: Any) -> Any:
        """The object as rules see it: of its metadata only the names; no NUL, at which the evaluator would stop reading."""
        if _NUL in orjson.dumps(obj):
            obj = orjson.loads(orjson.dumps(obj).replace(_NUL, _NO_CHARACTER))
        metadata = {name: obj["metadata"][name] for name in ("name", "generateName") if name in obj["metadata"]}
        parts = {
            name: view(self._schema.child(name), part, self._has_escapes)
            for name, part in obj.items()
            if name != "metadata"
        }
        return {**parts, "metadata": metadata}

    def _holds_at_once(self, this: Any) -> bool:
        if self._at_once is None:
            return False
        try:
            return self._at_once.evaluate(this) is True
        except CelError:
            return False

    def _ask(self, rules: list[Rule], obj: Any, old: Any) -> Iterator[Cause]:
        for rule in rules:
            before = dict(_walk(self._schema, old, rule.path, "", "")) if old is not None else {}
            for key, (path, value) in _walk(self._schema, obj, rule.path, "", ""):
                was = before.get(key)
                if rule.is_transition and was is None and rule.first is None:
                    continue
                if not rule.is_transition and was is not None and was[1] == value:
                    continue
                if cause := _ask_one(rule, path, value, was[1] if was else None):
                    yield cause


def _ask_one(rule: Rule, path: str, value: Any, old: Any) -> Cause | None:
    try:
        program = rule.first if rule.first and old is None else rule.program
        if program.evaluate(value, old) is True:
            return None
    except CelError as error:
        why = re.sub(r'^NOT_FOUND: Key not found in map : "(.*)"$', r"no such key: \1", str(error))
        return Cause("FieldValueInvalid", f'Invalid value: "object": {why} evaluating rule: {rule.text}', path)
    message = _WORDS.get(rule.reason, "Invalid value: {}").format(_shown(rule, value) + _message(rule, value, old))
    return Cause(rule.reason, message, (path + rule.field_path).lstrip("."))


def _shown(rule: Rule, value: Any) -> str:
    scalar = not isinstance(value, (dict, list))
    return f"{quoted(value)}: " if scalar and rule.reason in ("FieldValueInvalid", "FieldValueDuplicate") else ""


def _message(rule: Rule, value: Any, old: Any) -> str:
    if rule.message_program:
        try:
            said = rule.message_program.evaluate(value, old)
        except CelError:
            said = None
        if isinstance(said, str) and said.strip() and "\n" not in said:
            return said.strip()
    return rule.message or f"failed rule: {rule.text}"


def _walk(
    schema: Schema | None, value: Any, path: tuple[str, ...], key: str, shown: str
) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Values at a path: a key that finds the same value in another version of the object, the path as shown, the value."""
    if not path:
        yield key, (shown, value)
        return
    step, rest = path[0], path[1:]
    if step == "[]" and isinstance(value, list) and schema is not None:
        for index, item in enumerate(value):
            mark = str(schema.key_of(item)) if schema.list_type == "map" else str(index)
            yield from _walk(schema.items, item, rest, f"{key}[{mark}]", f"{shown}[{index}]")
    elif step == "{}" and isinstance(value, dict) and schema is not None:
        for name, item in value.items():
            yield from _walk(schema.values, item, rest, f"{key}.{name}", f"{shown}[{name}]")
    elif isinstance(value, dict) and escaped(step) in value:
        below = schema.child(step) if schema else None
        joined = f"{shown}.{step}" if shown else step
        yield from _walk(below, value[escaped(step)], rest, f"{key}.{step}", joined)


# --- compiling -----------------------------------------------------------------------------------------------------


def _collect(raw: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Rule]:
    for rule in raw.get("x-kubernetes-validations") or ():
        yield _compiled(rule, path)
    for name, part in (raw.get("properties") or {}).items():
        if name != "metadata" or path:
            yield from _collect(part, (*path, name))
    for keyword, step in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(raw.get(keyword), Mapping):
            yield from _collect(raw[keyword], (*path, step))


def _compiled(rule: Mapping[str, Any], path: tuple[str, ...]) -> Rule:
    text = " ".join(rule["rule"].split()) if "\n" in rule["rule"] else rule["rule"].strip()
    first = None
    try:
        if rule.get("optionalOldSelf"):
            first = compile_cel(f"[optional.none()].all(oldSelf, \n{rule['rule']}\n)")
            program = compile_cel(f"[optional.of(oldSelf)].all(oldSelf, \n{rule['rule']}\n)")
        else:
            program = compile_cel(rule["rule"])
        expression = rule.get("messageExpression")
        said = compile_cel(expression) if expression else None
    except CelError as error:
        raise RuleError(".".join(path), text, f"compilation failed: {error}") from error
    reason = rule.get("reason") or "FieldValueInvalid"
    return Rule(path, text, program, rule.get("message", "").strip(), said, reason, rule.get("fieldPath", ""), first)


def _conjunction(raw: Mapping[str, Any]) -> Program | None:
    """All rules but transitions as one expression over the root; None when there is none or it cannot be built."""
    terms = list(_terms(raw))
    if not terms:
        return None
    try:
        return compile_cel(" && ".join(f"({term})" for term in terms))
    except CelError:
        return None


def _terms(raw: Mapping[str, Any], root: bool = True) -> Iterator[str]:
    """Conditions on `self`, the value of this node; what is below is asked with `self` bound anew."""
    for rule in raw.get("x-kubernetes-validations") or ():
        if not _OLD_SELF.search(rule["rule"]):
            yield f"\n{rule['rule']}\n"
    for name, part in (raw.get("properties") or {}).items():
        below = list(_terms(part, root=False))
        if below and (name != "metadata" or not root):
            field = f"self.{escaped(name)}"
            yield f"!has({field}) || [{field}].all(self, {_all(below)})"
    if isinstance(raw.get("items"), Mapping) and (below := list(_terms(raw["items"], root=False))):
        yield f"self.all(self, {_all(below)})"
    if isinstance(raw.get("additionalProperties"), Mapping):
        below = list(_terms(raw["additionalProperties"], root=False))
        if below:
            yield f"self.all(key, [self[key]].all(self, {_all(below)}))"


def _all(terms: list[str]) -> str:
    return " && ".join(f"({term})" for term in terms)


# --- how CEL sees a value ------------------------------------------------------------------------------------------


@functools.cache
def escaped(name: str) -> str:
    """A field's name as rules write it."""
    if name in _RESERVED:
        return f"__{name}__"
    for text, escape in _PUNCTUATION.items():
        name = name.replace(text, escape)
    return name


def view(schema: Schema | None, value: Any, has_escapes: bool = False) -> Any:
    """The value with whole numbers as doubles where the schema says `number`, and with escaped field names."""
    if schema is None or not (has_escapes or schema.has_doubles):
        return value
    if isinstance(value, dict):
        names = schema.properties
        return {
            escaped(name) if name in names else name: view(schema.child(name), below, has_escapes)
            for name, below in value.items()
        }
    if isinstance(value, list):
        return [view(schema.items, item, has_escapes) for item in value]
    return float(value) if type(value) is int and schema.type == "number" else value


def _has_escapes(raw: Mapping[str, Any]) -> bool:
    parts = dict(raw.get("properties") or {})
    below = [raw[keyword] for keyword in ("items", "additionalProperties") if isinstance(raw.get(keyword), Mapping)]
    return any(escaped(name) != name for name in parts) or any(map(_has_escapes, [*parts.values(), *below]))
