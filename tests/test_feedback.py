"""How a batch of reports becomes events and states: whole, in any order, told any number of times."""

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from anymail.backends.test import EmailBackend
from django.db import Error, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recovery import delivery, feedback, outbox
from recovery.feedback import Ingested, Report
from recovery.models import Email, EmailEvent
from recovery.reasons import EVENT_STATE, STATE_RANK, EmailKind, EmailState, EventKind
from recovery.routes import METADATA_KEY
from recovery.signals import email_changed_state
from tests.webhooks.faults import emails_that_cannot_change

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
ESP = "test"  # as anymail calls its backend for tests
PROVIDERS_WORDS = [
    "queued", "sent", "rejected", "failed", "bounced", "deferred", "delivered", "autoresponded", "opened",
    "clicked", "complained", "unsubscribed", "subscribed", "unknown",
]  # fmt: skip


def queued(*recipients: str) -> list[Email]:
    return outbox.queue(EmailKind.PASSWORD_CHANGED, recipients or ["Reader@Library.example"])


def report(email: Email, kind: str, minutes: float = 0, **facts: Any) -> Report:
    """As a provider reports that gives our own id back."""
    named = {"email_id": email.pk, "event_id": f"{kind} {minutes}", "message_id": "m1"}
    told = {"esp": ESP, "recipient": email.recipient, "occurred_at": AT + timedelta(minutes=minutes)} | named | facts
    return Report(kind=kind, **told)


def told(email: Email) -> list[str]:
    return [event.kind for event in email.events.exclude(esp="")]


def facts(email: Email) -> tuple[Any, ...]:
    email.refresh_from_db()
    return email.state, email.delivered_at, email.esp_message_id, email.handed_over_at is not None


# What one report says


def test_every_word_of_a_provider_is_one_of_ours() -> None:
    assert {*PROVIDERS_WORDS} <= {*EventKind.values}
    assert {*EVENT_STATE} <= {*PROVIDERS_WORDS}


@pytest.mark.parametrize("kind", PROVIDERS_WORDS)
def test_whatever_a_provider_says_of_a_mail_proves_that_it_has_it(kind: str) -> None:
    (email,) = queued()
    Email.objects.filter(pk=email.pk).update(state=EmailState.SENDING, lease_until=AT)
    feedback.ingest([report(email, kind)])
    email.refresh_from_db()
    assert email.state == EVENT_STATE.get(kind, EmailState.HANDED_OVER)
    assert email.handed_over_at == AT
    assert not Email.objects.due().exists()
    assert delivery.deliver(email.pk) is None


@pytest.mark.parametrize("state", EmailState.values)
@pytest.mark.parametrize("kind", PROVIDERS_WORDS)
def test_no_report_lowers_a_state(kind: str, state: str) -> None:
    (email,) = queued()
    Email.objects.filter(pk=email.pk).update(state=state)
    feedback.ingest([report(email, kind)])
    email.refresh_from_db()
    wanted = max(STATE_RANK[state], STATE_RANK[EVENT_STATE.get(kind, EmailState.HANDED_OVER)])
    assert STATE_RANK[email.state] == wanted
    if STATE_RANK[state] == wanted:
        assert email.state == state


def test_the_moment_of_hand_over_that_we_noted_stands() -> None:
    (email,) = queued()
    Email.objects.filter(pk=email.pk).update(state=EmailState.HANDED_OVER, handed_over_at=AT)
    feedback.ingest([report(email, "delivered", minutes=-3)])
    email.refresh_from_db()
    assert (email.handed_over_at, email.delivered_at) == (AT, AT - timedelta(minutes=3))


