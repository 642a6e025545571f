"""The dashboard: who may open it, what it says at a glance, and the rows that each of its numbers opens."""

import re
from datetime import UTC, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import metrics, rollup, watch
from recovery.admin import charts
from recovery.models import LinkLife, RouteState
from recovery.models.roll_ups import OTHER
from recovery.reasons import Circuit, EmailState, Kind
from tests.admin.dashboards import DASHBOARD, beat, lately, shown
from tests.admin.staff import staff, superuser, viewer
from tests.past import HOUR, Mail
from tests.rolled import whole

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def everything_lives() -> None:
    beat()


def headline(query: str = "") -> tuple[str, str]:
    found = shown(query).context["headline"]
    return found.mood, found.title


def test_the_page_needs_its_own_right() -> None:
    assert Client().get(DASHBOARD).status_code == 302
    assert viewer("recovery.view_heartbeat").get(DASHBOARD).status_code == 403
    assert staff("recovery.view_rollup").get(DASHBOARD).status_code == 200


def test_nothing_is_changed_by_it_and_nothing_can_be_posted_to_it() -> None:
    client = superuser()
    client.handler.enforce_csrf_checks = False
    assert client.head(DASHBOARD).status_code == 200
    for act_ in (client.post, client.put, client.delete):
        assert act_(DASHBOARD).status_code == 405
    for path in ("add/", "1/change/", "1/delete/"):
        assert client.get(f"{DASHBOARD}{path}").status_code == 404
    with CaptureQueriesContext(connection) as statements:
        client.get(DASHBOARD)
    assert not [each["sql"] for each in statements if re.match(r"\s*(INSERT|UPDATE|DELETE)", each["sql"])]


def test_it_stands_in_the_index_for_those_who_may_open_it() -> None:
    assert DASHBOARD in staff("recovery.view_rollup").get("/admin/").content.decode()
    assert DASHBOARD in staff("recovery.view_rollup").get("/admin/recovery/").content.decode()
    assert DASHBOARD not in viewer().get("/admin/").content.decode()


def test_the_sentence_above_says_the_worst_that_is_true() -> None:
    assert superuser().get(DASHBOARD).context["headline"].title == "Nothing was counted yet"
    assert headline() == ("open", "Nobody asked in this time")
    lately(3)
    whole()
    assert headline() == ("good", "Nothing is wrong")
    lately(57)
    assert headline() == ("good", "Nothing is wrong"), "older hours are counted anew only when something touches them"
    rollup.again(timezone.now() - 5 * HOUR)
    whole()
    assert headline() == ("good", "Recovery works")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"state": EmailState.HANDED_OVER, "took": None}, ("open", "Nobody knows whether mail arrives")),
        ({"state": EmailState.FAILED, "took": None}, ("bad", "Recovery needs somebody")),
    ],
)
def test_it_says_what_cannot_be_known_and_what_is_wrong(facts: dict[str, Any], said: tuple[str, str]) -> None:
    lately(60, **facts)
    whole()
    assert headline() == said


def test_a_target_that_was_missed_days_ago_is_said_in_its_own_window_alone() -> None:
    lately(60, hours=50, state=EmailState.FAILED, took=None)
    lately(60)
    whole()
    assert headline() == ("good", "Recovery works")
    assert headline("?window=7d") == ("bad", "Recovery misses a target")


def test_what_is_wrong_stands_first_with_the_rows_that_show_it() -> None:
    lately(60, state=EmailState.FAILED, took=None)
    whole()
    watch.look()
    answer = shown()
    [trouble] = answer.context["troubles"]
    assert trouble["word"] == "success_low"
    assert trouble["since"]
    assert len(superuser().get(trouble["url"]).context["cl"].result_list) == 50
    body = answer.content.decode()
    assert body.index("Too little mail arrives") < body.index("Time to arrive")


@pytest.mark.parametrize(
    "query", ["?window=x", "?route=nowhere", "?kind=x", "?audience=x", "?domain=" + "a" * 300, "?p=1&e=1&x=y"]
)
def test_what_cannot_be_chosen_is_left_out(query: str) -> None:
    lately(3)
    whole()
    answer = shown(query)
    assert answer.status_code == 200
    assert answer.context["numbers"].expected == 3


