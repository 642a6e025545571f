"""Django's own tests of password reset on this app: what passes, and exactly what does not."""

import json
import re
import subprocess
import sys
from pathlib import Path

import django
import pytest

from tests.django_own.losses import LOSSES
from tests.django_own.source import NotFetched, fetched_tests

ROOT = Path(__file__).resolve().parents[2]
TOLD = (ROOT / "docs" / "django_views.md").read_text()
BY_CHANCE = "test_views.PasswordResetTest.test_confirm_invalid_hash"
"""It cuts the link at its last hyphen, and only some of our secrets have one."""
COUNTED = (5, 2)
"""The version of Django whose tests are counted; with another, what fails must still be a known loss."""


@pytest.fixture(scope="module")
def ends(pytestconfig: pytest.Config) -> dict[str, str]:
    """Each of Django's tests, and what became of it."""
    try:
        tests = fetched_tests(Path(pytestconfig.cache.mkdir("django_own")))  # type: ignore[union-attr]
    except NotFetched as error:
        pytest.skip(str(error))
    command = [sys.executable, "-m", "tests.django_own.running", str(tests)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, str] = json.loads(done.stdout)
    said.pop(BY_CHANCE)
    return said


@pytest.mark.django_source
def test_django_s_own_tests_hold_but_for_the_losses_that_are_known(ends: dict[str, str]) -> None:
    lost = {name: end for name, end in ends.items() if end != "passed"}
    assert sorted(lost) == sorted(LOSSES.keys() & ends.keys())
    assert {name: end for name, end in lost.items() if LOSSES[name] not in end} == {}


@pytest.mark.django_source
@pytest.mark.skipif(django.VERSION[:2] != COUNTED, reason="Counted with Django 5.2.")
def test_the_count_in_the_documentation_is_what_was_counted(ends: dict[str, str]) -> None:
    assert LOSSES.keys() <= ends.keys()
    [(passed, counted)] = re.findall(r"(\d+) of (\d+) hold", TOLD)
    assert (int(passed), int(counted)) == (len(ends) - len(LOSSES), len(ends))


def test_each_loss_is_explained_by_its_name_and_nothing_else_is() -> None:
    section = TOLD.split("## Django's own tests")[1]
    named = re.findall(r"`(\w+\.test_\w+)`", section)
    assert sorted(named) == sorted(name.partition(".")[2] for name in [*LOSSES, BY_CHANCE])
