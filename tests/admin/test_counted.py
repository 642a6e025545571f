"""The rows behind each number of the dashboard: they add up to it, for whoever may see them."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recovery import metrics
from recovery.admin.counted import query_of
from recovery.reasons import EmailState, Figure
from tests.admin.dashboards import DASHBOARD, beat, lately, shown
from tests.admin.staff import staff, superuser, viewer
from tests.past import HOUR, Mail, act, case
from tests.rolled import numbers, whole
from tests.test_counting import counted_as

pytestmark = pytest.mark.django_db

LINK = re.compile(r'<a href="(/admin/recovery/\w+/\?counted=(\w+)&[^"]*)" title="[^"]*">([\d,]+)</a>')


@pytest.fixture(autouse=True)
def everything_lives() -> None:
    beat()


def links(query: str = "", client: Client | None = None) -> list[tuple[str, str, str]]:
    """Of each number that opens something: where to, what it counts, and the number."""
    found: list[tuple[str, str, str]] = LINK.findall(unescape(shown(query, client).content.decode()))
    return found


def link_of(wanted: Figure, query: str = "", client: Client | None = None) -> str:
    return next(url for url, figure, _ in links(query, client) if figure == wanted)


def write_some_of_each() -> None:
    ago = timezone.now() - 3 * HOUR
    for domain, route in (("example.org", "main"), ("example.net", "spare")):
        for state in EmailState:
            took = 70.0 if state == EmailState.DELIVERED else None
            left = state not in (EmailState.WITHHELD, EmailState.CANCELLED)
            Mail(at=ago, state=state, took=took, left=left, domain=domain, route=route).write()
        first = Mail(at=ago, used=40, domain=domain, route=route).write()
        Mail(at=ago, opened=40, complained=60, domain=domain, route=route).write()
        Mail(at=timezone.now() - timedelta(minutes=3), domain=domain, route=route).write()
        case(first)
        act(first, at=ago)
    whole()


@pytest.mark.parametrize("query", ["", "?window=7d", "?domain=example.org", "?route=main&window=7d", "?kind=forgot"])
def test_every_number_opens_the_rows_behind_it_and_they_add_up_to_it(query: str, settings: Any) -> None:
    ways = [{"NAME": name, "BACKEND": "tests.backends.Unreachable"} for name in ("main", "spare")]
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": ways}
    write_some_of_each()
    client = superuser()
    found = links(query, client)
    often = {"delivered", "not_arrived", "expected", "opened", "requests", "acts", "no_news", "live"}
    assert {figure for _, figure, _ in found} >= often
    for url, figure, number in set(found):
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert len(answer.context["cl"].result_list) == int(number), (figure, url)


def test_no_number_of_a_table_opens_nothing() -> None:
    write_some_of_each()
    cells = re.findall(r"<td>(.*?)</td>", shown("?window=7d").content.decode(), re.DOTALL)
    numbered = [cell for cell in cells if re.fullmatch(r"\s*[1-9][\d,]*\s*", re.sub(r"<[^>]+>", "", cell))]
    assert len(numbered) > 10
    assert [cell for cell in numbered if "<a " not in cell] == []


def test_no_number_opens_a_list_that_the_viewer_may_not_see() -> None:
    write_some_of_each()
    assert links(client=staff("recovery.view_rollup")) == []
    only_mail = links(client=staff("recovery.view_rollup", "recovery.view_email"))
    assert only_mail
    assert all(url.startswith("/admin/recovery/email/") for url, _, _ in only_mail)


def test_a_list_says_what_it_was_narrowed_to_and_leads_back_to_all() -> None:
    write_some_of_each()
    client = superuser()
    url = link_of(Figure.BOUNCED, "?domain=example.org", client)
    answer = client.get(url)
    body = answer.content.decode()
    assert "counted on the dashboard" in body
    assert "mail that the recipient&#x27;s server returned" in body
    assert "example.org" in body
    [everything, _] = list(answer.context["cl"].filter_specs[-1].choices(answer.context["cl"]))
    assert "counted" not in everything["query_string"]


SPAN = "counted_since=2026-11-20T10:00:00Z&counted_until=2026-11-20T11:00:00Z"


@pytest.mark.parametrize(
    "query",
    [
        "counted=nonsense&" + SPAN,
        "counted=delivered",
        "counted=delivered&counted_since=x&counted_until=y",
        "counted=delivered&counted_since=2026-11-20T10:00:00&counted_until=2026-11-20T11:00:00",
        "counted=delivered&counted_since=0001-01-01T00:00:00Z&counted_until=9999-12-31T23:59:59Z",
        "counted=cases&" + SPAN,
        SPAN,
    ],
)
def test_what_no_link_of_ours_says_is_refused_as_any_wrong_filter(query: str) -> None:
    answer = viewer().get(f"/admin/recovery/email/?{query}")
    assert answer.status_code == 302
    assert answer["Location"].endswith("?e=1")


def test_a_number_is_no_way_round_the_mask() -> None:
    """Whose addresses are masked must not learn by trying which domain stands behind a mask."""
    url = f"/admin/recovery/email/?counted=expected&{SPAN}&counted_domain=example.org"
    assert viewer().get(url).status_code == 302
    assert viewer("recovery.see_addresses").get(url).status_code == 200
    assert viewer("recovery.view_rollup").get(url).status_code == 200
    nul = f"/admin/recovery/email/?counted=expected&{SPAN}&counted_domain=%00"
    assert superuser().get(nul).status_code == 400
    assert superuser().get(f"{DASHBOARD}?domain=%00").status_code == 400


def test_a_list_behind_a_number_can_be_taken_as_a_file() -> None:
    lately(3)
    whole()
    client = superuser()
    client.handler.enforce_csrf_checks = False
    url = link_of(Figure.DELIVERED, client=client)
    answer = client.post(url.replace("/email/?", "/email/export/csv/?"))
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").strip().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 4


def test_every_figure_that_was_counted_is_opened_by_some_number() -> None:
    """So that none of the words is dead; the alarm about slow mail opens two of them, and the target's time is 60 s."""
    write_some_of_each()
    now = timezone.now()
    counted = counted_as(numbers(metrics.selection(since=now - timedelta(days=7), until=now)))
    elsewhere = {Figure.IN_TIME, Figure.SLOW, Figure.UNOPENED}
    opened = {figure for _, figure, _ in links("?window=7d")}
    assert {figure.value for figure, number in counted.items() if number and figure not in elsewhere} <= opened


def test_a_list_is_judged_at_the_very_moment_of_its_figures() -> None:
    at = timezone.now().replace(microsecond=123456)
    assert f"{at:%S}.123456Z" in query_of(metrics.selection(since=at, until=at), at)
