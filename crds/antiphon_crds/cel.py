"""A small evaluator for the subset of CEL that the contract's rules are written in.

The rule's text is the one source: the API server evaluates it from the CRD, and this module evaluates the same text in
Python, so that a manifest is judged alike with and without a cluster. Tests hold it against Google's C++ implementation
and against a real API server. It is our own because the packaged implementations are dear for every pod to carry:
one takes 49 MiB, the other half a second to import and eight times or so as long for a rule (`scripts/do bench` prints all).

Nothing is type-checked here: the fields are validated before their rules, and the API server type-checks the rule's text.
Values are JSON values, or objects with a `cel_get(name)` method. Missing fields raise `CelError`, as in CEL; `has()` asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from antiphon_crds.durations import parse_duration_seconds

Env = Mapping[str, Any]
Node = Callable[[Env], Any]


class CelSyntaxError(ValueError):
    """The expression can't be parsed."""


class CelError(ValueError):
    """The expression has no value for this input."""


class Program:
    """A compiled expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._node = _Parser(text).parse()

    def evaluate(self, self_value: Any) -> Any:
        return self._node({"self": self_value})

    def holds(self, self_value: Any) -> bool:
        result = self.evaluate(self_value)
        if not isinstance(result, bool):
            raise CelError(f"{self.text!r} gave {result!r}; a rule gives true or false")
        return result


@cache
def compile_expression(text: str) -> Program:
    return Program(text)


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+\.\d+|\d+)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z_]\w*)
    | (?P<op>\|\||&&|[=!<>]=|[-+*/%!<>?:.,()\[\]])
    )""",
    re.VERBOSE,
)
_END = ("end", "")


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, stop = 0, len(text.rstrip())
    while position < stop:
        match = _TOKEN.match(text, position)
        if not match or match.lastgroup is None:
            raise CelSyntaxError(f"unexpected {text[position:].strip()[:10]!r} in {text!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return [*found, _END]


class _Parser:
    """Recursive descent, one method a precedence level, loosest first."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0

    def parse(self) -> Node:
        node = self.ternary()
        if self.tokens[self.at] != _END:
            raise CelSyntaxError(f"unexpected {self.tokens[self.at][1]!r} in {self.text!r}")
        return node

    def take(self, *wanted: str) -> str | None:
        kind, word = self.tokens[self.at]
        if word in wanted and kind in ("op", "name"):
            self.at += 1
            return word
        return None

    def expect(self, wanted: str) -> None:
        if self.take(wanted) is None:
            raise CelSyntaxError(f"expected {wanted!r} before {self.tokens[self.at][1]!r} in {self.text!r}")

    def identifier(self) -> str:
        kind, word = self.tokens[self.at]
        if kind != "name":
            raise CelSyntaxError(f"expected a name, found {word!r} in {self.text!r}")
        self.at += 1
        return word

    def ternary(self) -> Node:
        test = self.disjunction()
        if not self.take("?"):
            return test
        yes = self.disjunction()
        self.expect(":")
        no = self.ternary()
        return lambda env: yes(env) if test(env) else no(env)

    def disjunction(self) -> Node:
        return self.logical("||", self.conjunction, decided_by=True)

    def conjunction(self) -> Node:
        return self.logical("&&", self.relation, decided_by=False)

    def logical(self, operator: str, operand: Callable[[], Node], *, decided_by: bool) -> Node:
        left = operand()
        while self.take(operator):
            left = _logical(left, operand(), decided_by)
        return left

    def relation(self) -> Node:
        left = self.sum()
        while word := self.take("==", "!=", "<=", ">=", "<", ">", "in"):
            left = _binary(_OPERATORS[word], left, self.sum())
        return left

    def sum(self) -> Node:
        left = self.product()
        while word := self.take("+", "-"):
            left = _binary(_OPERATORS[word], left, self.product())
        return left

    def product(self) -> Node:
        left = self.unary()
        while word := self.take("*", "/", "%"):
            left = _binary(_OPERATORS[word], left, self.unary())
        return left

    def unary(self) -> Node:
        if self.take("!"):
            operand = self.unary()
            return lambda env: not operand(env)
        if self.take("-"):
            operand = self.unary()
            return lambda env: -operand(env)
        return self.member()

    def member(self) -> Node:
        node = self.primary()
        while True:
            if self.take("."):
                name = self.identifier()
                node = self.method(node, name) if self.take("(") else _Select(node, name)
            elif self.take("["):
                node = _binary(_index, node, self.ternary())
                self.expect("]")
            else:
                return node

    def method(self, target: Node, name: str) -> Node:
        if name in _MACROS:
            variable = self.identifier()
            self.expect(",")
            body = self.ternary()
            self.expect(")")
            return _comprehension(_MACROS[name], target, variable, body)
        return _call(name, [target, *self.arguments(")")])

    def arguments(self, closing: str) -> list[Node]:
        nodes: list[Node] = []
        while not self.take(closing):
            if nodes:
                self.expect(",")
            nodes.append(self.ternary())
        return nodes

    def primary(self) -> Node:
        kind, word = self.tokens[self.at]
        if kind == "op":
            return self.bracketed()
        self.at += 1
        if kind == "number":
            return _constant(float(word) if "." in word else int(word))
        if kind == "string":
            return _constant(re.sub(r"\\(.)", r"\1", word[1:-1]))
        if kind != "name":
            raise CelSyntaxError(f"{self.text!r} ends too early")
        if word in ("true", "false"):
            return _constant(word == "true")
        if self.take("("):
            return self.has() if word == "has" else _call(word, self.arguments(")"))
        return lambda env: env[word]

    def bracketed(self) -> Node:
        if self.take("("):
            node = self.ternary()
            self.expect(")")
            return node
        self.expect("[")
        items = self.arguments("]")
        return lambda env: [item(env) for item in items]

    def has(self) -> Node:
        selected = self.member()
        self.expect(")")
        if not isinstance(selected, _Select):
            raise CelSyntaxError(f"has() takes a field, such as has(self.name), in {self.text!r}")
        return lambda env: _get(selected.target(env), selected.name) is not None


def _constant(value: Any) -> Node:
    return lambda _env: value


def _logical(left: Node, right: Node, decided_by: bool) -> Node:
    """`&&` and `||` in CEL: an error on one side is forgiven when the other side decides."""

    def evaluate(env: Env) -> bool:
        try:
            if bool(left(env)) is decided_by:
                return decided_by
        except CelError:
            if bool(right(env)) is decided_by:
                return decided_by
            raise
        return bool(right(env))

    return evaluate


def _binary(operator: Callable[[Any, Any], Any], left: Node, right: Node) -> Node:
    return lambda env: operator(left(env), right(env))


def _get(value: Any, name: str) -> Any:
    """Of a mapping, or of an object that has `cel_get`. (A runtime protocol for that took half of a validation's time.)"""
    select = getattr(value, "cel_get", None)
    if select is not None:
        return select(name)
    if isinstance(value, Mapping):
        return value.get(name)
    raise CelError(f"no such field: {name}")


@dataclass(frozen=True)
class _Select:
    """`target.name`; a node that `has()` can look into."""

    target: Node
    name: str

    def __call__(self, env: Env) -> Any:
        value = _get(self.target(env), self.name)
        if value is None:
            raise CelError(f"no such key: {self.name}")
        return value


def _index(container: Any, key: Any) -> Any:
    try:
        return container[key]
    except (KeyError, IndexError) as error:
        raise CelError(f"no such key or index: {key!r}") from error


def _divide(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        if right == 0:
            raise CelError("divide by zero")
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def _modulo(left: int, right: int) -> int:
    return left - right * int(_divide(left, right))


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "in": lambda a, b: a in b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": _modulo,
}

_MACROS: dict[str, Callable[[Iterable[tuple[Any, Any]]], Any]] = {
    "all": lambda pairs: all(outcome for _, outcome in pairs),
    "exists": lambda pairs: any(outcome for _, outcome in pairs),
    "map": lambda pairs: [outcome for _, outcome in pairs],
    "filter": lambda pairs: [item for item, outcome in pairs if outcome],
}


def _comprehension(reduce: Callable[[Iterable[tuple[Any, Any]]], Any], target: Node, variable: str, body: Node) -> Node:
    return lambda env: reduce((item, body({**env, variable: item})) for item in target(env))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(f'"{item}"' if isinstance(item, str) else _text(item) for item in value) + "]"
    return str(value)


def _format(template: str, values: list[Any]) -> str:
    """`'%s of %s'.format([a, b])`; of CEL's verbs only %s is known here."""
    literals = re.split(r"(?<!%)((?:%%)*)%s", template)
    pieces = [first + second for first, second in zip(literals[::2], [*literals[1::2], ""], strict=True)]
    if len(pieces) != len(values) + 1:
        raise CelError(f"{template!r} has {len(pieces) - 1} places for {len(values)} values")
    texts = [*map(_text, values), ""]
    return "".join(piece.replace("%%", "%") + text for piece, text in zip(pieces, texts, strict=True))


def _integer(value: Any) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise CelError(f"{value!r} is no integer") from error


def _duration(text: str) -> float:
    try:
        return parse_duration_seconds(text)
    except ValueError as error:
        raise CelError(str(error)) from error


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """A last `$` is the end of the text, as in RE2; Python would let a newline follow."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "size": len,
    "int": _integer,
    "duration": _duration,
    "matches": lambda text, pattern: _pattern(pattern).search(text) is not None,
    "contains": lambda text, part: part in text,
    "findAll": lambda text, pattern: [match.group() for match in re.finditer(pattern, text)],
    "format": _format,
    "split": lambda text, separator: text.split(separator),
}


def _call(name: str, arguments: list[Node]) -> Node:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise CelSyntaxError(f"no such function: {name}; there are {', '.join(sorted(_FUNCTIONS))}")
    return lambda env: function(*(argument(env) for argument in arguments))
