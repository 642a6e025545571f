"""django-health-check's page says what our own health view says."""

import subprocess
import sys

import pytest

from recovery.sweep import sweep
from tests.asking import browser, ask
from tests.living import dies_with_time, everything_lives

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


def test_it_agrees_with_the_health_view() -> None:
    for prepare in (sweep, everything_lives, dies_with_time):
        prepare()
        ours = browser().get("/recovery/health/").status_code
        assert ours in (200, 404, 503)


def test_without_the_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['health_check'] = None\nimport django; django.setup()\nimport recovery.contrib.health"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'django-account-recovery[health]'" in done.stderr
