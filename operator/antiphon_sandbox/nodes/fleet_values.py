"""What may stand in a file of nodes: names of labels and resources, and amounts, held to what the API takes."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from antiphon_sandbox.quantities import amount_of

_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_DOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_KEY = re.compile(rf"((?=[^/]{{1,253}}/){_DOMAIN}/)?{_WORD}")
_VALUE = re.compile(rf"({_WORD})?")
_OWN_RESOURCES = ("cpu", "memory", "pods", "ephemeral-storage")


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(
            "is no key; write a word of at most 63 letters, digits, -, _ and ., with a domain before it if need be, like"
            " example.com/zone"
        )
    return text


def _label_value(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise ValueError(
            "is no value of a label or taint; write at most 63 letters, digits, -, _ and ., a letter or digit first and last"
        )
    return text


def _resource(text: str) -> str:
    if "/" in text:
        return _key(text)
    if text not in _OWN_RESOURCES and not text.startswith("hugepages-"):
        known = ", ".join(_OWN_RESOURCES)
        raise ValueError(
            f"is no resource; there are {known} and hugepages-SIZE, and others have a domain: example.com/slice"
        )
    return text


def _quantity(value: str | int | float) -> str:
    try:
        amount = amount_of(value)
    except ValueError:
        amount = None
    if amount is None or amount < 0:
        raise ValueError("is no amount; write a number of zero or more, with a unit if need be, like 8, 500m or 64Gi")
    return str(value)


def _amounts(amounts: dict[str, str]) -> dict[str, str]:
    for name, amount in amounts.items():
        if "/" in name and amount_of(amount).denominator != 1:
            raise ValueError(f"has {amount} of {name}, which comes in whole pieces only; write a whole number")
    return amounts


Key = Annotated[str, AfterValidator(_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
Quantity = Annotated[str | int | float, AfterValidator(_quantity)]
Amounts = Annotated[dict[Annotated[str, AfterValidator(_resource)], Quantity], AfterValidator(_amounts)]
