"""What a worker takes: what is due, the urgent first, never twice; and what becomes of mail whose worker died."""

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from recovery import outbox
from recovery.models import Email, moves
from recovery.models.moves import Claimed
from recovery.reasons import EmailKind, EmailReason, EmailState, EmailVerb, EventKind
from tests.following import story

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=90)
MINUTE = timedelta(minutes=1)


def mail(kind: str = EmailKind.PASSWORD_CHANGED, **facts: Any) -> Email:
    [email] = outbox.queue(kind, ["amelie@example.com"], audience=facts.pop("audience", "default"))
    Email.objects.filter(pk=email.pk).update(**{"state": EmailState.QUEUED, "next_try_at": Now(), **facts})
    email.refresh_from_db()
    return email


def claim(ids: Sequence[uuid.UUID] | None = None, **how: Any) -> Claimed:
    with transaction.atomic():
        return moves.claim(**{"owner": uuid.uuid4(), "ids": ids, "most": 10, "lease": LEASE, **how})


def taken(ids: Sequence[uuid.UUID] | None = None, **how: Any) -> list[uuid.UUID]:
    return [email.pk for email in claim(ids, **how).emails]


def test_a_claim_counts_the_try_holds_the_mail_and_says_when_by_the_database() -> None:
    email = mail(reason=EmailReason.PROVIDER_DOWN)
    owner = uuid.uuid4()
    found = claim(owner=owner)
    [held] = found.emails
    email.refresh_from_db()
    assert held == email
    for each in (held, email):
        assert (each.state, each.reason) == (EmailState.SENDING, EmailReason.PROVIDER_DOWN)
        assert (each.attempt_count, each.strike_count, each.doubt_count) == (1, 1, 0)
        assert (each.lease_owner, each.lease_until) == (owner, found.at + LEASE)
        assert each.claimed_at == found.at
    assert email.queued_at - MINUTE < found.at < email.queued_at + MINUTE
    assert story(email) == ["queued", "sending"]


DUE: list[dict[str, Any]] = [
    {},
    {"next_try_at": Now() + MINUTE},
    {"state": EmailState.DEFERRED},
    {"state": EmailState.UNKNOWN},
    {"send_by": Now() - MINUTE},
]
NOT_DUE: list[dict[str, Any]] = [
    {"state": EmailState.DEFERRED, "next_try_at": Now() + MINUTE},
    {"state": EmailState.UNKNOWN, "next_try_at": Now() + MINUTE},
    {"state": EmailState.UNKNOWN, "next_try_at": None},
    {"next_try_at": None},
    {"state": EmailState.DEFERRED, "handed_over_at": Now()},
    {"state": EmailState.SENDING, "lease_until": Now() + MINUTE},
    {"state": EmailState.SENDING, "lease_until": None},
    {"state": EmailState.FAILED},
    {"state": EmailState.WITHHELD},
]


@pytest.mark.parametrize("facts", DUE, ids=str)
def test_what_is_due_is_taken_by_its_key_and_without_it(facts: dict[str, Any]) -> None:
    email = mail(**facts)
    assert list(Email.objects.due()) == [email]
    assert taken([email.pk, uuid.uuid4()]) == [email.pk]
    Email.objects.update(**{"state": EmailState.QUEUED, **facts})
    assert taken() == [email.pk]


@pytest.mark.parametrize("facts", NOT_DUE, ids=str)
def test_what_is_not_due_is_taken_neither_way(facts: dict[str, Any]) -> None:
    email = mail(**facts)
    assert list(Email.objects.due()) == []
    assert (taken(), taken([email.pk]), taken([])) == ([], [], [])


def test_a_mail_whose_lease_ran_out_is_taken_once_it_is_free() -> None:
    """Whoever frees it doubts it and writes down that its worker died; nobody takes it without that."""
    email = mail(state=EmailState.SENDING, lease_until=Now() - MINUTE, lease_owner=uuid.uuid4())
    assert (taken(), taken([email.pk])) == ([], [])
    moves.free()
    [held] = claim([email.pk]).emails
    assert held.doubt_count == 1
    assert taken([email.pk]) == []


def test_the_urgent_leave_first_and_then_the_oldest() -> None:
    later, soon = mail(next_try_at=Now() - MINUTE), mail(next_try_at=Now() - 2 * MINUTE)
    urgent = mail(EmailKind.RESET)
    assert taken(most=2) == [urgent.pk, soon.pk]
    assert taken(most=2) == [later.pk]


def test_mail_that_no_route_takes_now_stays_untouched() -> None:
    blocked, other_kind = mail(EmailKind.RESET), mail()
    other_audience = mail(EmailKind.RESET, audience="portal")
    shut = [("default", [EmailKind.RESET, EmailKind.NO_PASSWORD]), ("portal", [])]
    assert taken([blocked.pk], blocked=shut) == []
    assert set(taken(blocked=shut)) == {other_kind.pk, other_audience.pk}
    blocked.refresh_from_db()
    assert (blocked.state, blocked.attempt_count) == (EmailState.QUEUED, 0)


