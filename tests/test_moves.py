"""Verbs of emails: from where to where, what each writes, whom it leaves alone. Always row and event together."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import feedback, outbox
from recovery.models import Email, moves
from recovery.models.moves import Move
from recovery.reasons import MOVES, STATE_RANK, EmailKind, EmailReason, EmailState, EmailVerb, EventKind
from recovery.signals import email_changed_state

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=90)
OWNER = uuid.UUID(int=7)
WITH_THE_PROVIDER = {EmailState.HANDED_OVER, EmailState.DELIVERED, EmailState.BOUNCED}


def mail(state: str = EmailState.QUEUED, **facts: Any) -> Email:
    """A mail in this state; held by ``OWNER`` where a worker holds it."""
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, ["amelie@example.com"])
    if state == EmailState.SENDING:
        facts = {"lease_owner": OWNER, "lease_until": Now() + LEASE, **facts}
    if state in WITH_THE_PROVIDER:
        facts = {"handed_over_at": Now(), **facts}
    Email.objects.filter(pk=email.pk).update(state=state, **facts)
    email.refresh_from_db()
    return email


def one(email: Email, verb: EmailVerb, *, owner: UUID | None = None, **facts: Any) -> dict[UUID, str]:
    with transaction.atomic():
        return moves.move([Move(email_id=email.pk, verb=verb, **facts)], owner=owner)


def take(ids: Sequence[UUID] | None = None, **how: Any) -> list[Email]:
    with transaction.atomic():
        return moves.claim(**{"owner": OWNER, "ids": ids, "most": 10, "lease": LEASE, **how}).emails


def act(email: Email, verb: EmailVerb) -> None:
    """The verb's own function, with what it needs to find the mail if the state allows it."""
    over = {"next_try_at": Now() - LEASE, "send_by": Now() - LEASE}
    Email.objects.filter(pk=email.pk).update(**over)
    Email.objects.filter(pk=email.pk, state=EmailState.SENDING).update(lease_until=Now() - LEASE)
    match verb:
        case EmailVerb.CLAIM:
            take([email.pk])
        case EmailVerb.FREE:
            moves.free()
        case EmailVerb.REPORT:
            told = {"esp": "postmark", "kind": EventKind.DELIVERED, "recipient": email.recipient}
            feedback.ingest([feedback.Report(email_id=email.pk, event_id="1", **told)])
        case _:
            one(email, verb)


def written(email: Email) -> tuple[str, list[str]]:
    """Its state, and what happened to it since it was queued."""
    email.refresh_from_db()
    return email.state, list(email.events.order_by("id").values_list("kind", flat=True))


@pytest.mark.parametrize("state", EmailState)
@pytest.mark.parametrize("verb", EmailVerb)
def test_a_verb_leads_from_its_states_and_writes_nothing_in_any_other(verb: EmailVerb, state: EmailState) -> None:
    email = mail(state)
    act(email, verb)
    from_states, to_state = MOVES[verb]
    if to_state is None:
        to_state = max(EmailState.DELIVERED, state, key=STATE_RANK.__getitem__)
    now, events = written(email)
    assert now == (to_state if state in from_states else state)
    assert len(events) == (state in from_states and verb != EmailVerb.CLAIM)
    assert (email.claimed_at is not None) == (state in from_states and verb == EmailVerb.CLAIM)


WORDS = {
    EmailVerb.HAND_OVER: EventKind.HANDED_OVER,
    EmailVerb.DEFER: EventKind.DEFERRED,
    EmailVerb.RETURN: EventKind.DEFERRED,
    EmailVerb.DOUBT: EventKind.UNKNOWN,
    EmailVerb.REST: EventKind.UNKNOWN,
    EmailVerb.FREE: EventKind.FREED,
    EmailVerb.FAIL: EventKind.FAILED,
    EmailVerb.WITHHOLD: EventKind.WITHHELD,
    EmailVerb.EXPIRE: EventKind.EXPIRED,
    EmailVerb.CANCEL: EventKind.CANCELLED,
    EmailVerb.RETRY: EventKind.RETRIED,
    EmailVerb.SET_ASIDE: EventKind.SET_ASIDE,
    EmailVerb.RELEASE: EventKind.RELEASED,
    EmailVerb.STOP: EventKind.CANCELLED,
}