def test_a_report_without_a_moment_happened_now() -> None:
    (email,) = queued()
    feedback.ingest([report(email, "delivered", occurred_at=None)])
    email.refresh_from_db()
    assert email.delivered_at is not None
    assert abs(email.delivered_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_batch_of_nothing_asks_the_database_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert feedback.ingest([]) == Ingested()
    assert not queries.captured_queries


# Whose report it is


@pytest.mark.parametrize("recipient", ["reader@library.example", "READER@LIBRARY.EXAMPLE", " Reader@Library.example "])
def test_addresses_are_compared_normalised(recipient: str) -> None:
    (email,) = queued()
    feedback.ingest([report(email, "bounced", recipient=recipient)])
    assert facts(email)[0] == EmailState.BOUNCED


@pytest.mark.parametrize("recipient", ["", "other@library.example", "reader@library.example.evil"])
@pytest.mark.parametrize("named_by", ["our id", "the provider's id"])
def test_only_a_report_for_the_emails_recipient_changes_it(recipient: str, named_by: str) -> None:
    (email,) = queued()
    Email.objects.filter(pk=email.pk).update(state=EmailState.HANDED_OVER, esp=ESP, esp_message_id="m1")
    before = facts(email)
    named = {} if named_by == "our id" else {"email_id": None}
    ingested = feedback.ingest([report(email, "bounced", recipient=recipient, **named)])
    assert ingested == Ingested(received=1, stored=1, unmatched=1, moved=0)
    assert feedback.match_late() == 0
    assert facts(email) == before
    assert told(email) == []


def test_a_message_id_counts_only_from_the_provider_that_gave_it() -> None:
    (email,) = queued()
    Email.objects.filter(pk=email.pk).update(state=EmailState.HANDED_OVER, esp=ESP, esp_message_id="m1")
    feedback.ingest([report(email, "bounced", email_id=None, esp="another")])
    assert facts(email)[0] == EmailState.HANDED_OVER
    assert feedback.match_late() == 0


def test_reports_about_mail_that_is_not_ours_are_kept() -> None:
    stranger = Report(esp=ESP, kind="bounced", recipient="a@b.example", email_id=uuid4(), message_id="x")
    nameless = Report(esp=ESP, kind="bounced", recipient="a@b.example")
    assert feedback.ingest([stranger, nameless]).unmatched == 2
    assert EmailEvent.objects.filter(email=None).count() == 2


def test_mail_without_a_message_id_takes_no_report_without_one() -> None:
    (email,) = queued()
    feedback.ingest([report(email, "bounced", email_id=None, message_id="", esp="")])
    assert facts(email)[0] == EmailState.QUEUED


def test_the_provider_id_of_an_early_report_finds_the_later_ones_that_lack_ours() -> None:
    (email,) = queued()
    Email.objects.filter(pk=email.pk).update(state=EmailState.SENDING)
    feedback.ingest([report(email, "delivered")])
    feedback.ingest([report(email, "bounced", email_id=None)])
    assert facts(email)[0] == EmailState.BOUNCED


# Early reports


class ReportsAtOnce(EmailBackend):
    """A provider whose webhook comes back before its answer to us does."""

    then: Any = None
    knows_our_id = True

    def get_esp_message_id(self, message: Any) -> str:
        return "m1"

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        sent: int = super().send_messages(email_messages)
        for message in email_messages:
            (address,) = message.to
            named = Email.objects.get(pk=message.metadata[METADATA_KEY]) if self.knows_our_id else None
            feedback.ingest(
                [
                    Report(
                        esp=ESP,
                        kind="delivered",
                        recipient=address,
                        occurred_at=AT,
                        message_id=str(message.anymail_status.message_id),
                        email_id=named.pk if named else None,
                    )
                ]
            )
        return sent


class ReportsAtOnceWithoutOurId(ReportsAtOnce):
    knows_our_id = False


class DiesAfterAccepting(ReportsAtOnce):
    def send_messages(self, email_messages: Sequence[Any]) -> int:
        super().send_messages(email_messages)
        raise SystemExit


def through(settings: Any, backend: type) -> None:
    path = f"{backend.__module__}.{backend.__qualname__}"
    settings.RECOVERY = settings.RECOVERY | {"ROUTES": [{"NAME": "main", "BACKEND": path}]}


@pytest.mark.parametrize("backend", [ReportsAtOnce, ReportsAtOnceWithoutOurId])
def test_a_report_that_overtakes_the_note_of_the_hand_over_counts(backend: type, settings: Any) -> None:
    through(settings, backend)
    (email,) = queued()
    delivery.deliver(email.pk)
    late = feedback.match_late()
    email.refresh_from_db()
    assert late == (0 if backend is ReportsAtOnce else 1)
    assert (email.state, email.delivered_at) == (EmailState.DELIVERED, AT)
    assert sorted(email.events.values_list("kind", flat=True)) == ["delivered", "handed_over", "queued", "sending"]
    assert feedback.match_late() == 0


def test_a_worker_that_dies_before_its_note_leaves_nothing_to_send_twice(settings: Any) -> None:
    through(settings, DiesAfterAccepting)
    (email,) = queued()
    with pytest.raises(SystemExit):
        delivery.deliver(email.pk)
    Email.objects.filter(pk=email.pk).update(lease_until=AT)  # the lease ran out
    assert delivery.deliver(email.pk) is None
    email.refresh_from_db()
    assert (email.state, email.attempt_count) == (EmailState.DELIVERED, 1)


def test_reports_are_matched_late_whatever_their_order_and_number() -> None:
    emails = queued(*[f"reader{n}@library.example" for n in range(50)])
    early = [
        report(email, kind, minute, email_id=None, message_id=f"m{n}")
        for n, email in enumerate(emails)
        for minute, kind in enumerate(["delivered", "bounced", "opened"])
    ]
    random.Random(7).shuffle(early)
    assert feedback.ingest(early).unmatched == 150
    for n, email in enumerate(emails):
        Email.objects.filter(pk=email.pk).update(state=EmailState.HANDED_OVER, esp=ESP, esp_message_id=f"m{n}")
    with CaptureQueriesContext(connection) as queries:
        assert feedback.match_late() == 150
    assert len(queries.captured_queries) <= 6
    assert {facts(email)[0] for email in emails} == {EmailState.BOUNCED}
    assert {email.delivered_at for email in emails} == {AT}
    assert EmailEvent.objects.exclude(esp="").filter(email=None).count() == 0


# Order and repetition


SEVEN = {
    "bounced": ["queued", "sent", "deferred", "delivered", "opened", "complained", "bounced"],
    "delivered": ["queued", "sent", "deferred", "deferred", "delivered", "delivered", "clicked"],
    "rejected": ["queued", "queued", "sent", "deferred", "deferred", "unknown", "rejected"],
}


@pytest.mark.parametrize(("ending", "every"), [("bounced", 1), ("delivered", 19), ("rejected", 19)])
def test_seven_reports_end_in_one_state_in_all_their_5040_orders(ending: str, every: int) -> None:
    words = SEVEN[ending]
    orders = list(permutations(range(7)))[::every]
    emails = queued(*[f"reader{n}@library.example" for n in range(len(orders))])
    with connection.cursor() as cursor:  # a table that fills within one transaction has no statistics else
        cursor.execute("ANALYZE recovery_email")
    for turn in range(7):
        feedback.ingest(
            [
                report(email, words[order[turn]], order[turn], message_id=f"m{email.pk}")
                for email, order in zip(emails, orders, strict=True)
            ]
        )
    ends = set(Email.objects.values_list("state", "delivered_at").distinct())
    first = next((AT + timedelta(minutes=n) for n, word in enumerate(words) if word == "delivered"), None)
    last = max((EVENT_STATE.get(word, EmailState.HANDED_OVER) for word in words), key=lambda word: STATE_RANK[word])
    assert ends == {(last, first)}


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_split_order_and_repetition_of_reports_ends_in_one_state(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(PROVIDERS_WORDS), min_size=1, max_size=7))
    straight, twisted = queued(*[f"{uuid4()}@library.example" for _ in range(2)])
    feedback.ingest([report(straight, kind, n) for n, kind in enumerate(kinds)])
    reports = [report(twisted, kind, n) for n, kind in enumerate(kinds)]
    repeated = data.draw(st.lists(st.sampled_from(reports), max_size=10))
    for part in data.draw(st.permutations([*reports, *repeated])):
        feedback.ingest([part])
    assert facts(straight) == facts(twisted)
    assert sorted(told(straight)) == sorted(told(twisted))


