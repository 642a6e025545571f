"""The examples of docs/cases.md are entries that the system check takes: one of each target, and a site's own."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.checks import run_checks

from recovery.models import CaseTelling
from recovery.reasons import TellingState
from tests.factories import UserFactory
from tests.ladder import asks, fails
from tests.targets.stand_ins import SECRET, StandIn, Webhook

TEXT = (Path(__file__).parents[2] / "docs" / "cases.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
NAMES = {"email", "webhook", "zendesk", "salesforce", "apprise", "admin"}


@pytest.fixture
def pager() -> Iterator[None]:
    """The module of a site's own, as the page has it."""
    [source] = [block for block in BLOCKS if "def send" in block]
    package, module = ModuleType("mysite"), ModuleType("mysite.pager")
    exec(source, vars(module))
    sys.modules |= {"mysite": package, "mysite.pager": module}
    yield
    for name in ("mysite", "mysite.pager"):
        del sys.modules[name]


def entries() -> list[dict[str, Any]]:
    known = {"env": lambda name: SECRET}
    texts = [text for block in BLOCKS if block.startswith("{") for text in re.split(r"\n(?=\{)", block.strip())]
    return [eval(text, known) for text in texts]


@pytest.mark.django_db(databases="__all__")  # Django's own checks ask each of them
def test_each_target_has_an_example_that_is_right(pager: None, settings: Any) -> None:
    given = entries()
    assert {entry["TARGET"].rpartition(".")[2] for entry in given} == NAMES | {"pager"}
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": given}
    assert [str(found) for found in run_checks() if found.id == "recovery.E011"] == []


@pytest.mark.django_db(transaction=True)
def test_a_target_of_a_sites_own_is_told(pager: None, settings: Any) -> None:
    with Anything.running() as (server, url):
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [{"TARGET": "mysite.pager", "URL": url}]}
        fails(asks(UserFactory.create()))
        assert len(server.taken) == 1
        assert CaseTelling.objects.get().stage == TellingState.TOLD


def test_the_body_of_the_webhook_has_the_fields_of_the_example() -> None:
    [example] = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    told = set(re.findall(r'"(\w+)":', example)) - {"type", "timestamp", "data"}
    assert told == Webhook.facts


class Anything(StandIn):
    """Takes what it is given."""

    def take(self, body: bytes) -> tuple[int, Any, dict[str, str]]:
        self.taken.append({"body": body})
        return 200, {}, {}
