"""The page that Prometheus reads: whom it answers, what it tells, what it costs, and what it keeps to itself."""

import sys
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import parser
from prometheus_client.openmetrics import parser as strict_parser

from recovery import agents, level
from recovery.contrib.prometheus.readings import METRICS
from recovery.exceptions import Misconfigured
from recovery.models import Heartbeat
from recovery.reasons import MOMENTS, Action, Alarm, EmailState, Figure, MailLevel, Part
from tests.admin.staff import staff
from tests.asking import ask, browser, work
from tests.factories import StaffFactory, UserFactory
from tests.following import failing
from tests.living import dies_with_time, everything_lives
from tests.monitoring.promql import Series, evaluated, labelled, samples_of
from tests.monitoring.test_alerts import RULES
from tests.past import Mail, act
from tests.rolled import whole

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.monitoring.urls")]

PAGE = "/metrics/"
KEY_OF_AGENT = "7654321"
TOKEN = "a long and random word"
BOUND = 60
"""Statements of a scrape with everything in it; how many do not follow the rows."""


@pytest.fixture(autouse=True)
def token(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "METRICS": {"TOKEN": TOKEN}}


def scraped(**headers: str) -> Series:
    answer = browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}").get(PAGE, **headers)
    assert answer.status_code == 200
    return samples_of(parser.text_string_to_metric_families(answer.content.decode()))


def value(series: Series, metric: str, **labels: str) -> float | None:
    return series.get(metric, {}).get(labelled(labels.items()))


def some_mail(number: int = 3, **facts: Any) -> None:
    for _ in range(number):
        Mail(at=timezone.now() - timedelta(minutes=50), **facts).write()


def test_it_is_there_for_the_token_and_for_staff_with_the_right_to_open_the_dashboard_alone() -> None:
    former = staff("recovery.view_rollup", is_staff=False)
    for client in (browser(), staff("recovery.view_heartbeat"), former):
        assert client.get(PAGE).status_code == 404
    for wrong in ("Bearer", "Bearer ", "Bearer wrong", TOKEN, f"Basic {TOKEN}"):
        assert browser(HTTP_AUTHORIZATION=wrong).get(PAGE).status_code == 404
    for client in (browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}"), staff("recovery.view_rollup")):
        answer = client.get(PAGE)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert "no-store" in answer.headers["Cache-Control"]
        assert client.post(PAGE).status_code in (403, 405)


def test_staff_who_are_limited_to_some_audiences_do_not_see_the_numbers_of_all(settings: Any) -> None:
    limited, free = (staff("recovery.view_rollup", username=name) for name in ("desk", "head"))
    settings.RECOVERY = {**settings.RECOVERY, "STAFF_AUDIENCES": f"{__name__}.doors_of"}
    assert [client.get(PAGE).status_code for client in (limited, free)] == [404, 200]


def doors_of(actor: Any) -> list[str] | None:
    return ["portal"] if actor.username == "desk" else None


@pytest.mark.parametrize("given", [{}, {"TOKEN": None}, {"TOKEN": ""}])
def test_without_a_token_in_the_settings_no_header_opens_it(settings: Any, given: dict[str, Any]) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "METRICS": given, "HEALTH_TOKEN": TOKEN}
    for header in ("Bearer ", "Bearer None", "", f"Bearer {TOKEN}"):
        assert browser(HTTP_AUTHORIZATION=header).get(PAGE).status_code == 404


def test_no_page_of_the_app_is_it_until_the_site_mounts_it(settings: Any) -> None:
    settings.ROOT_URLCONF = "example_project.urls"
    scraper = browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
    assert [scraper.get(path).status_code for path in (PAGE, "/recovery/metrics/")] == [404, 404]