@pytest.mark.parametrize("event_id", ["", "e1"])
def test_a_report_told_again_in_the_batch_and_later_is_stored_once(event_id: str) -> None:
    (email,) = queued()
    once = report(email, "bounced", event_id=event_id)
    assert feedback.ingest([once, once]) == Ingested(received=2, stored=1, unmatched=0, moved=1)
    before = facts(email)
    assert feedback.ingest([once]) == Ingested(received=1, stored=0, unmatched=0, moved=0)
    assert facts(email) == before
    assert told(email) == ["bounced"]


def test_one_notice_about_two_recipients_is_two_reports() -> None:
    one, two = queued("one@library.example", "two@library.example")
    assert feedback.ingest([report(email, "bounced", event_id="notice") for email in (one, two)]).stored == 2


@pytest.mark.parametrize(
    "other",
    [
        {"message_id": "m2"}, {"occurred_at": AT + timedelta(seconds=1)}, {"detail": "452 mailbox full"}, {"esp": "b"},
        {"kind": "deferred"}, {"reject_reason": "blocked"},
    ],
)  # fmt: skip
def test_without_an_event_id_what_differs_in_content_is_another_report(other: dict[str, Any]) -> None:
    said = {"esp": "a", "kind": "bounced", "recipient": "r@library.example", "message_id": "m1", "occurred_at": AT}
    assert feedback.ingest([Report(**said), Report(**(said | other))]).stored == 2


