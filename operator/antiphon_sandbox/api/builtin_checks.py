"""The words in which Kubernetes refuses fields, and the checks that many kinds share."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.names import label_key_problem, label_value_problem, name_problem
from antiphon_sandbox.api.schema_checks import invalid, quoted
from antiphon_sandbox.objects import Obj

NOT_NEGATIVE = "must be greater than or equal to 0"
IMMUTABLE = "field is immutable"
PORT_RANGE = "must be between 1 and 65535, inclusive"
PROTOCOLS = ("SCTP", "TCP", "UDP")
PORT_NUMBERS = range(1, 65536)
_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_SAYS = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)

# Names of namespaces are labels, of services labels of an older kind, and of most other things subdomains.
label_problem = functools.lru_cache(1024)(functools.partial(name_problem, "namespaces"))
old_label_problem = functools.partial(name_problem, "services")
subdomain_problem = functools.lru_cache(1024)(functools.partial(name_problem, "pods"))


def required(field: str, why: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def unsupported(value: Any, supported: Iterable[str], field: str) -> Cause:
    listed = ", ".join(quoted(item) for item in supported)
    return Cause("FieldValueNotSupported", f"Unsupported value: {quoted(value)}: supported values: {listed}", field)


def duplicate(value: Any, field: str) -> Cause:
    return Cause("FieldValueDuplicate", f"Duplicate value: {quoted(value)}", field)


def forbidden(why: str, field: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def not_found(value: Any, field: str) -> Cause:
    return Cause("FieldValueNotFound", f"Not found: {quoted(value)}", field)


def too_long(most_bytes: int, field: str) -> Cause:
    return Cause("FieldValueTooLong", f"Too long: may not be more than {most_bytes} bytes", field)


def problem(value: Any, says: str | None, field: str) -> Iterator[Cause]:
    """A cause if there is something to say."""
    if says:
        yield invalid(value, says, field)


def one_of(value: Any, supported: tuple[str, ...], field: str) -> Iterator[Cause]:
    """A field that must be there, and one of these."""
    if not value:
        yield required(field)
    elif value not in supported:
        yield unsupported(value, supported, field)


def not_negative(parent: Mapping[str, Any], names: Iterable[str], path: str) -> Iterator[Cause]:
    for name in names:
        value = parent.get(name)
        if value is not None and value < 0:
            yield invalid(value, NOT_NEGATIVE, f"{path}.{name}")


def unchanged(new: Mapping[str, Any], old: Mapping[str, Any], names: Iterable[str], path: str = "") -> Iterator[Cause]:
    """Fields that are set once and for all."""
    for name in names:
        if new.get(name) != old.get(name):
            yield invalid(new.get(name), IMMUTABLE, f"{path}.{name}".lstrip("."))


def duplicates(values: Iterable[Any], fields: Iterable[str]) -> Iterator[Cause]:
    seen = set()
    for value, field in zip(values, fields, strict=True):
        if value in seen:
            yield duplicate(value, field)
        seen.add(value)


def port_or_name(value: Any, field: str) -> Iterator[Cause]:
    """A number, or the name of a container's port."""
    if isinstance(value, int):
        if value not in PORT_NUMBERS:
            yield invalid(value, PORT_RANGE, field)
    else:
        for says in port_name_problems(str(value or "")):
            yield invalid(value, says, field)


def port_name_problems(name: str) -> Iterator[str]:
    if len(name) > 15:
        yield "must be no more than 15 characters"
    if not re.fullmatch(r"[-a-z0-9]*", name):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search(r"[a-z]", name):
        yield "must contain at least one letter (a-z)"
    if "--" in name:
        yield "must not contain consecutive hyphens"
    if name and (name[0] == "-" or name[-1] == "-"):
        yield "must not begin or end with a hyphen"


def count_or_percent(value: Any, field: str) -> Iterator[Cause]:
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            yield invalid(value, _PERCENT_SAYS, field)
    elif value is not None and value < 0:
        yield invalid(value, NOT_NEGATIVE, field)


def at_most_all(value: Any, field: str) -> Iterator[Cause]:
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        yield invalid(value, "must not be greater than 100%", field)


def label_selector(selector: Obj, path: str) -> Iterator[Cause]:
    for key, value in (selector.get("matchLabels") or {}).items():
        yield from problem(key, label_key_problem(key), f"{path}.matchLabels")
        yield from problem(value, label_value_problem(value), f"{path}.matchLabels")
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        yield from _requirement(expression, f"{path}.matchExpressions[{index}]")


def _requirement(expression: Obj, path: str) -> Iterator[Cause]:
    operator, values = expression.get("operator"), expression.get("values")
    if operator in ("In", "NotIn"):
        if not values:
            yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'", f"{path}.values")
    else:
        yield invalid(operator, "not a valid selector operator", f"{path}.operator")
    key = expression.get("key", "")
    yield from problem(key, label_key_problem(key), f"{path}.key")


def labels(values: Mapping[str, str] | None, path: str) -> Iterator[Cause]:
    for key, value in (values or {}).items():
        yield from problem(key, label_key_problem(key), path)
        yield from problem(value, label_value_problem(value), path)
