"""django-health-check's page says what our own health view says."""

import subprocess
import sys
from typing import Any

import pytest
from django.utils import timezone

from tests.asking import ask, browser
from tests.living import dies_with_time, everything_lives
from tests.past import Mail, case
from tests.rolled import whole

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.monitoring.urls")]

STATUS = "/status/?format=json"


def test_it_is_well_while_everything_lives() -> None:
    everything_lives()
    answer = browser().get(STATUS)
    assert (answer.status_code, answer.json()) == (200, {"Recovery()": "OK"})


def test_it_names_what_is_red_and_nobody() -> None:
    everything_lives()
    ask(browser(), "amelie@private.example")
    dies_with_time()
    answer = browser().get(STATUS)
    assert answer.status_code == 500
    told = answer.json()["Recovery()"]
    assert told.startswith("Unavailable: ")
    assert "worker:celery@one" in told
    assert "part_silent" in told
    assert "amelie" not in answer.content.decode()


def test_it_agrees_with_the_health_view_on_what_turns_it_red(settings: Any) -> None:
    """A flood of strangers is told and turns nothing red, here as there."""
    token = "a long and random word"
    settings.RECOVERY = {**settings.RECOVERY, "HEALTH_TOKEN": token, "ALARM_LIMITS": {"open_cases": 1}}
    monitor = browser(HTTP_AUTHORIZATION=f"Bearer {token}")
    everything_lives()
    for _ in range(2):
        case(Mail(at=timezone.now()).write())
    whole()
    told = monitor.get("/recovery/health/")
    assert [alarm["alarm"] for alarm in told.json()["alarms"]] == ["cases_piled"]
    assert (told.status_code, monitor.get(STATUS).status_code) == (200, 200)
    dies_with_time()
    assert (monitor.get("/recovery/health/").status_code, monitor.get(STATUS).status_code) == (503, 500)


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['health_check'] = None\nimport django; django.setup()\nimport recovery.contrib.health"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'django-account-recovery[health]'" in done.stderr
