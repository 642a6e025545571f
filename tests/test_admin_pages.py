"""What staff read in the admin: the email log, requests and the trail. Through the pages, with real rights."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import accounts, intake, outbox, resets
from recovery.models import AuditEvent, Email, EmailEvent, ResetRequest
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, EmailState, EventKind, Verdict
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

PAGES = ("email", "resetrequest", "auditevent")
SCRIPT = "<script>alert(1)</script>"
ORIGIN = Origin(ip="192.0.2.7", user_agent=SCRIPT, language="en")


def staff(*rights: str, **facts: Any) -> Client:
    """A signed-in member of staff with exactly these rights, as ``app.codename``."""
    member: Any = StaffFactory(**facts)
    for right in rights:
        app, codename = right.split(".")
        member.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)
    client.user = member  # type: ignore[attr-defined]
    return client


def viewer(*more: str) -> Client:
    return staff(*(f"recovery.view_{page}" for page in PAGES), *more)


def superuser() -> Client:
    return staff(is_superuser=True)


def listed(page: str, query: str = "") -> str:
    return f"/admin/recovery/{page}/{query}"


def reset_for(user: Any, identifier: str = "") -> ResetRequest:
    """A decided request of this person, with its mail handed over."""
    request = intake.ask(identifier or user.email, origin=ORIGIN)
    resets.fulfil(request.pk)
    return ResetRequest.objects.get(pk=request.pk)


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email="ada.lovelace@example.com")


def row_of(page: str, request: ResetRequest) -> Any:
    rows: dict[str, Any] = {
        "email": request.emails,
        "resetrequest": ResetRequest.objects.filter(pk=request.pk),
        "auditevent": AuditEvent.objects.filter(request_id=request.pk),
    }
    return rows[page].first()


@pytest.mark.parametrize("page", PAGES)
def test_each_page_needs_its_own_right(page: str, ada: Any) -> None:
    own = listed(page, f"{row_of(page, reset_for(ada)).pk}/change/")
    others = [f"recovery.view_{other}" for other in PAGES if other != page]
    for path in (listed(page), own):
        assert Client().get(path).status_code == 302, "anonymous: to the sign-in"
        assert staff(*others, "recovery.see_addresses", "recovery.send_reset").get(path).status_code == 403
        assert staff(f"recovery.view_{page}").get(path).status_code == 200
        assert superuser().get(path).status_code == 200


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("act", ["add/", "{}/change/", "{}/delete/", ""])
def test_nobody_adds_changes_or_deletes_a_row_not_even_a_superuser(page: str, act: str, ada: Any) -> None:
    row = row_of(page, reset_for(ada))
    model = type(row)
    before = list(model.objects.order_by("pk").values())
    client = superuser()
    client.handler.enforce_csrf_checks = False
    data = {"post": "yes", "action": "delete_selected", "_selected_action": str(row.pk), "state": "bounced"}
    answer = client.post(listed(page, act.format(row.pk)), data)
    assert answer.status_code in (200, 302, 403)
    if act != "":
        assert answer.status_code == 403
    assert list(model.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("page", PAGES)
def test_the_list_offers_no_way_to_add_or_tick_rows(page: str, ada: Any) -> None:
    reset_for(ada)
    body = superuser().get(listed(page)).content.decode()
    assert f"/admin/recovery/{page}/add/" not in body
    assert "_selected_action" not in body


@pytest.mark.parametrize("page", ["email", "resetrequest"])
def test_addresses_are_masked_unless_the_viewer_has_the_right_to_see_them(page: str, ada: Any) -> None:
    row = row_of(page, reset_for(ada))
    for path in (listed(page), listed(page, f"{row.pk}/change/")):
        masked = viewer().get(path).content.decode()
        assert ada.email not in masked
        assert "a•••e@e•••e.com" in masked
        assert ada.email in viewer("recovery.see_addresses").get(path).content.decode()


def test_the_client_address_is_shown_with_the_same_right(ada: Any) -> None:
    path = listed("resetrequest", f"{reset_for(ada).pk}/change/")
    assert ORIGIN.ip not in viewer().get(path).content.decode()
    assert ORIGIN.ip in viewer("recovery.see_addresses").get(path).content.decode()


def test_an_address_in_what_a_mail_server_said_is_masked_too(ada: Any) -> None:
    email = row_of("email", reset_for(ada))
    email.note(EventKind.BOUNCED, detail=f"550 5.1.1 <{ada.email}>: no such user; see postmaster@relay.example.net")
    path = listed("email", f"{email.pk}/change/")
    masked = viewer().get(path).content.decode()
    assert "550 5.1.1" in masked
    assert ada.email not in masked
    assert "postmaster@relay" not in masked
    assert ada.email in viewer("recovery.see_addresses").get(path).content.decode()


def test_a_user_name_that_is_an_address_is_masked_like_one() -> None:
    grace: Any = UserFactory(username="grace.hopper@example.com", email="grace.hopper@example.com")
    reset_for(grace)
    for page in PAGES:
        assert grace.username not in viewer("auth.view_user").get(listed(page)).content.decode()


def test_nothing_in_a_page_leads_to_the_link(ada: Any) -> None:
    request = reset_for(ada)
    token = request.tokens.get()
    client = superuser()
    for page in PAGES:
        for path in (listed(page), listed(page, f"{row_of(page, request).pk}/change/")):
            body = client.get(path).content.decode()
            assert token.selector not in body
            assert token.digest not in body


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "parameter",
    ["recipient__startswith=a", "identifier__regex=^a", "user_key__gte=1", "emails__recipient__startswith=a",
     "request__identifier__startswith=a", "decisions__address__startswith=a", "reason__startswith=a"],
)  # fmt: skip
def test_a_parameter_of_the_url_is_no_way_round_the_mask(page: str, parameter: str, ada: Any) -> None:
    reset_for(ada)
    answer = viewer().get(listed(page, f"?{parameter}"))
    assert answer.status_code in (302, 400)
    assert answer.status_code == 400 or answer["Location"].endswith("?e=1")


def test_the_list_cannot_be_ordered_by_what_is_masked(ada: Any) -> None:
    for number in range(3):
        outbox.queue(EmailKind.RESET, [f"{chr(122 - number)}@example.com"])
    client = viewer()
    ways = [f"?o={way}{column}" for way in ("", "-") for column in range(6)]
    orders = [client.get(listed("email", way)).context["cl"].queryset.query.order_by for way in ways]
    assert all("recipient" not in str(order) for order in orders)


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
    # The trail is only ever added to: what it says of this reference is written, not changed.
    AuditEvent.objects.create(action=Action.DECIDED, request_id=mine.pk, reference="AB01CDEF")
    mine.refresh_from_db()
    typed = {"upper": "AB01CDEF", "lower": "ab01cdef", "dashed": " ab01-cdef ", "misread": "ABOl-CDEF"}[spelling]
    found = viewer().get(listed(page), {"q": typed}).context["cl"].result_list
    assert found
    assert row_of(page, other) not in found
    if page == "auditevent":
        assert {event.reference for event in found} == {"AB01CDEF"}
    else:
        assert found == [row_of(page, mine)]


@pytest.mark.parametrize("page", PAGES)
def test_a_search_by_message_id_takes_the_providers_and_ours(page: str, ada: Any) -> None:
    mine = reset_for(ada)
    Email.objects.filter(request=mine).update(esp_message_id="0f2e-from-the-provider")
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
def test_a_search_for_nothing_known_finds_nothing(page: str, ada: Any) -> None:
    reset_for(ada)
    for typed in ("nobody@example.com", "%", "_", "'", "9" * 5000, "é" * 300):
        answer = viewer().get(listed(page), {"q": typed})
        assert answer.status_code == 200
        assert not answer.context["cl"].result_list


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
    assert counts[0] == counts[1] <= 8


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


@pytest.mark.parametrize("page", PAGES)
def test_script_in_what_others_wrote_is_shown_as_text(page: str) -> None:
    user: Any = UserFactory(username=SCRIPT, email="x@example.com")
    request = intake.ask(SCRIPT, origin=ORIGIN)
    resets.fulfil(request.pk)
    sent = resets.send_by_staff(user, actor=StaffFactory(), reason=SCRIPT, origin=ORIGIN)
    resets.fulfil(sent.pk)
    email = sent.emails.get()
    Email.objects.filter(pk=email.pk).update(esp=SCRIPT[:40], esp_message_id=SCRIPT)
    email.note(EventKind.BOUNCED, detail=SCRIPT, esp=SCRIPT[:40], reject_reason=SCRIPT[:32])
    AuditEvent.objects.create(
        action=Action.LINK_OPENED, request_id=sent.pk, detail={"browser": SCRIPT, "verdict": SCRIPT}
    )
    client = superuser()
    rows = {"email": [email], "resetrequest": [request, sent], "auditevent": AuditEvent.objects.all()}[page]
    for path in (listed(page), *(listed(page, f"{row.pk}/change/") for row in rows)):
        body = client.get(path).content.decode()
        assert SCRIPT not in body
        assert "alert(1)" in body or page != "email"


def test_a_page_of_ours_carries_nothing_inline(ada: Any) -> None:
    request = reset_for(ada)
    for page in ("email", "resetrequest"):
        body = superuser().get(listed(page, f"{row_of(page, request).pk}/change/")).content.decode()
        ours = body[body.index("recovery-timeline") :]
        assert "style=" not in ours.split("</section>")[0]
        assert "<script>" not in ours.split("</section>")[0]
        assert "onclick" not in ours


def test_a_request_shows_its_timeline_its_gates_its_mail_and_the_state_of_its_link(ada: Any) -> None:
    request = reset_for(ada)
    token, email = request.tokens.get(), request.emails.get()
    whole_second = timezone.now().replace(microsecond=0) - timedelta(seconds=1)  # as providers count
    EmailEvent.objects.create(
        email=email, kind=EventKind.DELIVERED, esp="postmark", dedupe_key="1", occurred_at=whole_second
    )
    for verdict in (Verdict.PROBABLE_SCANNER, Verdict.PERSON):
        AuditEvent.objects.create(action=Action.LINK_OPENED, request_id=request.pk, detail={"verdict": verdict.value})
    answer = viewer("auth.view_user").get(listed("resetrequest", f"{request.pk}/change/"))
    words = [step["word"] for step in answer.context["timeline"]]
    assert words == ["requested", "decided", "queued", "sending", "handed over", "delivered", "opened", "opened"]
    body = answer.content.decode()
    assert "probably a mail scanner" in body
    assert "account is active" in body
    assert f"/admin/recovery/email/{email.pk}/change/" in body
    assert f"/admin/auth/user/{ada.pk}/change/" in body
    assert token.get_state_display() in body
    assert f'title="{request.requested_at:%Y-%m-%d %H:%M:%S} UTC"' in body


@pytest.mark.parametrize("page", PAGES)
def test_links_to_other_pages_appear_only_where_they_may_be_opened(page: str, ada: Any) -> None:
    request = reset_for(ada)
    body = staff(f"recovery.view_{page}").get(listed(page, f"{row_of(page, request).pk}/change/")).content.decode()
    for other in {*PAGES} - {page}:
        assert f"/admin/recovery/{other}/" not in body
    assert "/admin/auth/user/" not in body


def test_an_email_tells_who_said_what_and_why_it_ended(ada: Any) -> None:
    [email] = outbox.queue(EmailKind.RESET, [ada.email], user_key=accounts.key_of(ada))
    EmailEvent.objects.create(
        email=email, kind=EventKind.BOUNCED, esp="postmark", dedupe_key="1", detail="mailbox is full",
        occurred_at=timezone.now() + timedelta(seconds=75),
    )  # fmt: skip
    Email.objects.filter(pk=email.pk).update(state=EmailState.BOUNCED)
    answer = viewer().get(listed("email", f"{email.pk}/change/"))
    steps = answer.context["timeline"]
    assert [(step["word"], step["by"].value) for step in steps] == [("queued", "us"), ("bounced", "provider")]
    assert steps[1]["since"].startswith("+1 min 1")
    assert "mailbox is full" in answer.content.decode()


def may_act_on_all_but_ada(actor: Any, user: Any) -> bool:
    return user.get_username() != "ada"


@pytest.mark.parametrize("page", PAGES)
def test_rows_of_people_out_of_scope_look_like_not_existing(page: str, ada: Any, settings: Any) -> None:
    outside, inside = reset_for(ada), reset_for(UserFactory())
    sent = [
        resets.send_by_staff(user, actor=StaffFactory(), reason="phone", origin=ORIGIN) for user in (ada, UserFactory())
    ]
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.may_act_on_all_but_ada"}
    client = viewer()
    if page == "auditevent":
        outside, inside = sent
    rows = client.get(listed(page)).context["cl"].result_list
    assert row_of(page, inside) is not None
    key = accounts.key_of(ada)
    assert all(
        key not in {getattr(row, "user_key", ""), *getattr(row, "context", {}).get("usernames", {})} for row in rows
    )
    for request, status in ((outside, 302), (inside, 200)):
        own = request if page == "resetrequest" else row_of(page, request)
        assert client.get(listed(page, f"{own.pk}/change/")).status_code == status
        assert client.get(listed(page, f"{own.pk}/history/")).status_code == status


def test_a_person_has_all_their_requests_and_mail_behind_one_key(ada: Any) -> None:
    mine, other = reset_for(ada), reset_for(UserFactory())
    sent = resets.send_by_staff(ada, actor=StaffFactory(), reason="phone", origin=ORIGIN)
    answer = viewer().get(listed("resetrequest", f"?user_key={accounts.key_of(ada)}"))
    assert set(answer.context["cl"].result_list) == {mine, sent}
    answer = viewer().get(listed("email", f"?user_key={accounts.key_of(ada)}"))
    assert set(answer.context["cl"].result_list) == {mine.emails.get()}
    assert other.emails.get() not in answer.context["cl"].result_list


def test_a_site_may_put_its_own_class_below_these_pages(settings: Any) -> None:
    from importlib import reload

    from django.contrib import admin

    from recovery.admin import readonly

    class Own(admin.ModelAdmin):  # type: ignore[type-arg]
        """The site's own."""

    globals()["Own"] = Own
    settings.RECOVERY = {**settings.RECOVERY, "ADMIN_BASE": f"{__name__}.Own"}
    try:
        assert issubclass(reload(readonly).ReadOnlyAdmin, Own)
        settings.RECOVERY = {**settings.RECOVERY, "ADMIN_BASE": "no.such.Class"}
        with pytest.raises((ImportError, ImproperlyConfigured)):
            reload(readonly)
    finally:
        settings.RECOVERY = {**settings.RECOVERY, "ADMIN_BASE": "django.contrib.admin.ModelAdmin"}
        reload(readonly)
