"""Who may read which row of the email log, the requests and the trail, and what of it is masked."""

from typing import Any

import pytest
from django.test import Client

from recovery import accounts, outbox, resets
from recovery.reasons import Action, EmailKind, EventKind
from tests.admin.pages import ORIGIN, PAGES, listed, reset_for, row_of
from tests.admin.staff import ALL_BUT_ADA, staff, superuser, viewer
from tests.factories import StaffFactory, UserFactory
from tests.following import happened

pytestmark = pytest.mark.django_db


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
    told = model.objects.exclude(action=Action.ACCESS_REFUSED) if page == "auditevent" else model.objects
    assert list(told.order_by("pk").values()) == before


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
    said = f"550 5.1.1 <{ada.email}>: no such user; see postmaster@relay.example.net"
    happened(email, EventKind.BOUNCED, detail=said)
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
def test_links_to_other_pages_appear_only_where_they_may_be_opened(page: str, ada: Any) -> None:
    request = reset_for(ada)
    body = staff(f"recovery.view_{page}").get(listed(page, f"{row_of(page, request).pk}/change/")).content.decode()
    for other in {*PAGES} - {page}:
        assert f"/admin/recovery/{other}/" not in body
    assert "/admin/auth/user/" not in body


@pytest.mark.parametrize("page", PAGES)
def test_rows_of_people_out_of_scope_look_like_not_existing(page: str, ada: Any, settings: Any) -> None:
    outside, inside = reset_for(ada), reset_for(UserFactory())
    sent = [
        resets.send_by_staff(user, actor=StaffFactory(), reason="phone", origin=ORIGIN) for user in (ada, UserFactory())
    ]
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
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
