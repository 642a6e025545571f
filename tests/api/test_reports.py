"""Whatever fails in a call, Django's report of it holds neither the link's secret nor the password (case 19)."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core.signals import got_request_exception

from tests.api.calling import complete, look, mailed_token, program
from tests.asking import NEW_PASSWORD
from tests.attacks.test_reports import breach_list_down, no_hasher, report
from tests.factories import UserFactory
from tests.following import failing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(19, 108)]


@pytest.fixture
def reports() -> Iterator[list[str]]:
    made: list[str] = []

    def write(sender: Any, request: Any, **rest: Any) -> None:
        made.append(report(request, sys.exc_info()))

    got_request_exception.connect(write)
    yield made
    got_request_exception.disconnect(write)


@pytest.fixture
def bare_reports() -> Iterator[list[str]]:
    """Those of a reporter that heeds no ``sensitive_variables``: the variables of each frame, as they print."""
    made: list[str] = []

    def write(sender: Any, **rest: Any) -> None:
        error: Any = sys.exc_info()[1]
        made.append("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))

    got_request_exception.connect(write)
    yield made
    got_request_exception.disconnect(write)


FAILS: dict[str, tuple[Callable[[], AbstractContextManager[Any]], Any]] = {
    "look, database": (lambda: failing("recovery_resettoken"), look),
    "look, trail": (lambda: failing("INSERT INTO .recovery_auditevent"), look),
    "complete, database": (lambda: failing("recovery_resettoken"), complete),
    "complete, validator": (breach_list_down, complete),
    "complete, hasher": (no_hasher, complete),
    "complete, trail": (lambda: failing("INSERT INTO .recovery_auditevent"), complete),
}


def failed(fails: str) -> str:
    """Somebody calls while this fails; the secret of their link."""
    broken, knock = FAILS[fails]
    token = mailed_token(UserFactory.create())
    client = program()
    client.raise_request_exception = False
    with broken():
        assert knock(client, token).status_code == 500
    return token.rstrip("/").split("/")[1]


@pytest.mark.parametrize("fails", FAILS)
def test_a_report_holds_neither_secret_nor_password(fails: str, reports: list[str]) -> None:
    secret = failed(fails)
    [told] = reports
    assert secret not in told
    assert NEW_PASSWORD not in told


def test_what_was_sent_is_masked_also_where_a_reporter_prints_whatever_it_meets(bare_reports: list[str]) -> None:
    """In our own frames: those of Django's in which the password is later, nobody can mask."""
    secret = failed("complete, database")
    [told] = bare_reports
    assert "said = {[what was sent]}" in told
    assert secret not in told
    assert NEW_PASSWORD not in told
