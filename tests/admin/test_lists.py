"""Searching and leafing through the email log, the requests and the trail."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import accounts, outbox, resets
from recovery.admin import finding
from recovery.models import AuditEvent, Email, Lockout, ResetRequest
from recovery.reasons import Action, EmailKind, LockKind
from tests.admin.pages import ORIGIN, PAGES, listed, reset_for, row_of
from tests.admin.staff import ALL_BUT_ADA, superuser, viewer
from tests.asking import ask, browser, work
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.attack(46)
@pytest.mark.parametrize("page", [*PAGES, "lockout"])
def test_a_search_for_somebody_out_of_scope_answers_as_for_nobody(page: str, ada: Any, settings: Any) -> None:
    """Neither rows nor their number tell that there is such an account."""
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    ask(browser(), ada.email)
    work()
    Lockout.objects.create(kind=LockKind.ACCOUNT, user_key=accounts.key_of(ada))
    client = viewer("recovery.view_lockout")
    for parameter, typed in (("q", ada.email), ("q", accounts.key_of(ada)), ("user_key", accounts.key_of(ada))):
        answer = client.get(listed(page), {parameter: typed})
        assert list(answer.context["cl"].result_list) == []
        assert "0 rows" in answer.content.decode()
    for event in AuditEvent.objects.exclude(request_id=None):
        assert client.get(listed("auditevent", f"{event.pk}/change/")).status_code == 302
    assert client.get(listed(page), {"q": "nobody@example.com"}).context["cl"].result_count == 0


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("typed", ["ada.lovelace@example.com", "  ADA.Lovelace@Example.COM "])
def test_a_search_by_recipient_finds_the_persons_rows_alone(page: str, typed: str, ada: Any) -> None:
    mine, other = reset_for(ada), reset_for(UserFactory())
    found = viewer().get(listed(page), {"q": typed}).context["cl"].result_list
    assert row_of(page, mine) in found
    assert row_of(page, other) not in found


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("spelling", ["upper", "lower", "dashed", "misread"])
def test_a_search_by_reference_takes_what_is_read_over_the_phone(page: str, spelling: str, ada: Any) -> None:
    mine, other = reset_for(ada), reset_for(UserFactory())
    ResetRequest.objects.filter(pk=mine.pk).update(reference="AB01CDEF")
    mine.refresh_from_db()
    typed = {"upper": "AB01CDEF", "lower": "ab01cdef", "dashed": " ab01-cdef ", "misread": "ABOl-CDEF"}[spelling]
    found = viewer().get(listed(page), {"q": typed}).context["cl"].result_list
    assert found
    assert row_of(page, other) not in found
    if page == "auditevent":
        assert {event.request_id for event in found} == {mine.pk}
    else:
        assert found == [row_of(page, mine)]


def test_the_trail_of_a_request_that_was_purged_is_still_found_by_its_reference() -> None:
    kept = AuditEvent.objects.create(action=Action.DECIDED, reference="AB01CDEF")
    assert viewer().get(listed("auditevent"), {"q": "ab01-cdef"}).context["cl"].result_list == [kept]


@pytest.mark.parametrize("kept", ["0f2e-from-the-provider", "<0f2e-from-the-provider>"])
@pytest.mark.parametrize("page", PAGES)
def test_a_search_by_message_id_takes_the_providers_and_ours(page: str, kept: str, ada: Any) -> None:
    mine = reset_for(ada)
    Email.objects.filter(request=mine).update(esp_message_id=kept)
    reset_for(UserFactory())
    email = mine.emails.get()
    for typed in ("0f2e-from-the-provider", "<0f2e-from-the-provider>", f"<{email.pk}@library.example>"):
        found = viewer().get(listed(page), {"q": typed}).context["cl"].result_list
        assert found, typed
        assert {getattr(row, "request_id", row.pk) for row in found} == {mine.pk}


def test_the_beginning_of_an_address_is_searched_for_those_alone_who_may_see_addresses(ada: Any) -> None:
    mine = reset_for(ada)
    assert not viewer().get(listed("email"), {"q": "ada.lo"}).context["cl"].result_list
    seen = viewer("recovery.see_addresses").get(listed("email"), {"q": "ada.lo"}).context["cl"].result_list
    assert seen == [mine.emails.get()]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("typed", ["ab01", "AB0l-C", "17.578", "<17.578"])
def test_the_beginning_of_a_reference_or_message_id_finds_its_rows_alone(page: str, typed: str, ada: Any) -> None:
    mine, other = reset_for(ada), reset_for(UserFactory())
    for request, begin, reference in ((mine, "<17.5788", "AB01CDEF"), (other, "<17.5688", "AB02CDEF")):
        ResetRequest.objects.filter(pk=request.pk).update(reference=reference)
        Email.objects.filter(request=request).update(esp_message_id=f"{begin}.relay@example.org>")
    found = viewer().get(listed(page), {"q": typed}).context["cl"].result_list
    assert row_of(page, mine) in found
    assert row_of(page, other) not in found


def test_of_many_addresses_that_begin_alike_the_newest_are_shown(ada: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(finding, "MOST_BEGUN", 2)
    sent = [reset_for(UserFactory(email=f"many{letter}@example.com")).emails.get() for letter in "adcb"]
    shown = viewer("recovery.see_addresses").get(listed("email"), {"q": "many"}).context["cl"].result_list
    assert list(shown) == [sent[3], sent[2]]


@pytest.mark.parametrize("page", PAGES)
def test_a_search_for_nothing_known_finds_nothing(page: str, ada: Any) -> None:
    reset_for(ada)
    for typed in ("nobody@example.com", "%", "_", "'", "9" * 5000, "é" * 300):
        answer = viewer().get(listed(page), {"q": typed})
        assert answer.status_code == 200
        assert not answer.context["cl"].result_list


def test_a_person_has_all_their_requests_and_mail_behind_one_key(ada: Any) -> None:
    mine, other = reset_for(ada), reset_for(UserFactory())
    sent = resets.send_by_staff(ada, actor=StaffFactory(), reason="phone", origin=ORIGIN)
    answer = viewer().get(listed("resetrequest", f"?user_key={accounts.key_of(ada)}"))
    assert set(answer.context["cl"].result_list) == {mine, sent}
    answer = viewer().get(listed("email", f"?user_key={accounts.key_of(ada)}"))
    assert set(answer.context["cl"].result_list) == {mine.emails.get()}
    assert other.emails.get() not in answer.context["cl"].result_list


@pytest.mark.parametrize("page", PAGES)
def test_the_list_needs_as_many_statements_for_two_hundred_rows_as_for_ten(page: str) -> None:
    client = viewer("auth.view_user", "recovery.see_addresses")
    counts = []
    for number in (10, 190):
        for _each in range(number):
            user: Any = UserFactory(password=None)
            request = resets.send_by_staff(user, actor=StaffFactory(), reason="asked by phone", origin=ORIGIN)
            outbox.queue(EmailKind.RESET, [user.email], user_key=accounts.key_of(user), request=request)
        with CaptureQueriesContext(
            connection,
        ) as statements:
            rows = client.get(listed(page)).context["cl"].result_list
        counts.append(len(statements))
    assert len(rows) == 50
    assert counts[0] == counts[1] <= 10, "two of them for the level and the routes"


def test_the_list_never_counts_a_whole_table(ada: Any) -> None:
    now = timezone.now()
    Email.objects.bulk_create(
        [Email(kind=EmailKind.RESET, recipient=ada.email, recipient_key=ada.email, send_by=now) for _each in range(600)]
    )
    client = viewer()
    with CaptureQueriesContext(connection) as statements:
        first = client.get(listed("email"))
    counts = [statement["sql"] for statement in statements if "COUNT(" in statement["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)
    assert "551 rows or more" in first.content.decode()
    last = client.get(listed("email", "?p=12"))
    assert "or more" not in last.content.decode()
    assert len(last.context["cl"].result_list) == 50


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "wrong", ["?p=x", "?p=99999", "?state__exact=nonsense", "?user_key=%00", "?q=%00", "?nonsense=1"]
)
def test_a_mangled_query_is_answered_without_an_error(page: str, wrong: str, ada: Any) -> None:
    reset_for(ada)
    status = viewer().get(listed(page, wrong)).status_code
    assert status == 400 if "%00" in wrong else status in (200, 302)


@pytest.mark.parametrize(("page", "column"), [("resetrequest", "outcome"), ("email", "state")])
def test_what_became_of_a_row_stands_beside_when_where_a_narrow_window_does_not_cut_it_off(
    page: str, column: str, ada: Any
) -> None:
    reset_for(ada)
    body = superuser().get(listed(page)).content.decode()
    columns = re.findall(r'<t[dh] class="field-(\w+)', body)
    assert columns[1] == column