def test_the_filters_narrow_all_that_is_shown(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"portal": {}}}
    lately(3)
    lately(2, audience="portal", domain="example.net", kind=Kind.ADMIN)
    whole()
    for query, count in (
        ("", 5), ("?audience=portal", 2), ("?domain=Example.NET", 2), ("?domain=@example.net", 2), ("?kind=admin", 2),
        ("?audience=portal&domain=example.org", 0),
    ):  # fmt: skip
        answer = shown(query)
        assert answer.context["numbers"].expected == count, query
        assert sum(bar.numbers.expected for bar in bars_of(answer)) == count
    titles = [str(table["title"]) for table in shown().context["tables"]]
    assert titles == ["By audience", "By route", "By recipient domain", "By kind of request"]
    keys = [str(table["key"]) for table in shown("?domain=example.net").context["tables"]]
    assert keys == ["audience", "route", "kind"]


def bars_of(answer: Any) -> list[charts.Slot]:
    form = answer.context["form"]
    selection = form.selection(timezone.now())
    return charts.slots(metrics.by_hour(selection), selection)


def test_domains_that_were_counted_together_are_said_and_open_nothing() -> None:
    ago = timezone.now() - 3 * HOUR  # of one hour, which has fifty domains
    for number in range(55):
        Mail(at=ago, domain=f"d{number:02}.example").write()
    whole()
    [table] = [table for table in shown().context["tables"] if table["key"] == "domain"]
    [row] = [row for row in table["rows"] if row.name == "other domains"]
    assert ">43</span>" in row.expected, "the five of the hour, and what the table does not name"
    assert "href" not in row.expected
    assert "5 mails went to domains that were counted together" in shown("?domain=d54.example").content.decode()
    assert OTHER not in shown().content.decode()


def test_each_table_adds_up_to_the_numbers_above_it() -> None:
    """Of more than it names, and with mail that took no route."""
    kinds = (Kind.FORGOT, Kind.ADMIN)
    for number in range(15):
        lately(route=f"r{number}", domain=f"d{number}.example", kind=kinds[number % 2])
    lately(2, route="", state=EmailState.EXPIRED, left=False, took=None)
    whole()
    answer = shown()
    tables = {table["key"]: table["rows"] for table in answer.context["tables"]}
    assert [len(rows) for rows in tables.values()] == [14, 13, 2]
    for rows in tables.values():
        assert sum(int(re.findall(r">(\d+)<", row.expected)[0]) for row in rows) == 17
    assert [row.name for row in tables["route"][-2:]] == ["others", "none"]
    assert not [row for row in tables["route"][-2:] if "href" in row.expected]
    assert {row.name for row in tables["kind"]} == {str(kind.label) for kind in kinds}


def test_how_long_links_live_is_shown_with_its_reason(settings: Any) -> None:
    assert "nothing was measured yet" in superuser().get(DASHBOARD).content.decode()
    doors = {"club": {"TOKEN_LIFETIME": timedelta(hours=2)}, "portal": {}}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": doors}
    LinkLife.objects.create(audience="default", seconds=3600, delivery_count=150, opening_count=90)
    LinkLife.objects.create(
        audience="portal", seconds=1860, delivery_count=400, delivery_p95=30, opening_count=300, opening_p95=900
    )
    lives = {life["audience"]: life for life in superuser().get(DASHBOARD).context["lives"]}
    assert {name: life["life"] for name, life in lives.items()} == {"default": "1 h", "club": "2 h", "portal": "31 min"}
    assert lives["default"]["why"].startswith("150 deliveries and 90 openings")
    assert "from 200 of each on" in lives["default"]["why"]
    assert "30 s until it arrived and 15 min until it was opened" in lives["portal"]["why"]
    assert "TOKEN_LIFETIME" in lives["club"]["why"]


