"""The health view and its command: whom they answer, what they say, and how either ends while anything is red."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from recovery.reasons import Part
from recovery.sweep import sweep
from tests.admin.staff import staff
from tests.asking import browser
from tests.following import failing
from tests.living import dies_with_time, everything_lives, red

pytestmark = pytest.mark.django_db(transaction=True)

HEALTH = "/recovery/health/"
TOKEN = "a long and random word"


@pytest.fixture
def token(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "HEALTH_TOKEN": TOKEN}


def test_the_health_view_is_there_for_the_token_and_for_staff_with_the_right_alone(token: None) -> None:
    everything_lives()
    former = staff("recovery.view_heartbeat", is_staff=False)
    for client in (browser(), staff("recovery.view_email"), former):
        assert client.get(HEALTH).status_code == 404
    for wrong in ("Bearer", "Bearer ", "Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer é"):
        assert browser(HTTP_AUTHORIZATION=wrong).get(HEALTH).status_code == 404
    for client in (browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}"), staff("recovery.view_heartbeat")):
        answer = client.get(HEALTH)
        assert answer.status_code == 200
        assert "no-store" in answer.headers["Cache-Control"]
        told = answer.json()
        assert (told["healthy"], told["level"], told["waiting"], told["oldest_seconds"]) == (True, "all", 0, 0)
        seen = {part["part"] for part in told["parts"]}
        assert seen == set(Part) - {Part.WEBHOOK, Part.ECHO}  # this site has none, and no doctor asks


def test_a_monitor_needs_no_sign_in_where_all_other_pages_do(token: None, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    sweep()
    assert browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}").get(HEALTH).status_code == 200
    assert browser().get(HEALTH).status_code == 404


def test_no_transaction_is_begun_for_it_so_that_a_dead_database_is_told(
    token: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    inside: list[bool] = []

    def look(execute: Any, *args: Any) -> Any:
        inside.append(connection.in_atomic_block)
        return execute(*args)

    with connection.execute_wrapper(look):
        browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}").get(HEALTH)
    assert set(inside) == {False}


@pytest.mark.parametrize("given", [None, ""])
def test_without_a_token_in_the_settings_no_header_opens_it(settings: Any, given: str | None) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "HEALTH_TOKEN": given}
    for header in ("Bearer ", "Bearer None", ""):
        assert browser(HTTP_AUTHORIZATION=header).get(HEALTH).status_code == 404


def test_the_health_view_answers_503_while_anything_is_red_and_only_reads(token: None) -> None:
    monitor = browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
    assert monitor.get(HEALTH).status_code == 503
    assert monitor.head(HEALTH).status_code == 503
    assert monitor.post(HEALTH).status_code == 405
    with failing("recovery_", OperationalError("gone")):
        assert monitor.get(HEALTH).status_code == 503
    sweep()
    assert monitor.get(HEALTH).status_code == 200


def command(*arguments: str) -> tuple[int, str]:
    told = io.StringIO()
    try:
        call_command("recovery_health", *arguments, stdout=told, no_color=True)
    except SystemExit as end:
        return int(str(end.code)), told.getvalue()
    return 0, told.getvalue()


def test_the_command_says_the_same_and_ends_with_1_while_anything_is_red() -> None:
    code, told = command()
    assert (code, "red   sweep: nothing has ever run" in told) == (1, True)
    code, told = command("--json")
    assert (code, json.loads(told)["healthy"]) == (1, False)
    everything_lives()
    code, told = command()
    assert (code, "red" in told) == (0, False)
    assert "green worker celery@one: last sign of life" in told
    assert "0 waiting, level all" in told
    code, told = command("--json")
    assert (code, json.loads(told)["healthy"]) == (0, True)


def test_a_part_that_was_given_up_can_be_forgotten() -> None:
    everything_lives()
    dies_with_time()
    sweep()
    assert red() == {("beat", ""), ("worker", "celery@one")}
    assert command("--forget", "beat")[0] == 0
    assert command("--forget", "worker:celery@one")[0] == 0
    assert red() == set()
    for nobody in ("beat", "worker:celery@nine", "nonsense"):
        with pytest.raises(CommandError, match="no sign of life"):
            command("--forget", nobody)
