"""Reports in any order, told any number of times, before the note of the hand-over or all at once: one end."""

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from anymail.backends.test import EmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recovery import delivery, feedback
from recovery.feedback import Ingested, Report
from recovery.models import Email, EmailEvent
from recovery.reasons import EVENT_STATE, STATE_RANK, EmailState
from recovery.routes import METADATA_KEY
from tests.following import story
from tests.reporting import AT, ESP, PROVIDERS_WORDS, facts, queued, report, told
from tests.together import at_once

pytestmark = pytest.mark.django_db


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


@pytest.mark.attack(74)
@pytest.mark.parametrize("backend", [ReportsAtOnce, ReportsAtOnceWithoutOurId])
def test_a_report_that_overtakes_the_note_of_the_hand_over_counts(backend: type, settings: Any) -> None:
    through(settings, backend)
    (email,) = queued()
    delivery.deliver(email.pk)
    late = feedback.match_late()
    email.refresh_from_db()
    assert late == (0 if backend is ReportsAtOnce else 1)
    assert (email.state, email.delivered_at) == (EmailState.DELIVERED, AT)
    assert sorted(story(email)) == ["delivered", "handed_over", "queued", "sending"]
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
    assert len([query for query in queries.captured_queries if "SAVEPOINT" not in query["sql"]]) <= 7
    assert {facts(email)[0] for email in emails} == {EmailState.BOUNCED}
    assert {email.delivered_at for email in emails} == {AT}
    assert EmailEvent.objects.exclude(esp="").filter(email=None).count() == 0


# Order and repetition


SEVEN = {
    "bounced": ["queued", "sent", "deferred", "delivered", "opened", "complained", "bounced"],
    "delivered": ["queued", "sent", "deferred", "deferred", "delivered", "delivered", "clicked"],
    "rejected": ["queued", "queued", "sent", "deferred", "deferred", "unknown", "rejected"],
}


@pytest.mark.attack(72)
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
    # What points at an event is looked up when the test is over, row by row; without statistics in all of the table.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE recovery_emailevent")
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


@pytest.mark.attack(73)
@pytest.mark.parametrize("event_id", ["", "e1"])
def test_a_report_told_again_in_the_batch_and_later_is_stored_once(event_id: str) -> None:
    (email,) = queued()
    once = report(email, "bounced", event_id=event_id)
    assert feedback.ingest([once, once]) == Ingested(received=2, stored=1, unmatched=0, moved=1)
    before = facts(email)
    assert feedback.ingest([once]) == Ingested(received=1, stored=0, unmatched=0, moved=0)
    assert facts(email) == before
    assert told(email) == ["bounced"]


@pytest.mark.attack(73)
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


@pytest.mark.django_db(transaction=True)
def test_many_at_once_with_the_same_reports_have_one_effect() -> None:
    emails = queued(*[f"reader{n}@library.example" for n in range(40)])
    reports = [report(email, kind) for email in emails for kind in ("delivered", "bounced")]
    shuffled = [random.Random(seed).sample(reports, len(reports)) for seed in range(8)]
    told = at_once(*[partial(feedback.ingest, mine) for mine in shuffled])
    assert sorted(one.stored for one in told) == [0] * 7 + [80]
    assert set(Email.objects.values_list("state", flat=True)) == {EmailState.BOUNCED}
