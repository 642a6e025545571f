"""What is written for people who run the app says what the code does: words, commands, signals, demo, examples."""

import inspect
import io
import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.db.models import TextChoices
from django.dispatch import Signal

from example_project.demo.callers import CALLERS
from example_project.demo.plan import SITE_PORT, Plan
from example_project.management.commands.demo import Command as Demo
from recovery import reasons, signals, webhooks
from recovery.conf import DEFAULTS, Conf
from recovery.contrib import prometheus
from recovery.contrib.prometheus.readings import METRICS
from tests.monitoring.test_prometheus import BOUND

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
VOCABULARIES = {
    name: words
    for name, words in vars(reasons).items()
    if inspect.isclass(words) and issubclass(words, TextChoices) and words is not TextChoices
}
COMMANDS = sorted(name for name, app in get_commands().items() if app == "recovery")
SIGNALS = {name: signal for name, signal in vars(signals).items() if isinstance(signal, Signal)}


def rows_under(text: str, heading: str) -> dict[str, str]:
    """First and second column of the table below a heading."""
    section = re.split(r"^#+ ", text.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|", section, re.MULTILINE))


def test_the_words_in_the_documentation_are_those_of_the_code_and_no_other() -> None:
    text = (DOCS / "reasons.md").read_text()
    assert sorted(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == sorted(VOCABULARIES)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_word_is_documented_with_its_meaning(name: str) -> None:
    text = (DOCS / "reasons.md").read_text()
    words = VOCABULARIES[name]
    assert rows_under(text, name) == {str(value): str(label) for value, label in words.choices}
    assert inspect.cleandoc(words.__doc__ or "").split(". ")[0].split("\n")[0].rstrip(".") in text


def test_what_a_person_may_be_told_of_a_dead_link_is_documented() -> None:
    told = (DOCS / "templates.md").read_text()
    [listed] = re.findall(r"`reason` \((.*?)\)", told)
    assert set(listed.split(", ")) == {*reasons.SHOWN_REFUSALS, "forgotten", "invalid"}


def test_every_command_is_documented_with_all_its_options() -> None:
    text = (DOCS / "commands.md").read_text()
    assert COMMANDS
    for name in COMMANDS:
        [row] = re.findall(rf"^\| `{name}` \| .* \| (.*) \|$", text, re.MULTILINE)
        parser = ArgumentParser(add_help=False)
        load_command_class("recovery", name).add_arguments(parser)
        options = {option for action in parser._actions for option in action.option_strings}
        assert set(re.findall(r"--[\w-]+", row)) == options, name
    assert set(re.findall(r"^\| `(recovery_\w+)`", text, re.MULTILINE)) == set(COMMANDS)


def test_every_signal_is_documented_and_no_other() -> None:
    assert set(rows_under((DOCS / "signals.md").read_text(), "Signals")) == set(SIGNALS)
    for name in SIGNALS:
        assert f"``{name}``" in (signals.__doc__ or ""), name


def test_the_callers_of_the_readme_are_those_that_the_demo_prints() -> None:
    demo = Demo(stdout=io.StringIO())
    demo.welcome(Plan("", SITE_PORT, 0, 8025, 0, None, True), [(caller, "") for caller in CALLERS])
    printed = demo.stdout._out.getvalue()  # type: ignore[attr-defined]
    calls = printed[printed.index("Five people call") : printed.index("\nTo forget")]
    assert len(CALLERS) == 5
    assert re.sub(r"\n +(?=\n)", "", calls) in README


def test_the_examples_name_nothing_that_they_do_not_import() -> None:
    """Blocks that stand on their own; the wiring of step 3 is what people copy."""
    [wiring] = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "auth_urls" in block]
    lines = [line.removeprefix("   ") for line in wiring.splitlines()]
    found: dict[str, list[object]] = {"urlpatterns": []}
    exec("\n".join(lines), found)
    assert len(found["urlpatterns"]) == 3


def test_every_right_beyond_viewing_is_documented_and_no_other() -> None:
    own = {
        codename for model in apps.get_app_config("recovery").get_models() for codename, _ in model._meta.permissions
    }
    section = README.split("these rights, which give nothing")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `recovery\.(\w+)` \|", section, re.MULTILINE)) == own | {
        "view_heartbeat",
        "view_rollup",
    }


def test_every_picture_and_page_that_the_readme_shows_is_there() -> None:
    shown = re.findall(r"\]\((docs/[\w./]+)\)", README)
    assert {"docs/images/retried_mail.png", "docs/images/route_off.png", "docs/images/level_none.png"} <= set(shown)
    assert [path for path in shown if not (ROOT / path).is_file()] == []


def test_what_happens_without_a_broker_is_said_plainly() -> None:
    section = README.split("## Worker and beat")[1].split("\n## ")[0]
    assert "recovery_sweep --loop" in section
    for word in ("broker is down", "`SEND_BY`", "`expired`"):
        assert word in section, word


def test_every_metric_and_every_example_rule_is_documented_and_no_other() -> None:
    text = (DOCS / "monitoring.md").read_text()
    metrics = re.findall(r"^\| `(recovery_\w+)` \| (.*?) ?\| (.*) \|$", text, re.MULTILINE)
    assert {name: (said, tuple(re.findall(r"`(\w+)`", labels))) for name, labels, said in metrics} == METRICS
    [group] = yaml.safe_load((Path(prometheus.__file__).parent / "alerts.yml").read_text())["groups"]
    rules = re.findall(r"^\| `(Recovery\w+)` \| (\w+), after (\w+) \| (.*) \|$", text, re.MULTILINE)
    assert rules == [
        (rule["alert"], rule["labels"]["severity"], rule["for"], rule["annotations"]["description"])
        for rule in group["rules"]
    ]
    assert f"at most {BOUND} statements" in text


def test_the_settings_table_says_what_the_code_says() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| .* \| (.*) \|$", README, re.MULTILINE))
    assert set(rows) == set(DEFAULTS)
    for name, sentence in rows.items():
        assert sentence == " ".join((getattr(Conf, name).__doc__ or "").split()), name


def test_the_webhook_table_names_every_provider_and_its_secret(settings: Any) -> None:
    settings.ANYMAIL = {}
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (.*?) \|", README, re.MULTILINE))
    assert set(rows) == set(webhooks.PROVIDERS)
    for esp, told in rows.items():
        missing = webhooks.missing_secret(esp)
        assert missing
        assert f"`{missing}`" in told, esp
