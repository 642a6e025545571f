"""Writing down that somebody asked: one commit, whatever happens around it."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from recovery import intake, limits
from recovery.exceptions import Misconfigured
from recovery.models import AuditEvent, LimitCounter, ResetRequest
from recovery.origin import Origin
from recovery.reasons import Action, Kind, Outcome
from tests.asking import statements, work
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

HERE = Origin(ip="192.0.2.7", user_agent="Firefox", language="de")


def test_an_ask_is_one_request_one_row_of_the_trail_and_two_counters() -> None:
    request = intake.ask("ada@example.com", origin=HERE, next_url="/loans/")
    row = ResetRequest.objects.get()
    assert row.pk == request.pk
    assert (row.identifier, row.ip, row.user_agent, row.language) == ("ada@example.com", "192.0.2.7", "Firefox", "de")
    assert (row.kind, row.outcome, row.next_url, row.audience) == (Kind.FORGOT, Outcome.RECEIVED, "/loans/", "default")
    event = AuditEvent.objects.get()
    assert (event.action, event.request_id, event.reference) == (Action.REQUESTED, row.pk, row.reference)
    assert event.occurred_at == row.requested_at
    keys = {limits.counter_key("address", "ada@example.com"), limits.counter_key("source", "192.0.2.7")}
    assert set(LimitCounter.objects.values_list("pk", "count")) == {(key, 1) for key in keys}


def test_neither_trail_nor_counters_hold_what_was_typed_or_where() -> None:
    intake.ask("ruth@example.com", origin=HERE)  # no word of hexadecimal digits, which keys are made of
    [event], counters = AuditEvent.objects.values(), list(LimitCounter.objects.values())
    for typed in ("ruth", "192.0.2", "Firefox"):
        assert typed not in repr(event) + repr(counters)


def test_a_refused_limit_is_written_down_and_never_decided() -> None:
    user = UserFactory.create()
    requests = [intake.ask(user.email, origin=HERE) for _ in range(6)]
    assert [request.outcome for request in requests] == [Outcome.RECEIVED] * 5 + [Outcome.THROTTLED]
    assert AuditEvent.objects.filter(action=Action.REQUESTED, detail__outcome=Outcome.THROTTLED).count() == 1
    work()
    throttled = ResetRequest.objects.get(pk=requests[-1].pk)
    assert throttled.outcome == Outcome.THROTTLED
    assert throttled.decided_at == throttled.requested_at
    assert not throttled.decisions.exists()


def test_an_ask_is_refused_inside_a_transaction_that_could_take_it_back() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        intake.ask("ada@example.com", origin=HERE)
    assert not ResetRequest.objects.exists()


def test_a_reference_that_is_taken_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([1, 1, 1, 2])
    monkeypatch.setattr("secrets.randbits", lambda bits: next(draws))
    first, second = intake.ask("ada", origin=HERE), intake.ask("bob", origin=HERE)
    assert (first.reference, second.reference) == ("00000001", "00000002")
    assert AuditEvent.objects.count() == 2


def test_bad_luck_without_end_is_an_error_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbits", lambda bits: 1)
    intake.ask("ada", origin=HERE)
    with pytest.raises(DatabaseError):
        intake.ask("bob", origin=HERE)
    assert ResetRequest.objects.count() == AuditEvent.objects.count() == 1


def test_someone_without_an_address_of_their_own_can_ask_too() -> None:
    request = intake.ask("ada", origin=Origin())
    assert ResetRequest.objects.get(pk=request.pk).ip is None


@pytest.mark.parametrize(
    "identifier", ["a", "ä" * 254, "'; DROP TABLE recovery_email; --", "%s %(x)s {0}", "\U0001f92f"]
)
def test_any_printable_text_is_stored_as_it_was_typed(identifier: str) -> None:
    request = intake.ask(identifier, origin=HERE)
    request.refresh_from_db()
    assert request.identifier == identifier


@pytest.mark.parametrize("identifier", ["ada@example.com", "x" * 254, ""])
def test_an_ask_is_three_statements_and_one_commit(identifier: str) -> None:
    with statements() as found:
        intake.ask(identifier, origin=HERE)
    assert len(found.texts) == (1 if connection.vendor == "postgresql" else 3)
    assert found.commits == 1


def test_time_is_the_databases() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        before = str(cursor.fetchone()[0])[:16]
    request = intake.ask("ada", origin=HERE)
    assert f"{request.requested_at:%Y-%m-%d %H:%M}" >= before
    assert request.next_try_at > request.requested_at


def test_kind_and_audience_are_those_of_the_caller(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"portal": {"BASE_URL": "https://portal.example"}}}
    request = intake.ask("ada", origin=HERE, audience="portal")
    assert ResetRequest.objects.get(pk=request.pk).audience == "portal"


def test_a_mistyped_audience_is_refused_and_nothing_is_written() -> None:
    with pytest.raises(Misconfigured, match="prtal"):
        intake.ask("ada", origin=HERE, audience="prtal")
    assert not ResetRequest.objects.exists()
    assert not LimitCounter.objects.exists()