def test_any_number_of_mails_is_taken_in_one_statement() -> None:
    emails = {mail().pk for _ in range(40)}
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        assert set(taken(most=100)) == emails
    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_never_hold_the_same_mail() -> None:
    emails = {mail().pk for _ in range(60)}

    def worker(number: int) -> list[uuid.UUID]:
        held: list[uuid.UUID] = []
        while some := taken(most=1 + number):
            held += some
        connections.close_all()
        return held

    with ThreadPoolExecutor(6) as pool:
        held = [key for keys in pool.map(worker, range(6)) for key in keys]
    # One that found all of the rest being claimed by others may have gone home early: nobody waits for anybody.
    held += taken(most=100)
    assert len(held) == len(set(held))
    assert set(held) == emails


def test_mail_of_a_dead_worker_is_free_doubted_and_due_at_once() -> None:
    email = mail(state=EmailState.SENDING, lease_until=Now() - MINUTE, lease_owner=uuid.uuid4(), next_try_at=None)
    assert list(Email.objects.abandoned()) == [email]
    assert moves.free() == [email.pk]
    email.refresh_from_db()
    assert (email.state, email.reason, email.doubt_count) == (EmailState.UNKNOWN, EmailReason.WORKER_DIED, 1)
    assert email.lease_until is None
    event = email.events.latest("id")
    assert (event.kind, event.detail) == (EventKind.FREED, EmailReason.WORKER_DIED)
    assert taken() == [email.pk]


def test_a_worker_that_was_only_slow_still_notes_its_hand_over_and_nothing_is_sent_twice() -> None:
    owner = uuid.uuid4()
    email = mail(state=EmailState.SENDING, lease_until=Now() - MINUTE, lease_owner=owner)
    moves.free()
    assert moves.move([moves.Move(email_id=email.pk, verb=EmailVerb.DEFER)], owner=owner) == {}
    over = moves.Move(email_id=email.pk, verb=EmailVerb.HAND_OVER, route="main")
    assert moves.move([over], owner=owner) == {email.pk: EmailState.HANDED_OVER}
    assert taken() == []


def test_a_slow_worker_notes_nothing_once_another_one_holds_its_mail() -> None:
    owner = uuid.uuid4()
    email = mail(state=EmailState.SENDING, lease_until=Now() - MINUTE, lease_owner=owner)
    moves.free()
    assert taken() == [email.pk]
    over = moves.Move(email_id=email.pk, verb=EmailVerb.HAND_OVER, route="main")
    assert moves.move([over], owner=owner) == {}


@pytest.mark.parametrize(
    "facts",
    [
        {"state": EmailState.SENDING, "lease_until": Now() + MINUTE},
        {"state": EmailState.SENDING, "lease_until": None, "kind": EmailKind.SITE},
        {"state": EmailState.SENDING, "lease_until": Now() - MINUTE, "handed_over_at": Now()},
        {"state": EmailState.DELIVERED, "lease_until": Now() - MINUTE},
    ],
    ids=str,
)
def test_what_a_worker_holds_or_the_provider_has_is_not_freed(facts: dict[str, Any]) -> None:
    email = mail(**facts)
    assert moves.free() == []
    assert not email.events.exists()


def test_waiting_mail_past_its_time_ends_as_expired() -> None:
    emails = [mail(send_by=Now() - n * MINUTE, state=state) for n, state in enumerate(("queued", "deferred", "queued"))]
    first = moves.expire_late(most=2)
    assert len(first) == 2
    assert {*first, *moves.expire_late()} == {email.pk for email in emails}
    for email in emails:
        email.refresh_from_db()
        assert (email.state, email.reason) == (EmailState.EXPIRED, EmailReason.PAST_SEND_BY)
        event = email.events.latest("id")
        assert (event.kind, event.detail) == (EventKind.EXPIRED, EmailReason.PAST_SEND_BY)


@pytest.mark.parametrize(
    "facts",
    [
        {"send_by": Now() + MINUTE},
        {"doubt_count": 1, "state": EmailState.DEFERRED},
        {"state": EmailState.UNKNOWN},
        {"state": EmailState.SENDING},
        {"state": EmailState.WITHHELD},
        {"state": EmailState.DEFERRED, "handed_over_at": Now()},
    ],
    ids=str,
)
def test_mail_that_may_have_left_or_is_held_does_not_expire_by_itself(facts: dict[str, Any]) -> None:
    email = mail(**{"send_by": Now() - MINUTE, **facts})
    assert moves.expire_late() == []
    assert not email.events.exists()


@pytest.mark.sqlite  # PostgreSQL chooses by itself
@pytest.mark.parametrize("verb", [claim, moves.free, moves.expire_late])
def test_on_sqlite_nothing_that_waits_is_sorted_to_find_the_first(verb: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        verb()
    [update] = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + update.replace("%", "%%"))
        plan = [row[3] for row in cursor.fetchall()]
    assert any("USING INDEX recovery_email_" in line for line in plan)
    assert not any("TEMP B-TREE" in line for line in plan)
