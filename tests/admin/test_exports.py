"""The lists as files: who gets which rows, how they are masked, that no cell is a formula, and what the trail says."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from recovery import accounts, audit, cases, outbox, suppressions
from recovery.models import AuditEvent, Bounce, Email, EmailEvent, RawEvent
from recovery.reasons import Action, CaseReason, EmailKind, SuppressionReason
from tests.admin.files import LISTS, asked, came_back, exporting, rows_of, text_of, trail, viewing
from tests.admin.pages import listed, reset_for
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

SEE = "recovery.see_addresses"
HOSTILE = "=cmd|'/C calc'!A0\r\n+1;\t@SUM(A1)\x00 <script>alert(1)</script>"
each_list = pytest.mark.parametrize("page", LISTS)
each_format = pytest.mark.parametrize("form", ["csv", "jsonl"])


@pytest.fixture
def everything(ada: Any, settings: Any) -> None:
    """At least one row of each list, all about ada."""
    request = reset_for(ada)
    came_back(ada, settings, f"550 5.1.1 <{ada.email}>: unknown")
    key = accounts.key_of(ada)
    cases.open_for(key, request=request, reason=CaseReason.BOUNCED_NO_BACKUP, began_at=timezone.now())
    RawEvent.objects.create(esp="postmark", content="{}", error=f"no event: {ada.email}")


@pytest.fixture
def in_threes() -> Iterator[None]:
    pages = admin.site.get_model_admin(Email)
    pages.exported_at_once = 3  # type: ignore[attr-defined]
    yield
    del pages.exported_at_once  # type: ignore[attr-defined]


@each_format
@each_list
def test_every_list_gives_its_columns_and_keys_newest_first(page: str, form: str, everything: None) -> None:
    there = [str(key) for key in LISTS[page].objects.order_by("-pk").values_list("pk", flat=True)]
    answer = asked(superuser(), page, form)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"] == {"csv": "text/csv", "jsonl": "application/jsonl"}[form] + "; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]
    name = answer["Content-Disposition"].removeprefix(f'attachment; filename="{page}-')
    assert datetime.strptime(name, f'%Y%m%dT%H%M%SZ.{form}"')  # noqa: DTZ007
    text = text_of(answer)
    assert text.startswith("\ufeff") == (form == "csv"), "for Excel; JSON has none"
    rows = rows_of(superuser(), page, form)
    listed_columns = admin.site.get_model_admin(LISTS[page]).listed  # type: ignore[attr-defined]
    assert {tuple(row) for row in rows} == {("key", *listed_columns)}
    assert [row["key"] for row in rows if row["key"] in there] == there
    assert "<" not in text.replace("<script>alert(1)</script>", "").replace("<ada.lovelace@example.com>", "")


def test_moments_are_in_utc_and_what_is_missing_is_empty(everything: None, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    timezone.get_default_timezone.cache_clear()
    [row] = rows_of(superuser(), "bounce")
    timezone.get_default_timezone.cache_clear()
    bounce = Bounce.objects.get()
    assert row["occurred_at"] == bounce.occurred_at.isoformat()
    assert row["occurred_at"].endswith("+00:00")
    assert row["state"] == "hard the address itself is dead"
    assert row["account"] == "ada"
    assert {row["reason"] for row in rows_of(superuser(), "auditevent")} == {""}


@pytest.mark.attack(78)
@each_format
def test_a_strangers_words_are_one_line_and_no_formula(form: str, ada: Any, settings: Any) -> None:
    came_back(ada, settings, HOSTILE)
    assert "=cmd" in EmailEvent.objects.exclude(detail="").latest("pk").detail
    [row] = rows_of(viewing("bounce", SEE), "bounce", form)
    assert row["evidence"].startswith("'=cmd|'/C calc'!A0 +1;' @SUM(A1) <script>")
    assert row["evidence"].isprintable()
    if form == "csv":
        text = text_of(asked(viewing("bounce", SEE), "bounce"))
        assert text.count("\n") == text.count("\r\n") == 2


def test_what_staff_wrote_is_no_formula_however_it_begins() -> None:
    before = ("", " ", "\t", "\r\n", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u202e ", "a;", "a; ")
    marks = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe62", "\u2212")
    for begins in (f"{blank}{mark}" for blank in before for mark in marks):
        audit.record(Action.LINK_REVOKED, reason=f"{begins}1+1")
    cells = [row["reason"].split(";")[-1] for row in rows_of(superuser(), "auditevent") if row["reason"]]
    assert len(cells) == len(before) * len(marks)
    assert [cell for cell in cells if not (cell.startswith("'") and cell.endswith("1+1"))] == []


@pytest.mark.parametrize("begins", ["\t", "\r", "\n"])
def test_a_tab_or_a_line_break_before_a_word_is_a_beginning_too(begins: str) -> None:
    audit.record(Action.LINK_REVOKED, reason=f"{begins}word")
    assert "' word" in {row["reason"] for row in rows_of(superuser(), "auditevent")}


@each_format
def test_entities_are_only_undone_where_the_page_made_them(form: str, ada: Any) -> None:
    """The kind of a mail of the site stands with its subject, in markup, and there a sign is written as an entity."""
    subject = "Fish & <chips> 'n' \"peas\" &amp; &lt;b&gt; &#61;1"
    [email] = outbox.queue(EmailKind.SITE, [ada.email], user_key=accounts.key_of(ada))
    Email.objects.filter(pk=email.pk).update(subject=subject)
    audit.record(Action.LINK_REVOKED, reason=subject)
    [row] = rows_of(viewing("email", SEE), "email", form)
    told = {row["reason"] for row in rows_of(superuser(), "auditevent", form)}
    # What follows a semicolon is looked at for formulas, and there is none.
    assert row["kind"].endswith(f" {subject}")
    assert subject in told


@pytest.mark.parametrize("words", ["550 5.1.1 -no", 'said "no", twice', "a <b> & c", "a\u2028b", "line\r\nline"])
@each_format
def test_other_words_come_as_they_are_on_one_line(words: str, form: str) -> None:
    audit.record(Action.LINK_REVOKED, reason=words)
    said = {row["reason"] for row in rows_of(superuser(), "auditevent", form)}
    assert words.replace("\r", " ").replace("\n", " ").replace("\u2028", " ") in said


@each_format
@each_list
def test_addresses_are_masked_as_on_the_page(page: str, form: str, everything: None, ada: Any) -> None:
    masked = text_of(asked(viewing(page), page, form))
    assert ada.email not in masked
    if page not in ("supportcase", "auditevent"):  # these show none
        assert "a•••e@e•••e.com" in masked
        assert ada.email in text_of(asked(viewing(page, SEE), page, form))


@pytest.mark.parametrize("page", [page for page in LISTS if page != "rawevent"])  # what providers posted is nobody's
def test_rows_about_people_out_of_scope_are_left_out(page: str, everything: None, settings: Any) -> None:
    about_ada = {str(key) for key in LISTS[page].objects.values_list("pk", flat=True)}
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    bob = UserFactory.create()
    suppressions.add(bob.email, reason=SuppressionReason.STAFF, source="staff")
    assert about_ada
    shown = {row["key"] for row in rows_of(viewing(page), page)}
    of_nobody = AuditEvent.objects.filter(user_key="").values_list("pk", flat=True) if page == "auditevent" else []
    assert not shown & (about_ada - {str(key) for key in of_nobody})
    assert bool(shown) == (page in ("suppression", "auditevent"))


@each_format
@each_list
def test_it_needs_the_right_to_see_that_list(page: str, form: str, everything: None) -> None:
    others = [f"recovery.view_{other}" for other in LISTS if other != page]
    assert asked(Client(), page, form).status_code == 302
    assert asked(staff(*others, SEE), page, form).status_code == 403
    assert asked(staff(f"recovery.view_{page}"), page, form).status_code == 200


@each_list
def test_getting_it_or_posting_it_from_elsewhere_gives_nothing(page: str, everything: None) -> None:
    client = viewing(page)
    assert client.get(exporting(page)).status_code == 405
    assert client.post(exporting(page)).status_code == 403, "no token"
    assert asked(client, page, "xls").status_code == 404
    assert trail() == []


@each_list
def test_the_list_has_a_button_for_each_format_that_keeps_its_filters(page: str, everything: None) -> None:
    text = viewing(page).get(listed(page)).content.decode()
    for form, label in (("csv", "CSV"), ("jsonl", "JSON Lines")):
        assert f'action="{exporting(page, form)}?"' in text
        assert f">{label}</button>" in text
    assert "at most 50000" in text


@each_list
def test_a_button_carries_what_proves_that_the_page_was_ours(page: str, everything: None) -> None:
    client = viewing(page)
    form = re.search(r'<form method="post" action="([^"]+)">(.*?)</form>', client.get(listed(page)).content.decode())
    assert form
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form[2])
    assert token
    assert "key," in text_of(client.post(form[1], {"csrfmiddlewaretoken": token[1]}))


def test_a_button_posts_the_filters_that_are_in_use_and_nothing_else(ada: Any) -> None:
    client = viewing("email")
    text = client.get(listed("email"), {"q": "a&b", "state__exact": "queued", "o": "1"}).content.decode()
    assert f'action="{exporting("email")}?q=a%26b&amp;state__exact=queued"' in text


@each_format
def test_filters_and_search_hold_for_the_file(form: str, ada: Any) -> None:
    mine, other = reset_for(ada), reset_for(UserFactory())
    client = viewing("email", SEE)

    def found(query: str) -> set[str]:
        return {row["key"] for row in rows_of(client, "email", form, query)}

    own, others = ({str(email.pk) for email in request.emails.all()} for request in (mine, other))
    assert found("") == own | others
    assert found(f"?q={ada.email}") == own
    assert found(f"?user_key={accounts.key_of(ada)}") == own
    assert found("?state__exact=bounced") == set()


@pytest.mark.parametrize("query", ["?recipient__startswith=a", "?nonsense=1", "?q=%00", "?state__exact=%00"])
def test_what_the_list_refuses_the_file_refuses(query: str, everything: None) -> None:
    assert asked(viewing("email"), "email", query=query).status_code == 400
    assert trail() == []


def test_a_masked_viewer_cannot_search_by_the_beginning_of_an_address(ada: Any) -> None:
    reset_for(ada)
    assert rows_of(viewing("email"), "email", query="?q=ada.lo") == []
    assert len(rows_of(viewing("email", SEE), "email", query="?q=ada.lo")) == 1


def test_who_took_what_is_on_the_trail_before_and_how_much_after(ada: Any) -> None:
    reset_for(ada)
    client = viewing("email", SEE)
    answer = asked(client, "email", query=f"?q={ada.email}&kind__exact=reset")
    facts = {"model": "email", "format": "csv", "filters": ["kind__exact", "q"]}
    key = accounts.key_of(client.user)  # type: ignore[attr-defined]
    assert trail() == [(Action.EXPORTED, key, facts)]
    text_of(answer)
    ended = {**facts, "rows": 1, "sent_to_the_end": True}
    assert trail() == [(Action.EXPORTED, key, facts), (Action.EXPORT_ENDED, key, ended)]
    assert ada.email not in str(trail())
    assert "email" in rows_of(superuser(), "auditevent", query="?action__exact=list.exported")[-1]["action"]


@pytest.mark.django_db(transaction=True)  # closing an answer closes the connection
def test_a_file_that_was_broken_off_says_how_much_had_left(ada: Any, in_threes: None) -> None:
    outbox.queue(EmailKind.RESET, [f"reader{number}@example.com" for number in range(10)])
    answer = asked(viewing("email"), "email")
    parts = iter(answer.streaming_content)
    for _part in range(3):  # the head and two batches
        next(parts)
    answer.close()  # as a server does when nobody listens any more
    assert [facts.get("rows") for _action, _actor, facts in trail()] == [None, 6]
    assert trail()[-1][2]["sent_to_the_end"] is False


def test_a_file_has_so_many_rows_and_no_more(ada: Any, in_threes: None) -> None:
    outbox.queue(EmailKind.RESET, [f"reader{number}@example.com" for number in range(10)])
    pages = admin.site.get_model_admin(Email)
    pages.most_exported = 4  # type: ignore[attr-defined]
    try:
        with CaptureQueriesContext(connection) as statements:
            keys = [row["key"] for row in rows_of(viewing("email"), "email")]
    finally:
        del pages.most_exported  # type: ignore[attr-defined]
    assert keys == [str(key) for key in Email.objects.order_by("-pk").values_list("pk", flat=True)[:4]]
    assert trail()[-1][2]["rows"] == 4
    batches = [each["sql"] for each in statements if each["sql"].endswith("LIMIT 3")]
    assert len(batches) == 2, "nothing is read beyond"


def test_each_batch_leaves_before_the_next_is_read_with_as_many_statements(settings: Any, in_threes: None) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    people: list[Any] = [UserFactory(password=None) for _each in range(3)]
    for user in people * 4:  # who was looked up for one batch is forgotten with it
        outbox.queue(EmailKind.RESET, [user.email], user_key=accounts.key_of(user))
    client = viewing("email")
    with CaptureQueriesContext(connection) as statements:
        answer = asked(client, "email")
        parts = iter(answer.streaming_content)
        assert next(parts).count(b"\r\n") == 1, "the head alone"
        done = [len(statements)]
        for _batch in range(4):
            assert next(parts).count(b"\r\n") == 3
            done.append(len(statements))
        assert list(parts) == []
    assert {after - before for before, after in pairwise(done)} == {2}, "rows, and their people"
    assert not [each["sql"] for each in statements if "COUNT(" in each["sql"] and "LIMIT" not in each["sql"]]


def test_a_file_speaks_one_language_to_its_end(ada: Any) -> None:
    case = cases.open_by_hand(ada, actor=StaffFactory(), reason="phone")
    assert case is not None
    client = viewing("supportcase")
    client.handler.enforce_csrf_checks = False
    answer = client.post(exporting("supportcase"), headers={"accept-language": "de"})
    with override("fr"):
        assert "offen" in text_of(answer)