def test_a_scraper_needs_no_sign_in_where_all_other_pages_do(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert value(scraped(), "recovery_healthy") == 0


def test_it_parses_in_both_formats_and_tells_all_its_metrics_with_their_labels_and_no_other() -> None:
    everything_lives()
    some_mail()
    whole()
    scraper = browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
    plain = list(parser.text_string_to_metric_families(scraper.get(PAGE).content.decode()))
    accept = "application/openmetrics-text; version=1.0.0"
    answer = scraper.get(PAGE, HTTP_ACCEPT=accept)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    strict = list(strict_parser.text_string_to_metric_families(answer.content.decode()))
    for families in (plain, strict):
        assert {family.name for family in families} == set(METRICS)
        for family in families:
            said, labels = METRICS[family.name]
            assert (family.type, family.documentation) == ("gauge", said)
            assert {name for sample in family.samples for name in sample.labels} <= set(labels)


def test_it_tells_the_figures_of_the_last_hour_and_the_last_day() -> None:
    everything_lives()
    some_mail(2, took=4, used=30)
    some_mail(1, state=EmailState.BOUNCED, took=None)
    Mail(at=timezone.now() - timedelta(hours=20), took=80).write()
    whole()
    told = scraped()
    for window, delivered, slowest in (("1h", 2, 4), ("24h", 3, 80)):
        assert value(told, "recovery_mails", window=window, fate="delivered") == delivered
        assert value(told, "recovery_mails", window=window, fate="bounced") == 1
        assert value(told, "recovery_links", window=window, fate="completed") == 2
        assert value(told, "recovery_requests", window=window) == delivered + 1
        assert value(told, "recovery_delivery_seconds", window=window, quantile="0.99") == slowest
        reached = round(delivered / (delivered + 1), 4)
        assert value(told, "recovery_target_reached_ratio", window=window, target="delivery_success") == reached
    assert value(told, "recovery_target_wanted_ratio", target="delivery_success") == 0.98
    assert value(told, "recovery_route_mails", route="main", fate="delivered") == 3
    assert value(told, "recovery_audience_mails", audience="default", fate="bounced") == 1
    assert 0 <= (value(told, "recovery_figures_age_seconds") or 0) < 60


def test_recipient_domains_are_told_as_the_site_lists_them_and_the_others_together(settings: Any) -> None:
    for domain, number in (("example.org", 2), ("example.net", 3), ("of-one-person.example", 4)):
        some_mail(number, domain=domain)
    whole()
    assert "recovery_domain_mails" not in scraped()
    listed = ["Example.ORG", "unheard.example"]
    settings.RECOVERY = {**settings.RECOVERY, "METRICS": {"TOKEN": TOKEN, "DOMAINS": listed}}
    told = scraped()["recovery_domain_mails"]
    delivered = {dict(labels)["domain"]: number for labels, number in told.items() if ("fate", "delivered") in labels}
    assert delivered == {"example.org": 2, "unheard.example": 0, "other": 7}


def test_nobody_and_no_address_is_in_it() -> None:
    """A label per person would also be a series per person."""
    person = UserFactory.create(username="amelie", email="amelie@private.example")
    ask(browser(), person.email)
    work()
    some_mail(domain="private.example")
    whole()
    for number in range(agents.MANY):
        act(action=Action.UNLOCKED, at=timezone.now(), actor_key=KEY_OF_AGENT, user_key=str(number))
    text = browser(HTTP_AUTHORIZATION=f"Bearer {TOKEN}").get(PAGE).content.decode()
    assert value(samples_of(parser.text_string_to_metric_families(text)), "recovery_alarm", alarm="agent_volume") == 1
    for secret in ("amelie", "private.example", KEY_OF_AGENT):
        assert secret not in text, secret
    labels = {label for _, names in METRICS.values() for label in names}
    assert labels == {
        "part", "name", "alarm", "level", "window", "fate", "quantile", "target", "audience", "route", "domain",
    }  # fmt: skip


def test_a_scrape_has_a_bounded_number_of_statements_whatever_there_is(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "METRICS": {"TOKEN": TOKEN, "DOMAINS": ["example.org", "example.net"]}}
    everything_lives()
    whole()
    with CaptureQueriesContext(
        connection,
    ) as few:
        scraped()
    for number in range(20):
        at = timezone.now() - timedelta(hours=number, minutes=5)
        Mail(at=at, domain=f"d{number}.example", route=f"r{number % 3}", audience=f"a{number % 2}").write()
    whole()
    with CaptureQueriesContext(connection) as many:
        scraped()
    assert len(many) <= len(few) + 6  # a day that is over is read apart from the hours before and after it, thrice
    assert len(many) <= BOUND
    assert all(query["sql"].lstrip("( \n").upper().startswith(("SELECT", "WITH")) for query in many.captured_queries)


def test_what_the_signs_of_life_and_the_alarms_say_is_told_and_sets_the_rules_off() -> None:
    everything_lives()
    whole()
    told = scraped()
    assert value(told, "recovery_healthy") == 1
    assert value(told, "recovery_part_up", part="worker", name="celery@one") == 1
    assert set(told["recovery_alarm"].values()) == {0}
    assert {dict(labels)["alarm"] for labels in told["recovery_alarm"]} == set(Alarm) - MOMENTS
    assert true_of(told) == set()
    dies_with_time()
    level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="a trial")
    told = scraped()
    assert value(told, "recovery_healthy") == 0
    assert value(told, "recovery_part_up", part="worker", name="celery@one") == 0
    assert (value(told, "recovery_part_age_seconds", part="worker", name="celery@one") or 0) > 60
    assert (value(told, "recovery_alarm", alarm="part_silent") or 0) >= 1
    assert {"RecoveryUnhealthy", "RecoveryPartDown", "RecoveryMailHeld"} <= true_of(told)


def true_of(told: Series) -> set[str]:
    """Which example rules are true of this scrape, before they have waited."""
    return {rule["alert"] for rule in RULES if evaluated(rule["expr"], told)}


def test_a_dead_database_is_told_and_nothing_is_claimed_that_is_not_known() -> None:
    with failing("recovery_", OperationalError("gone")):
        told = scraped()
    assert value(told, "recovery_healthy") == 0
    assert value(told, "recovery_part_up", part="database", name="") == 0
    assert "recovery_waiting" not in told
    assert "recovery_mails" not in told


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(Misconfigured, match=r"pip install 'django-account-recovery\[prometheus\]'"):
        scraped()
    assert browser().get(PAGE).status_code == 404
    assert Heartbeat.objects.filter(part=Part.WORKER).count() == 0


def test_every_fate_of_a_mail_is_a_series_also_while_there_is_none() -> None:
    told = scraped()["recovery_mails"]
    assert {dict(labels)["fate"] for labels in told} < set(Figure.values)
    assert set(told.values()) == {0}
    assert len(told) == 18
