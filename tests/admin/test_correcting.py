"""An address corrected by a right of its own, where the site lets one alone do so: with a reason, both told, links
ended, frozen ones left alone. What waits for a second pair of eyes stands in ``test_corrections``."""

from typing import Any

import pytest

from recovery import accounts
from recovery.models import AuditEvent, Email, ResetToken
from recovery.reasons import Action, EmailKind, TokenState
from tests.admin.pages import reset_for
from tests.admin.posting import REASON, USERS, page_of, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

RIGHTS = ("auth.view_user", "recovery.correct_address")
NEW = "ada@right.example"


@pytest.fixture(autouse=True)
def _at_once(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": "at_once"}


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email="ada@wrong.example")


def page(user: Any) -> str:
    return f"{USERS}{user.pk}/correct-address/"


def test_the_address_is_changed_both_are_told_and_links_end(ada: Any) -> None:
    reset_for(ada)
    client = staff(*RIGHTS)
    assert "Correct address" in client.get(page_of(ada)).content.decode()
    assert client.get(page(ada)).status_code == 200
    answer = posted(client, page(ada), address=f" {NEW} ", reason=REASON)
    assert said(answer) == ["success: The address is corrected, and a fresh link goes to it."]
    ada.refresh_from_db()
    assert ada.email == NEW
    told = Email.objects.filter(kind=EmailKind.ADDRESS_CHANGED).values_list("recipient", flat=True)
    assert set(told) == {"ada@wrong.example", NEW}
    assert not ResetToken.objects.filter(state=TokenState.LIVE).exists()
    event = AuditEvent.objects.get(action=Action.ADDRESS_CHANGED)
    assert (event.actor_key, event.user_key, event.reason) == (str(client.user.pk), str(ada.pk), REASON)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "typed",
    [
        {"address": NEW, "reason": " "}, {"address": "", "reason": REASON}, {"address": "no address", "reason": REASON},
        {"address": "ada@wrong.example", "reason": REASON},
        {"address": f"{NEW}\nBcc: evil@example.net", "reason": REASON},
    ],
)  # fmt: skip
def test_what_is_no_better_address_or_has_no_reason_changes_nothing(ada: Any, typed: dict[str, str]) -> None:
    answer = posted(staff(*RIGHTS), page(ada), **typed)
    assert answer.status_code == 200
    ada.refresh_from_db()
    assert ada.email == "ada@wrong.example"
    assert not Email.objects.exists()


def test_without_the_right_or_out_of_scope_there_is_no_such_page(ada: Any, settings: Any) -> None:
    assert staff("auth.view_user", "auth.change_user").get(page(ada)).status_code == 403
    settings.RECOVERY = settings.RECOVERY | {"MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(*RIGHTS)
    assert client.get(page(ada)).status_code == 404
    posted(client, page(ada), form_at="/admin/", address=NEW, reason=REASON)
    ada.refresh_from_db()
    assert ada.email == "ada@wrong.example"


def test_a_frozen_address_is_corrected_only_by_who_may_force_passwords(ada: Any) -> None:
    accounts.freeze_addresses(str(ada.pk))
    answer = posted(staff(*RIGHTS), page(ada), address=NEW, reason=REASON)
    assert said(answer)[0].startswith("error: A new password was forced a short while ago")
    assert AuditEvent.objects.get(action=Action.STAFF_REFUSED).detail == {"by": "frozen"}
    posted(staff(*RIGHTS, "recovery.force_rotation"), page(ada), address=NEW, reason=REASON)
    ada.refresh_from_db()
    assert ada.email == NEW


def test_the_present_address_is_masked_for_who_may_not_see_addresses(ada: Any) -> None:
    assert "ada@wrong.example" not in staff(*RIGHTS).get(page(ada)).content.decode()
    assert "ada@wrong.example" in staff(*RIGHTS, "recovery.see_addresses").get(page(ada)).content.decode()


def test_the_right_to_correct_addresses_is_no_way_to_a_superusers_account() -> None:
    boss = UserFactory(username="boss", email="boss@example.org", is_superuser=True)
    answer = posted(staff(*RIGHTS), page(boss), address=NEW, reason=REASON)
    assert said(answer) == ["error: Only a superuser may do this to a superuser."]
    boss.refresh_from_db()
    assert boss.email == "boss@example.org"
    assert AuditEvent.objects.get(action=Action.STAFF_REFUSED).detail == {"by": "rank"}
    posted(staff(is_superuser=True), page(boss), address=NEW, reason=REASON)
    boss.refresh_from_db()
    assert boss.email == NEW
