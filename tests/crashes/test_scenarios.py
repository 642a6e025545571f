"""A site under load whose database crashes, whose database is one file, whose provider misbehaves; each in a process of
its own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from example_project.servers import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("django_db_setup")]
OURS = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "RECOVERY_BASE_URL", "SECRET_KEY")


def came_of(scenario: str, database: str, **options: Any) -> dict[str, Any]:
    driven = subprocess.run(
        [sys.executable, "-m", "tests.crashes.driver", scenario, database, *(f"{k}={v}" for k, v in options.items())],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in OURS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert driven.returncode == 0, driven.stderr
    return dict(json.loads(driven.stdout.splitlines()[-1]))


@pytest.mark.postgresql
@pytest.mark.attack(86)
def test_a_database_that_crashes_under_load_loses_no_mail_and_its_workers_come_back() -> None:
    found = came_of("database_crashes", "postgresql", crashes=2)
    assert (found["lost"], found["doubled"], found["workers_killed"]) == (0, 0, 0), found
    assert found["times_away"] >= 2, "somebody noticed"
    assert found["arrived"] >= found["queued"] > 0


@pytest.mark.sqlite
@pytest.mark.attack(87)
def test_twenty_people_who_ask_at_once_on_one_file_are_all_answered_and_mailed() -> None:
    found = came_of("contention", "sqlite", writers=20, seconds=8)
    assert (found["not_302"], found["locked_in_logs"], found["lost"], found["doubled"]) == (0, 0, 0, 0), found
    assert found["asked"] == found["requests"] == found["sent"] == found["arrived"] > 20


@pytest.mark.attack(102)
def test_after_random_faults_the_outbox_the_events_and_the_ledger_agree() -> None:
    """The provider can be asked. Nobody reports what became of the mail: all of it is listed as silent."""
    database = "postgresql" if "postgresql" in settings.DATABASES["default"]["ENGINE"] else "sqlite"
    found = came_of("soak", database, kind="askable", seconds=8)
    assert found["faults"] >= 3
    assert found["queued"] == found["arrived"] == found["sent_but_silent"] > 0, found
    told = (
        "lost",
        "doubled",
        "handed_over_and_not_arrived",
        "arrived_and_not_handed_over",
        "handed_over_without_event",
    )
    assert not any(found[name] for name in told), found
