"""The page about the guards tells of every rule, and is as the code has it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from antiphon_policies.guarding import chain, evidence
from antiphon_policies.guarding.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "guardrails.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == reference()


def test_every_rule_says_what_it_does_and_why() -> None:
    names = [rule.name for rule in chain.RULES]
    assert len(set(names)) == len(names)
    for rule in chain.RULES:
        what, _, why = (inspect.getdoc(rule) or "").partition("\n\n")
        assert what.endswith(".")
        assert why.endswith(".")
        assert f"| `{rule.name}` |" in PAGE.read_text("utf-8")


def test_every_reason_and_every_rule_is_one_word() -> None:
    words = [*evidence.REASONS, *(rule.name for rule in chain.RULES)]
    assert all(re.fullmatch(r"[A-Za-z]+", word) for word in words)


def test_the_order_is_argued_rule_by_rule() -> None:
    text = inspect.getdoc(chain) or ""
    places = [text.index(rule.name) for rule in chain.RULES]
    assert places == sorted(places)
