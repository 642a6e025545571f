"""The example rules fire on sample series, at their moment and not before, and the board shows what there is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import recovery
from recovery.contrib.prometheus.readings import METRICS
from recovery.reasons import MOMENTS, Alarm, Figure, MailLevel
from tests.monitoring.promql import Labels, Series, evaluated, labelled, named

HERE = Path(__file__).parent
EXAMPLES = Path(recovery.__file__).parent / "contrib" / "prometheus"
[GROUP] = yaml.safe_load((EXAMPLES / "alerts.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
STORIES: list[dict[str, Any]] = yaml.safe_load((HERE / "alerts_test.yml").read_text())["tests"]
PANELS: list[dict[str, Any]] = json.loads((EXAMPLES / "grafana.json").read_text())["panels"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [each["expr"] for panel in PANELS for each in panel["targets"]]
WORDS = {
    "alarm": [*map(str, set(Alarm) - MOMENTS)],
    "fate": Figure.values,
    "level": MailLevel.values,
    "window": ["1h", "24h"],
}


def minutes(text: str) -> int:
    [(number, unit)] = re.findall(r"^(\d+)([mh])$", text)
    return int(number) * {"m": 1, "h": 60}[unit]


def values(text: str) -> Iterator[float]:
    """``1x3 0x2``: four times 1, three times 0; a moment each."""
    for value, times in re.findall(r"(\d+)x(\d+)", text):
        yield from [float(value)] * (int(times) + 1)


def moments(story: dict[str, Any], last: int) -> list[Series]:
    """What each minute of a story finds, up to the last."""
    found: list[Series] = [{} for _ in range(last + 1)]
    for each in story["input_series"]:
        [(metric, inside)] = re.findall(r"^(\w+)(?:\{(.*)\})?$", each["series"])
        labels = labelled(re.findall(r'(\w+)="([^"]*)"', inside))
        for moment, value in zip(found, values(each["values"]), strict=False):
            moment.setdefault(metric, {})[labels] = value
    return found


def firing(rule: dict[str, Any], story: list[Series]) -> set[Labels]:
    """Labels of the alerts of a rule that fire in the last minute: true in each of the minutes that it waits."""
    since: dict[Labels, int] = {}
    for minute, series in enumerate(story):
        found = evaluated(rule["expr"], series)
        assert isinstance(found, dict)
        since = {labels: since.get(labels, minute) for labels in found}
    more = {**rule["labels"], "alertname": rule["alert"], "alertstate": "firing"}
    return {
        labelled({**dict(labels), **more}.items())
        for labels, begun in since.items()
        if len(story) - 1 - begun >= minutes(rule["for"])
    }


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["name"])
def test_the_rules_fire_when_they_should_and_not_a_minute_before(story: dict[str, Any]) -> None:
    for asked in story["promql_expr_test"]:
        name = re.findall(r'alertname="(\w+)"', asked["expr"])
        seen = moments(story, minutes(asked["eval_time"]))
        fire: set[Labels] = set().union(*(firing(rule, seen) for rule in RULES if not name or [rule["alert"]] == name))
        wanted = {labelled(re.findall(r'(\w+)="([^"]*)"', sample["labels"])) for sample in asked["exp_samples"]}
        assert fire == wanted, asked


def test_every_rule_is_seen_to_fire_and_to_be_silent_and_says_what_to_do() -> None:
    asked = [each for story in STORIES for each in story["promql_expr_test"]]
    fired = {rule for each in asked if each["exp_samples"] for rule in re.findall(r'alertname="(\w+)"', each["expr"])}
    assert fired == {rule["alert"] for rule in RULES}
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "description"}, rule
        assert rule["labels"]["severity"] in ("critical", "warning"), rule


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_rules_and_board_name_metrics_labels_and_words_that_there_are(expression: str) -> None:
    evaluated(expression, {})  # it is an expression
    found = named(expression)
    assert found
    for metric, labels in found.items():
        assert labels <= set(METRICS[metric][1]), metric
    for label, wanted in re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', expression):
        assert set(wanted.split("|")) <= set(WORDS[label]), label


def test_the_board_has_a_place_and_a_source_for_each_panel() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS) > 10
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
        assert all(each["datasource"]["uid"] == "${datasource}" for each in (panel, *panel["targets"]))
        for each in panel["targets"]:
            labels = {label for metric in named(each["expr"]) for label in METRICS[metric][1]}
            assert set(re.findall(r"\{\{(\w+)\}\}", each["legendFormat"])) <= labels, panel["title"]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("a > 1", {"x": 2.0}),
        ('a{k="y"}', {"y": 1.0}),
        ('a{k!~"x|z"}', {"y": 1.0}),
        ("a / b", {"x": 0.5, "y": 1.0}),
        ("a == b", {"y": 1.0}),
        ("(a + b) * 2", {"x": 12.0, "y": 4.0}),
        ("sum(a)", {"": 3.0}),
        ("min(a)", {"": 1.0}),
        ("sum by (k) (b) > 1 and a > 0", {"x": 4.0}),
        ("a > 0.5 * b", {"y": 1.0}),
        ("absent(a)", {}),
        ("absent(c)", {"": 1.0}),
    ],
)
def test_the_evaluator_counts_as_prometheus_does(expression: str, wanted: dict[str, float]) -> None:
    x, y = labelled([("k", "x")]), labelled([("k", "y")])
    series: Series = {"a": {x: 2.0, y: 1.0}, "b": {x: 4.0, y: 1.0}}
    assert evaluated(expression, series) == {labelled([("k", key)]): value for key, value in wanted.items()}
