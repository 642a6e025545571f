"""A provider whose webhook is cut off: mail still leaves, and the numbers say that nobody knows what becomes of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from example_project import provider as providers
from example_project.provider import Provider
from recovery import alarms, heartbeats, metrics, watch
from recovery.metrics import Numbers
from recovery.models import Email, RollUp, RollUpDay, RollUpProgress
from recovery.reasons import Alarm, EmailState, Part, Standing
from recovery.signals import alarm_sounded
from tests.admin.staff import superuser
from tests.asking import ask, browser, work
from tests.factories import UserFactory
from tests.following import let_pass
from tests.rolled import whole
from tests.routes.mails import POSTMARK
from tests.ways_out import routes

pytestmark = pytest.mark.django_db(transaction=True)

SILENCE = timedelta(minutes=20)
LONGER = timedelta(minutes=21)
"""Twice in an hour: rows move into the past without their keys, by which figures find them an hour about their time."""


@pytest.fixture
def postmark(live_server: Any, settings: Any) -> Iterator[Provider]:
    """A provider that takes mail and reports what became of it, as fast as it can."""
    told = {"WEBHOOKS": {"postmark": {}}, "WEBHOOK_SILENCE": SILENCE, "ALARM_LIMITS": {"samples": 4}}
    settings.RECOVERY = {**settings.RECOVERY, **told}
    settings.ALLOWED_HOSTS = ["*"]
    url = f"{live_server.url}/recovery/webhooks/postmark/"
    provider = providers.start(webhook_url=url, secret="provider:secret", pace=0)
    options = {"server_token": provider.token, "api_url": provider.url}
    with routes(settings, {"NAME": "main", "BACKEND": POSTMARK, "OPTIONS": options}):
        yield provider
    provider.stop()


@pytest.fixture
def heard() -> Iterator[list[tuple[Alarm, str]]]:
    told: list[tuple[Alarm, str]] = []

    def hear(sender: Any, alarm: Alarm, subject: str, detail: str, **kwargs: Any) -> None:
        told.append((alarm, subject))

    alarms._told.clear()
    alarm_sounded.connect(hear)
    yield told
    alarm_sounded.disconnect(hear)
    alarms._told.clear()


def five_people_ask(provider: Provider) -> list[Email]:
    before = set(Email.objects.values_list("pk", flat=True))
    for _ in range(5):
        user: Any = UserFactory()
        ask(browser(), user.email)
    work()
    assert provider.callbacks.settle(30)
    return list(Email.objects.exclude(pk__in=before))


def figures() -> Numbers:
    """Of the last hours, from nothing: time passes in this test by moving all rows, figures as well."""
    for model in (RollUp, RollUpDay, RollUpProgress):
        model.objects.all().delete()
    whole()
    now = timezone.now()
    return metrics.in_all(metrics.by_hour(metrics.selection(since=now - timedelta(hours=3), until=now)))


def everything_lives() -> None:
    for part in (Part.BEAT, Part.SWEEP):
        heartbeats.beat(part)


def test_a_webhook_that_is_cut_off_makes_numbers_no_news_and_raises_the_alarm(
    postmark: Provider, heard: list[Any]
) -> None:
    told_of = five_people_ask(postmark)
    assert {email.state for email in told_of} == {EmailState.DELIVERED}
    found = figures()
    assert (found.delivery_success.numerator, found.delivery_success.denominator) == (5, 5)
    assert {target.standing for target in metrics.targets(found)} == {Standing.MET}
    everything_lives()
    assert watch.look() == []

    postmark.webhooks = False
    let_pass(LONGER)
    five_people_ask(postmark)
    everything_lives()
    found = figures()
    assert found.counts["on_its_way"] == 5, "a minute without a word is no silence"
    assert watch.look() == []

    let_pass(LONGER)
    everything_lives()
    found = figures()
    assert (found.no_news.numerator, found.no_news.denominator) == (5, 10)
    assert found.delivery_success.numerator == 5, "what nobody told of is neither dropped nor a success"
    assert {target.standing for target in metrics.targets(found)} == {Standing.NO_NEWS}
    assert [(trouble.alarm, trouble.subject) for trouble in watch.look()] == [(Alarm.WEBHOOK_SILENT, "postmark")]
    assert heard == [(Alarm.WEBHOOK_SILENT, "postmark")]
    page = superuser().get("/admin/recovery/rollup/")
    assert page.context["headline"].mood == "bad"
    assert [trouble["word"] for trouble in page.context["troubles"]] == ["webhook_silent"]

    postmark.webhooks = True
    five_people_ask(postmark)
    everything_lives()
    assert watch.look() == []
    assert figures().delivery_success.numerator == 10
