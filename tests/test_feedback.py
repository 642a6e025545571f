"""How a batch of reports becomes events and states: whose they are, what they cost, who is told."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DataError, Error, connection
from django.test.utils import CaptureQueriesContext

from recovery import delivery, feedback, outbox
from recovery.feedback import Ingested, Report
from recovery.models import Bounce, Email, EmailEvent, RawEvent, Suppression
from recovery.reasons import EVENT_STATE, STATE_RANK, EmailKind, EmailState, EventKind
from recovery.signals import email_changed_state
from tests.reporting import AT, ESP, PROVIDERS_WORDS, facts, queued, report, told
from tests.webhooks.faults import emails_that_cannot_change

pytestmark = pytest.mark.django_db


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


# What it costs, and what happens when it fails


def sent(queries: CaptureQueriesContext) -> int:
    return len([query for query in queries.captured_queries if "SAVEPOINT" not in query["sql"]])


@pytest.mark.parametrize("size", [1, 50, 1000])
def test_a_batch_costs_at_most_six_statements_at_any_size(size: int) -> None:
    emails = queued(*[f"reader{n}@library.example" for n in range(size)])
    reports = [report(email, "delivered", message_id=f"m{n}", raw="{}") for n, email in enumerate(emails)]
    with CaptureQueriesContext(connection) as queries:
        assert feedback.ingest(reports) == Ingested(received=size, stored=size, unmatched=0, moved=size)
    assert sent(queries) <= 3
    complaints = [report(email, "complained", message_id=f"m{n}", raw="{}") for n, email in enumerate(emails)]
    with CaptureQueriesContext(connection) as queries:
        feedback.ingest([*complaints, *(report(email, "bounced", 7, raw="{}") for email in emails)])
    assert sent(queries) <= 6
    assert Suppression.objects.count() == size
    assert Bounce.objects.count() == 2 * size
    with CaptureQueriesContext(connection) as queries:
        assert feedback.ingest(complaints).stored == 0
    waits = connection.vendor == "postgresql"  # for its turn: what came back from one address is judged in a row
    assert sent(queries) == 1 + waits  # told again, nothing is written


@pytest.mark.sqlite
@pytest.mark.parametrize("kinds", [["complained"], ["delivered", "complained"]])
def test_no_report_reads_the_whole_log(kinds: list[str]) -> None:
    """Each finds its rows by an index, however many mails there are."""
    (email,) = queued()
    asked: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        feedback.ingest([report(email, kind, raw="{}") for kind in kinds])
    looked = [(sql, params) for sql, params in asked if sql.startswith(("WITH", "SELECT", "INSERT", "UPDATE"))]
    assert len(looked) == 4 + len(kinds)
    with connection.cursor() as cursor:
        for sql, params in looked:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            steps = [row[3] for row in cursor.fetchall()]
            assert not [step for step in steps if re.match(r"SCAN (?:[a-z]|recovery_\w+)\b", step)], steps


def test_the_first_to_know_of_reset_links_costs_two_more(settings: Any) -> None:
    """And still no more than six."""
    emails = outbox.queue(EmailKind.RESET, [f"reader{n}@library.example" for n in range(9)])
    with CaptureQueriesContext(connection) as queries:
        feedback.ingest([report(email, "delivered", message_id=f"m{n}", raw="{}") for n, email in enumerate(emails)])
    assert sent(queries) <= 6


def test_after_a_database_error_nothing_of_the_batch_is_left() -> None:
    (email,) = queued()
    with emails_that_cannot_change(), pytest.raises(Error):
        feedback.ingest([report(email, "delivered"), report(email, "opened", recipient="other@library.example")])
    assert not EmailEvent.objects.exclude(esp="").exists()
    assert facts(email)[0] == EmailState.QUEUED


def test_what_the_database_takes_of_no_sender_is_set_aside_alone() -> None:
    """It stands for whatever a database may refuse for what it says: a savepoint for each half until it is alone."""
    emails = queued(*[f"reader{n}@library.example" for n in range(100)])
    reports = [report(email, "bounced", raw="{}") for email in emails]
    reports[37] = report(emails[37], "bounced", detail="venom", raw='{"poison": 1}')

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "recovery_emailevent" in sql and "venom" in str(params):
            raise DataError("a text that cannot be")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        ingested = feedback.ingest(reports)
        assert feedback.ingest(reports).stored == 0
    assert (ingested.received, ingested.stored, ingested.refused) == (100, 99, 1)
    assert Email.objects.filter(state=EmailState.BOUNCED).count() == 99
    [aside] = RawEvent.objects.exclude(error="")
    assert (aside.error, aside.content) == ("DataError", '{"poison": 1}')


@pytest.mark.parametrize("raw", ["x" * 100_000, "\ud800", "\x00"])
def test_what_was_posted_is_kept_up_to_a_size(raw: str) -> None:
    (email,) = queued()
    feedback.ingest([report(email, "bounced", raw=raw)])
    [kept] = RawEvent.objects.all()
    assert len(kept.content) <= 16_384


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