@pytest.mark.parametrize("verb", WORDS)
def test_a_move_writes_its_own_word_with_its_reason_and_what_was_said(verb: EmailVerb) -> None:
    email = mail(sorted(MOVES[verb][0])[0])
    assert one(email, verb, reason=EmailReason.STAFF, detail="on the phone") == {email.pk: MOVES[verb][1]}
    email.refresh_from_db()
    event = email.events.latest("id")
    is_over = verb == EmailVerb.HAND_OVER
    assert (event.kind, event.esp) == (WORDS[verb], "")
    assert event.detail == ("on the phone" if is_over else "staff: on the phone")
    assert email.reason == ("" if is_over else EmailReason.STAFF)
    assert (email.lease_owner, email.lease_until) == (None, None)


@pytest.mark.parametrize("verb", [EmailVerb.CLAIM, EmailVerb.REPORT])
def test_what_needs_more_than_a_move_has_a_function_of_its_own(verb: EmailVerb) -> None:
    with pytest.raises(ValueError, match="function of its own"):
        one(mail(), verb)


@pytest.mark.parametrize("verb", [verb for verb in WORDS if EmailState.SENDING in MOVES[verb][0]])
def test_a_mail_that_another_worker_holds_is_left_alone(verb: EmailVerb) -> None:
    email = mail(EmailState.SENDING)
    assert one(email, verb, owner=uuid.uuid4()) == {}
    assert written(email) == (EmailState.SENDING, [])
    assert email.lease_owner == OWNER
    assert one(email, verb, owner=OWNER) == {email.pk: MOVES[verb][1]}


@pytest.mark.parametrize("state", [EmailState.HANDED_OVER, EmailState.DEFERRED, EmailState.DELIVERED])
def test_a_hand_over_is_noted_after_a_report_and_keeps_its_higher_state(state: EmailState) -> None:
    email = mail(state, lease_owner=OWNER, lease_until=Now() + LEASE, handed_over_at=Now())
    assert one(email, EmailVerb.DEFER, owner=OWNER) == {}
    facts = {"route": "main", "esp": "postmark", "esp_message_id": "m-1"}
    assert one(email, EmailVerb.HAND_OVER, owner=OWNER, **facts) == {email.pk: state}
    assert written(email) == (state, [EventKind.HANDED_OVER])
    assert (email.route, email.esp, email.esp_message_id, email.lease_owner) == ("main", "postmark", "m-1", None)
    assert email.events.latest("id").detail == "m-1"


@pytest.mark.parametrize("verb", [EmailVerb.RETRY, EmailVerb.SET_ASIDE, EmailVerb.STOP])
def test_what_the_provider_tries_again_is_not_ours_to_move(verb: EmailVerb) -> None:
    email = mail(EmailState.DEFERRED, handed_over_at=Now())
    assert not moves.allows(email, verb)
    assert one(email, verb) == {}
    assert written(email) == (EmailState.DEFERRED, [])


def test_what_the_provider_refused_for_good_can_be_put_back_and_is_due_then() -> None:
    email = mail(EmailState.FAILED, handed_over_at=Now(), attempt_count=12, strike_count=12)
    assert moves.allows(email, EmailVerb.RETRY)
    assert one(email, EmailVerb.RETRY, anew=True) == {email.pk: EmailState.QUEUED}
    assert [each.attempt_count for each in take()] == [1]


@pytest.mark.parametrize("state", EmailState)
@pytest.mark.parametrize("verb", EmailVerb)
def test_what_is_said_to_be_allowed_is_what_happens(verb: EmailVerb, state: EmailState) -> None:
    email = mail(state)
    assert moves.allows(email, verb) is (state in MOVES[verb][0])