# What it costs, and what happens when it fails


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_a_batch_costs_at_most_six_statements_at_any_size(size: int) -> None:
    emails = queued(*[f"reader{n}@library.example" for n in range(size)])
    reports = [report(email, "delivered", message_id=f"m{n}") for n, email in enumerate(emails)]
    with CaptureQueriesContext(connection) as queries:
        assert feedback.ingest(reports) == Ingested(received=size, stored=size, unmatched=0, moved=size)
    assert len(queries.captured_queries) <= 6  # with the savepoint of the test's own transaction
    assert len([q for q in queries.captured_queries if "SAVEPOINT" not in q["sql"]]) == 3


def test_after_a_database_error_nothing_of_the_batch_is_left() -> None:
    (email,) = queued()
    with emails_that_cannot_change(), pytest.raises(Error):
        feedback.ingest([report(email, "delivered"), report(email, "opened", recipient="other@library.example")])
    assert not EmailEvent.objects.exclude(esp="").exists()
    assert facts(email)[0] == EmailState.QUEUED


@pytest.mark.django_db(transaction=True)
def test_many_at_once_with_the_same_reports_have_one_effect() -> None:
    emails = queued(*[f"reader{n}@library.example" for n in range(40)])
    reports = [report(email, kind) for email in emails for kind in ("delivered", "bounced")]
    barrier, faults, stored = threading.Barrier(8), list[Exception](), list[int]()

    def tell(seed: int) -> None:
        mine = random.Random(seed).sample(reports, len(reports))
        barrier.wait()
        try:
            stored.append(feedback.ingest(mine).stored)
        except Exception as error:  # noqa: BLE001 - the test tells which
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=tell, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert sorted(stored) == [0] * 7 + [80]
    assert set(Email.objects.values_list("state", flat=True)) == {EmailState.BOUNCED}


# Who is told


def test_the_host_is_told_after_the_commit_and_only_of_what_moved(
    django_capture_on_commit_callbacks: Any,
) -> None:
    heard: list[tuple[Any, str]] = []

    def broken(**kwargs: Any) -> None:
        raise RuntimeError("The host's receiver has a fault.")

    def receiver(email_id: Any, state: str, **kwargs: Any) -> None:
        heard.append((email_id, state))

    moved, still = queued("one@library.example", "two@library.example")
    Email.objects.filter(pk=still.pk).update(state=EmailState.BOUNCED)
    email_changed_state.connect(broken)
    email_changed_state.connect(receiver)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            feedback.ingest([report(moved, "sent"), report(moved, "delivered"), report(still, "delivered")])
            assert heard == []
    finally:
        email_changed_state.disconnect(broken)
        email_changed_state.disconnect(receiver)
    assert heard == [(moved.pk, EmailState.DELIVERED)]
