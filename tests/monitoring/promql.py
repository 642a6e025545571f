"""
As much of PromQL as the example rules and the board use, evaluated over sample series: selectors, numbers, arithmetic,
comparisons that filter, ``and``, ``sum by``, ``min``, ``absent``. What it does not know, it refuses.

``promtool test rules tests/monitoring/alerts_test.yml`` is the real thing, where that is installed.
"""

import operator
import re
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Series = dict[str, Vector]
"""The samples of one moment, by metric."""

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[a-zA-Z_]\w*)|(?P<text>\"[^\"]*\")|(?P<sign>[=!<>]=|[=!]~|[-+*/(){},=<>]))"
)
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le,
}  # fmt: skip
COUNT: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
MATCH: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "=~": lambda value, pattern: re.fullmatch(pattern, value) is not None,
    "!~": lambda value, pattern: re.fullmatch(pattern, value) is None,
}


def labelled(labels: Iterable[tuple[str, str]]) -> Labels:
    """An empty label is none."""
    return frozenset((name, value) for name, value in labels if value)


def evaluated(text: str, series: Series) -> Vector | float:
    """What an expression gives at this moment."""
    reader = _Reader(text, series)
    found = reader.both()
    assert reader.next is None, f"{reader.next!r} in {text}"
    return found


class _Reader:
    """Reads and evaluates at once, each method one floor of precedence, the loosest first."""

    def __init__(self, text: str, series: Series) -> None:
        self.tokens, at = [], 0
        while at < len(text.rstrip()):
            found = TOKEN.match(text, at)
            assert found, f"{text[at:]!r} in {text}"
            self.tokens.append(found[0].strip())
            at = found.end()
        self.series = series

    @property
    def next(self) -> str | None:
        return self.tokens[0] if self.tokens else None

    def take(self, wanted: str = "") -> str:
        token = self.tokens.pop(0)
        assert wanted in ("", token), f"{token!r} instead of {wanted!r}"
        return token

    def both(self) -> Vector | float:
        found = self.compared()
        while self.next == "and":
            self.take()
            other = self.compared()
            assert isinstance(found, dict)
            assert isinstance(other, dict)
            found = {labels: value for labels, value in found.items() if labels in other}
        return found

    def compared(self) -> Vector | float:
        found = self.counted(("+", "-"), lambda: self.counted(("*", "/"), self.one))
        if self.next not in COMPARE:
            return found
        holds, other = COMPARE[self.take()], self.counted(("+", "-"), lambda: self.counted(("*", "/"), self.one))
        assert isinstance(found, dict)
        if isinstance(other, dict):
            return {each: value for each, value in found.items() if each in other and holds(value, other[each])}
        return {each: value for each, value in found.items() if holds(value, other)}

    def counted(self, signs: tuple[str, ...], part: Callable[[], Vector | float]) -> Vector | float:
        found = part()
        while self.next in signs:
            found = self._joined(COUNT[self.take()], found, part())
        return found

    @staticmethod
    def _joined(count: Callable[[float, float], float], one: Vector | float, other: Vector | float) -> Vector | float:
        if isinstance(one, dict) and isinstance(other, dict):
            return {each: count(value, other[each]) for each, value in one.items() if each in other}
        if isinstance(one, dict):
            return {each: count(value, other) for each, value in one.items()}  # type: ignore[arg-type]
        if isinstance(other, dict):
            return {each: count(one, value) for each, value in other.items()}
        return count(one, other)

    def one(self) -> Vector | float:
        token = self.take()
        if token[0].isdigit():
            return float(token)
        if token == "(":
            found = self.both()
            self.take(")")
            return found
        if token == "absent":
            return {} if self._inside() else {frozenset(): 1.0}
        if token in ("sum", "min"):
            return self._aggregated(sum if token == "sum" else min)
        return self._selected(token)

    def _inside(self) -> Vector:
        self.take("(")
        found = self.both()
        self.take(")")
        assert isinstance(found, dict)
        return found

    def _aggregated(self, whole: Callable[[list[float]], float]) -> Vector:
        kept: list[str] = []
        if self.next == "by":
            self.take()
            self.take("(")
            while (token := self.take()) != ")":
                kept += [token] if token != "," else []
        groups: dict[Labels, list[float]] = {}
        for labels, value in self._inside().items():
            groups.setdefault(labelled(pair for pair in labels if pair[0] in kept), []).append(value)
        return {labels: whole(values) for labels, values in groups.items()}

    def _selected(self, metric: str) -> Vector:
        conditions: list[tuple[str, Callable[[str, str], bool], str]] = []
        if self.next == "{":
            self.take()
            while (token := self.take()) != "}":
                if token != ",":
                    conditions.append((token, MATCH[self.take()], self.take().strip('"')))
        return {
            labels: value
            for labels, value in self.series.get(metric, {}).items()
            if all(holds(dict(labels).get(name, ""), wanted) for name, holds, wanted in conditions)
        }


def named(text: str) -> dict[str, set[str]]:
    """The metrics that an expression names, each with the labels that it asks of it; grouping asks of all of them."""
    grouped = {label.strip() for each in re.findall(r"\bby\s*\(([^)]*)\)", text) for label in each.split(",")}
    found = re.findall(r"\b(recovery_\w+)(?:\{([^}]*)\})?", text)
    return {
        metric: {
            *grouped,
            *re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", "".join(chain(*(b for a, b in found if a == metric)))),
        }
        for metric, _ in found
    }


def samples_of(told: Any) -> Series:
    """What a scrape gave, parsed by prometheus-client, as one moment."""
    found: Series = {}
    for family in told:
        for sample in family.samples:
            found.setdefault(sample.name, {})[labelled(sample.labels.items())] = sample.value
    return found