def test_counts_are_added_to_never_fall_below_nothing_and_begin_anew() -> None:
    email = mail(EmailState.SENDING, attempt_count=1, strike_count=1, doubt_count=1)
    one(email, EmailVerb.RETURN, attempts=-1, strikes=-3, doubts=2)
    email.refresh_from_db()
    assert (email.attempt_count, email.strike_count, email.doubt_count) == (0, 0, 3)
    one(email, EmailVerb.RETRY, doubts=None)
    email.refresh_from_db()
    assert (email.attempt_count, email.strike_count, email.doubt_count) == (0, 0, 0)


def test_a_hand_over_ends_all_doubt() -> None:
    email = mail(EmailState.SENDING, doubt_count=2, reason=EmailReason.NO_CLEAR_ANSWER)
    one(email, EmailVerb.HAND_OVER)
    email.refresh_from_db()
    assert (email.doubt_count, email.reason) == (0, "")
    assert email.handed_over_at


def test_a_wait_is_counted_by_the_database_and_rest_has_no_end() -> None:
    email = mail(EmailState.SENDING)
    before = timezone.now()
    one(email, EmailVerb.DEFER, wait=100.0)
    email.refresh_from_db()
    assert email.next_try_at
    assert timedelta(seconds=99) < email.next_try_at - before < timedelta(seconds=110)
    Email.objects.update(state=EmailState.SENDING)
    one(email, EmailVerb.DOUBT, wait=0.00001)
    assert [each.pk for each in take()] == [email.pk]
    one(email, EmailVerb.REST)
    email.refresh_from_db()
    assert email.next_try_at is None
    assert (take(), take([email.pk])) == ([], [])


def test_what_the_other_side_said_never_loses_a_note() -> None:
    email = mail(EmailState.SENDING)
    said = "550 no\x00such\r\nuser\ud800" + "x" * 2000
    one(email, EmailVerb.HAND_OVER, route="r" * 50, esp="e" * 50, esp_message_id=said, detail=said)
    assert written(email) == (EmailState.HANDED_OVER, [EventKind.HANDED_OVER])
    assert email.events.latest("id").detail.startswith("550 no such  user x")
    assert (len(email.route), len(email.esp), len(email.esp_message_id)) == (40, 40, 255)


def test_any_number_of_moves_is_two_statements_or_one() -> None:
    emails = [mail(EmailState.SENDING) for _ in range(30)]
    verbs = [EmailVerb.HAND_OVER, EmailVerb.DEFER, EmailVerb.FAIL]
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        told = [Move(email_id=email.pk, verb=verbs[n % 3]) for n, email in enumerate(emails)]
        moved = moves.move([*told, Move(email_id=uuid.uuid4(), verb=EmailVerb.FAIL)], owner=OWNER)
        assert moves.move([]) == {}
    assert len(queries) == (1 if connection.vendor == "postgresql" else 2)
    assert moved == {email.pk: MOVES[verbs[n % 3]][1] for n, email in enumerate(emails)}
    assert [written(email)[1] for email in emails] == [["handed_over"], ["deferred"], ["failed"]] * 10


@pytest.mark.django_db(transaction=True)
def test_the_site_is_told_after_the_commit_of_every_move_but_a_claim() -> None:
    heard: list[tuple[UUID, str, bool]] = []

    def listen(sender: Any, email_id: UUID, state: str, **more: Any) -> None:
        heard.append((email_id, state, connection.in_atomic_block))
        raise RuntimeError("the site's own fault")

    email = mail()
    email_changed_state.connect(listen)
    try:
        take()
        assert heard == []
        with transaction.atomic():
            moves.move([Move(email_id=email.pk, verb=EmailVerb.FAIL)])
            transaction.set_rollback(True)
        assert heard == []
        one(email, EmailVerb.DEFER)
        Email.objects.update(state=EmailState.SENDING, lease_until=Now() - LEASE)
        moves.free()
        one(email, EmailVerb.RETRY, doubts=None)
        Email.objects.update(send_by=Now() - LEASE)
        moves.expire_late()
        act(email, EmailVerb.REPORT)
    finally:
        email_changed_state.disconnect(listen)
    states = ["deferred", "unknown", "queued", "expired", "delivered"]
    assert heard == [(email.pk, state, False) for state in states]