@pytest.mark.parametrize("query", ["", "?window=7d", "?window=30d", "?window=90d", "?window=30d&domain=example.org"])
def test_the_page_takes_as_many_statements_for_a_month_of_mail_as_for_none(query: str) -> None:
    client = superuser()
    counts = []
    for many in (0, 60):
        for number in range(many):
            lately(hours=3 + number % 9, domain=f"d{number}.example", audience=f"a{number % 3}")
        whole()
        with CaptureQueriesContext(connection) as statements:
            assert client.get(f"{DASHBOARD}{query}").status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 26


def test_no_mail_is_read_for_a_month() -> None:
    """But what waits now, and what was set aside within a day, which are found by their indexes."""
    client = superuser()
    whole()
    with CaptureQueriesContext(connection) as statements:
        client.get(f"{DASHBOARD}?window=30d")
    read = [each["sql"] for each in statements if 'FROM "recovery_email"' in each["sql"]]
    assert len(read) == 2
    assert "next_try_at" in read[0]
    assert re.search(r"""email"."id" > .* AND "recovery_email"."reason" IN \(""", read[1])


def test_the_drawings_say_in_words_what_they_show_and_a_table_holds_their_numbers() -> None:
    ago = timezone.now() - 3 * HOUR  # of one bar
    for mail in [Mail(at=ago, took=7)] * 4 + [Mail(at=ago, state=EmailState.BOUNCED, took=None)] * 2:
        mail.write()
    whole()
    answer = shown()
    body = unescape(answer.content.decode())
    assert "6 mails due from" in body
    assert "4 arrived, 2 failed or late, 0 without news" in body
    assert "95 % within 7 s; the target is 1 min" in body
    rows = [row for row in answer.context["bars"] if ">6</a>" in row.expected]
    [row] = rows
    assert (re.findall(r">(\d+)</a>", row.not_arrived), row.p50, row.p95) == (["2"], "7 s", "7 s")


def test_nothing_in_the_page_needs_what_a_strict_policy_forbids() -> None:
    lately(4)
    whole()
    body = shown().content.decode().split('id="content-main"')[1].split("</main>")[0]
    assert not re.findall(r"\sstyle=|<style|<script|\son\w+=|javascript:", body)
    assert not re.findall(r'(?:src|href)="(?!/|#|\?)', body)


def test_bars_begin_at_midnight_of_the_viewers_zone() -> None:
    now = timezone.now().astimezone(UTC)
    selection = metrics.selection(since=now - timedelta(days=20), until=now)
    with timezone.override("Asia/Kolkata"):
        bars = charts.slots({}, selection)
        assert {(bar.begins.hour, bar.begins.minute) for bar in bars} == {(0, 0)}
        assert len(bars) in (21, 22)
        assert bars[3].first_hour.minute == 0


def test_the_times_of_bars_name_their_zone_and_utc_beside() -> None:
    Mail(at=timezone.now() - 3 * HOUR).write()
    with timezone.override("Asia/Kolkata"):
        bars = shown().context["bars"]
    assert bars
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d IST \(\d\d:\d\d UTC\)", bar.name) for bar in bars)


def test_a_day_of_summer_time_is_one_bar() -> None:
    begin = timezone.datetime(2026, 10, 20, tzinfo=UTC)  # type: ignore[attr-defined]
    with timezone.override("Europe/Berlin"):
        bars = charts.slots({}, metrics.selection(since=begin, until=begin + timedelta(days=12)))
        assert len({bar.begins.date() for bar in bars}) == len(bars) == 13


def test_a_failed_route_is_said_once() -> None:
    RouteState.objects.create(name="default", circuit=Circuit.OPEN)
    answer = shown()
    assert [trouble["word"] for trouble in answer.context["troubles"]] == ["circuit_open"]
    assert answer.context["recovery_status"] == []


def test_other_pages_of_ours_say_that_an_alarm_stands_and_lead_to_the_dashboard() -> None:
    lately(60, state=EmailState.FAILED, took=None)
    whole()
    watch.look()
    [line] = viewer("recovery.view_rollup").get("/admin/recovery/email/").context["recovery_status"]
    assert line == '<a href="/admin/recovery/rollup/">Dashboard</a>: too little mail arrives.'
    assert viewer().get("/admin/recovery/email/").context["recovery_status"] == []
