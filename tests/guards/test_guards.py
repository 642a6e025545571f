"""Each guard of the engine has a test that turns red without it; those tests run here once more, without."""

import os
import re
import subprocess
import sys

import pytest

from example_project.servers import ROOT
from tests.guards.without import GUARDS

pytestmark = pytest.mark.slow

TESTS = {
    "lease": "tests/test_delivery.py::test_a_mail_that_another_worker_holds_is_left_alone_until_its_lease_runs_out",
    "second_check": "tests/test_delivery_reasons.py::test_what_happens_between_queue_and_sending_stops_the_mail",
    "attempt_count": "tests/crashes/test_endings.py::test_a_mail_over_which_every_worker_dies_is_set_aside",
    "commit_before_send": "tests/crashes/test_endings.py::test_what_is_being_sent_is_seen_to_be_held_by_everybody",
    "breaker": "tests/attacks/test_outages.py::test_a_wrong_key_keeps_the_queue_and_rings_once",
}


WITHOUT = ("cacheprovider", "xdist", "schemathesis", "hypothesispytest", "faker")
"""Plugins that these few tests do nothing with, and that take longer to load than the tests to run."""


def ending(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As ``pytest`` with these arguments, on SQLite, whichever process of ours asks; it starts no broker."""
    ours = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "TESTS_CLAIMED_BY")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"-pno:{name}" for name in WITHOUT), *arguments],
        cwd=ROOT,
        env={**ours, "PYTEST_XDIST_WORKER": "sqlite"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("guard", GUARDS)
def test_without_the_guard_its_test_turns_red(guard: str) -> None:
    """That it is green with the guard, the session itself shows."""
    ended = ending(TESTS[guard], f"--without={guard}")
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, ended.stdout + ended.stderr
    assert re.search(rf"^FAILED {re.escape(TESTS[guard])}", ended.stdout, re.MULTILINE), ended.stdout
    assert not re.search(r"^ERROR tests/", ended.stdout, re.MULTILINE), ended.stdout


def test_a_guard_that_does_not_exist_cannot_be_left_out() -> None:
    assert ending("--collect-only", "tests/guards", "--without=luck").returncode == pytest.ExitCode.USAGE_ERROR
