"""A purge of rows whose keys are as old as they are: by spans of keys, where all of a span goes."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import retention
from recovery.models import Bounce, Email, EmailEvent, Objection, ResetRequest, ResetToken
from recovery.reasons import EmailState, EventKind
from recovery.retention import batches
from tests.ladder import reported
from tests.past import Mail

pytestmark = pytest.mark.django_db(transaction=True)

OLD, YOUNG = timedelta(days=401), timedelta(days=399)


@pytest.fixture(autouse=True)
def by_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)


def written(age: timedelta, number: int = 0) -> Email:
    """A mail of so long ago, with all that hangs on one."""
    email = Mail(at=timezone.now() - age + timedelta(seconds=number), complained=60).write()
    EmailEvent.objects.create(email=email, kind=EventKind.DELIVERED)
    Objection.objects.create(email=email)
    return email


def left() -> list[set[object]]:
    """Which mails there are, and to which ones something else still belongs."""
    belonging = (EmailEvent, Bounce, Objection)
    return [set(Email.objects.values_list("pk", flat=True))] + [
        set(model._default_manager.values_list("email", flat=True)) for model in belonging
    ]


def deleted(queries: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in queries if query["sql"].startswith('DELETE FROM "recovery_email" ')]


def test_all_of_a_span_goes_by_its_two_ends_and_what_lies_beside_it_stays() -> None:
    for number in range(5):
        written(OLD, number)
    young = {written(YOUNG, number).pk for number in range(2)}
    with CaptureQueriesContext(connection) as queries:
        assert retention.purge().emails == 5
    assert left() == [young] * 4
    spans = [sql for sql in deleted(queries) if " > " in sql and " <= " in sql]
    assert (len(spans), len(deleted(queries))) == (2, 3), "two by two, and the one that is left by its key"


def test_a_span_with_a_mail_that_may_still_leave_goes_by_its_keys_and_that_mail_stays() -> None:
    mails = [written(OLD, number) for number in range(4)]
    kept = mails[1]
    Email.objects.filter(pk=kept.pk).update(send_by=timezone.now() + timedelta(hours=1))
    assert retention.purge().emails == 3
    assert left() == [{kept.pk}] * 4


def test_old_rows_with_keys_of_the_last_hour_go_by_their_keys_since_others_may_still_come_between_them() -> None:
    for number in range(4):
        written(timedelta(minutes=50), number)
    Email.objects.update(queued_at=timezone.now() - OLD, send_by=timezone.now() - OLD)
    with CaptureQueriesContext(connection) as queries:
        assert retention.purge().emails == 4
    assert not [sql for sql in deleted(queries) if " <= " in sql]


def test_links_stay_when_their_mail_goes_and_requests_of_a_span_take_theirs_along() -> None:
    for number in range(3):
        written(OLD, number)
    young = written(YOUNG)
    ResetRequest.objects.exclude(pk=young.request_id).update(requested_at=timezone.now() - YOUNG)
    retention.purge()
    links = ResetToken.objects.exclude(request=young.request_id)
    assert [link.mail() for link in links] == [None] * 3
    ResetRequest.objects.exclude(pk=young.request_id).update(requested_at=timezone.now() - OLD)
    assert retention.purge().requests == 3
    assert list(ResetToken.objects.values_list("email", flat=True)) == [young.pk]


def test_what_is_left_of_a_mail_that_is_gone_goes_and_what_an_old_mail_still_has_stays() -> None:
    gone, kept = (written(OLD, number) for number in range(2))
    Email.objects.filter(pk=kept.pk).update(send_by=timezone.now() + timedelta(hours=1))
    Email.objects.filter(pk=gone.pk)._raw_delete("default")
    assert left()[1:] == [{kept.pk, gone.pk}] * 3
    assert retention.purge().emails == 0
    assert left() == [{kept.pk}] * 4


@pytest.mark.sqlite
@pytest.mark.parametrize(("usual", "meanwhile"), [(4000, 1000), (0, 0)])
def test_a_commit_writes_little_back_while_old_rows_go_and_as_much_as_usual_after(usual: int, meanwhile: int) -> None:
    written(OLD)
    seen = set[int]()

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("DELETE"):
            seen.add(connection.connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0])
        return execute(sql, params, many, context)

    with connection.cursor() as cursor, connection.execute_wrapper(watch):
        cursor.execute(f"PRAGMA wal_autocheckpoint = {usual}")
        retention.purge()
        cursor.execute("PRAGMA wal_autocheckpoint")
        assert (seen, cursor.fetchone()[0]) == ({meanwhile}, usual)


@pytest.mark.postgresql
def test_what_is_reported_of_a_mail_while_it_goes_does_not_stay() -> None:
    email = Mail(at=timezone.now() - OLD, state=EmailState.HANDED_OVER, took=None).write()

    def purge() -> None:
        try:
            retention.purge()
        finally:
            connections.close_all()

    other = threading.Thread(target=purge)
    with transaction.atomic():
        reported(email, "delivered")
        other.start()
        watching, waiting = connections.create_connection("default"), list[Any]()
        with watching.cursor() as cursor:
            while other.is_alive() and not waiting:
                cursor.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                waiting = cursor.fetchall()
        watching.close()
        assert waiting, "the purge waits for whoever reports"
    other.join()
    assert retention.purge().emails == 0
    assert left() == [set()] * 4, "the next purge takes it"
