"""Addresses in full for staff who see them masked: by a right of its own, with a reason, on record."""

from typing import Any

import pytest

from recovery import accounts
from recovery.models import AuditEvent
from recovery.reasons import Action
from tests.admin.pages import ORIGIN, listed, reset_for, row_of
from tests.admin.posting import REASON, posted
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.following import failing

pytestmark = pytest.mark.django_db

RIGHT = "recovery.reveal_addresses"
PAGES = ("email", "resetrequest")


def page_of(page: str, row: Any) -> str:
    return listed(page, f"{row.pk}/reveal/")


@pytest.mark.parametrize("page", PAGES)
def test_they_are_shown_after_a_reason_and_the_trail_says_who_looked_and_why(page: str, ada: Any) -> None:
    request = reset_for(ada)
    row = row_of(page, request)
    client = staff(f"recovery.view_{page}", RIGHT)
    assert page_of(page, row) in client.get(listed(page, f"{row.pk}/change/")).content.decode()
    for answer in (client.get(page_of(page, row)), posted(client, page_of(page, row), reason="  ")):
        assert ada.email not in answer.content.decode()
    assert not AuditEvent.objects.filter(action=Action.ADDRESS_REVEALED).exists()

    told = posted(client, page_of(page, row), reason=REASON)
    assert ada.email in told.content.decode()
    assert told.redirect_chain == [], "it stands in no message and no URL"
    assert "no-store" in told["Cache-Control"]
    assert (ORIGIN.ip in told.content.decode()) == (page == "resetrequest")
    line = AuditEvent.objects.get(action=Action.ADDRESS_REVEALED)
    assert line.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    assert (line.request_id, line.reason) == (request.pk, REASON)
    assert line.email_id == (row.pk if page == "email" else None)
    assert ada.email not in client.get(listed(page, f"{row.pk}/change/")).content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_it_needs_its_own_right_the_right_to_the_page_and_the_person_in_reach(
    page: str, ada: Any, settings: Any
) -> None:
    row = row_of(page, reset_for(ada))
    for client in (staff(f"recovery.view_{page}"), staff(RIGHT)):
        assert posted(client, page_of(page, row), "/admin/", reason=REASON).status_code == 403
    plain = staff(f"recovery.view_{page}").get(listed(page, f"{row.pk}/change/")).content.decode()
    assert page_of(page, row) not in plain
    sees = staff(f"recovery.view_{page}", RIGHT, "recovery.see_addresses")
    assert page_of(page, row) not in sees.get(listed(page, f"{row.pk}/change/")).content.decode()
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    outside = staff(f"recovery.view_{page}", RIGHT)
    assert posted(outside, page_of(page, row), "/admin/", reason=REASON).status_code == 404
    assert not AuditEvent.objects.filter(action=Action.ADDRESS_REVEALED).exists()


def test_a_look_that_cannot_be_noted_shows_nothing(ada: Any) -> None:
    row = row_of("email", reset_for(ada))
    client = staff("recovery.view_email", RIGHT)
    client.raise_request_exception = False
    with failing("INSERT.*recovery_auditevent"):
        answer = posted(client, page_of("email", row), reason=REASON)
    assert answer.status_code == 500
    assert ada.email not in answer.content.decode()
