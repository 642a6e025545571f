"""Which ask of a person is explained: found however it was typed, and never called none while anything is known."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from example_project.provider.fates import Record
from recovery import delivery, resets
from recovery.models import Email, ResetRequest
from recovery.models.requests import asked_as
from recovery.reasons import Cause, Confidence, EmailState, Fix, MailLevel, Outcome
from tests.admin.pages import listed
from tests.admin.posting import REASON, posted
from tests.admin.staff import superuser
from tests.asking import ask, asked
from tests.diagnosis.callers_of_mail import MINUTES, change_level, waits
from tests.diagnosis.stage import Stage, explained, newest_email
from tests.factories import UserFactory
from tests.following import notices
from tests.ways_out import told


@pytest.fixture
def ada(stage: Stage) -> Any:
    return stage.reader(username="ada", email="ada@example.org")


def codes(ident: Any) -> list[Cause]:
    return [finding.code for finding in explained(ident).findings]


@pytest.mark.parametrize("typed", ["Ada@Example.org", "ADA"])
def test_an_ask_is_found_in_whatever_case_it_was_typed(typed: str, stage: Stage, ada: Any) -> None:
    stage.set(REQUEST_LIMITS={"address": (1, timedelta(hours=1))})
    ask(stage.place(), typed)
    assert codes(ada) == [Cause.NOT_DECIDED]
    resets.decide(asked().pk)
    Email.objects.all().delete()
    stage.asks(typed)
    assert asked().outcome == Outcome.THROTTLED
    assert codes(ada)[0] == Cause.THROTTLED
    found = superuser().get(listed("resetrequest"), {"q": typed.swapcase()}).context["cl"].result_list
    assert set(found) == set(ResetRequest.objects.all())


def test_asks_for_an_address_of_nobody_are_told_in_whatever_case_they_were_typed(stage: Stage) -> None:
    stage.asks("Somebody@Nowhere.example")
    leading = explained("somebody@nowhere.EXAMPLE").leading
    assert leading.code == Cause.UNKNOWN_ACCOUNT
    assert len(leading.evidence) == 1


@pytest.mark.django_db
def test_decided_asks_are_found_by_an_index() -> None:
    UserFactory()
    decided = ResetRequest.objects.filter(asked_as(["Ada@Example.org"]), decided_at__isnull=False)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        sql, params = decided.order_by("-requested_at").values("pk").query.sql_with_params()
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}", params)
        assert "recovery_request_asked_for" in str(cursor.fetchall())


def test_a_mail_that_was_given_back_untried_waits_as_a_new_one_does(stage: Stage) -> None:
    """By a worker that was told to stop before it came to that mail."""
    notices(50)
    stop = threading.Event()

    def then(message: Any) -> None:
        if len(given) == 20:
            stop.set()

    with told(stage.settings, then, CONNECTIONS=1) as given:
        delivery.drain(stop=stop)
    back = Email.objects.filter(state=EmailState.DEFERRED, reason="").first()
    assert back is not None
    assert codes(str(back.pk)) == [Cause.QUEUED]


def test_a_mail_that_was_held_back_later_than_it_was_queued_is_explained_by_what_stood_then(
    stage: Stage, ada: Any
) -> None:
    stage.asks(ada)
    stage.rests(ada)
    with stage.by("tests.backends.Unreachable"):
        stage.asks(ada)
    first = Email.objects.earliest("queued_at")
    stage.says(ada, Record.HARD_BOUNCE)
    stage.time_passes(6 * MINUTES)
    assert newest_email().state == EmailState.WITHHELD, first
    [model, key] = explained(ada).leading.fix_target or ("", "")
    assert model == "recovery.suppression"
    posted(superuser(), f"/admin/recovery/suppression/{key}/lift/", reason=REASON)
    leading = explained(ada).leading
    assert (leading.code, leading.fix, leading.confidence) == (
        Cause.SUPPRESSED, Fix.SEND_NEW_LINK, Confidence.RECORDED,
    )  # fmt: skip


def test_a_level_that_was_set_after_the_mail_was_queued_is_the_evidence(stage: Stage) -> None:
    user = waits(stage)
    change_level(MailLevel.NONE)
    stage.time_passes(6 * MINUTES)
    assert newest_email().state == EmailState.WITHHELD
    leading = explained(user).leading
    assert leading.code == Cause.LEVEL_NONE
    assert [evidence.model for evidence in leading.evidence] == ["recovery.levelswitch", "recovery.email"]


LOOKS_MISTYPED = {Cause.ADDRESS_MISTYPED, Cause.ADDRESS_DOUBTFUL}


def test_a_likeness_leads_over_nothing_that_is_on_record(stage: Stage) -> None:
    user = stage.reader(email="grace@gmial.com")
    stage.only_asks(user)
    assert codes(user) == [Cause.NOT_DECIDED, Cause.ADDRESS_DOUBTFUL]
    resets.decide(asked().pk)
    assert codes(user) == [Cause.QUEUED, Cause.ADDRESS_DOUBTFUL]
    stage.time_passes(MINUTES)
    assert codes(user) == [Cause.NO_NEWS_YET, Cause.ADDRESS_DOUBTFUL]
    stage.says(user, Record.DELIVERY)
    assert codes(user) == [Cause.ADDRESS_MISTYPED, Cause.DELIVERED_UNSEEN]


def test_an_address_at_which_a_person_got_mail_is_not_called_mistyped(stage: Stage) -> None:
    user = stage.reader(email="ann@love.com")
    stage.asks(user)
    stage.gets_in(user)
    stage.time_passes(timedelta(days=3))
    stage.asks(user)
    stage.bounces(user, Record.SOFT_BOUNCE)
    assert not LOOKS_MISTYPED & set(codes(user))
    other = stage.reader(username="bob", email=user.email)
    assert not LOOKS_MISTYPED & set(codes(other))
