"""Known devices that staff forget: by a right, with a reason, on record."""

from typing import Any

import pytest

from recovery.models import AuditEvent, Email
from recovery.reasons import Action, EmailKind
from tests.admin.posting import REASON, USERS, page_of, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.factories import UserFactory
from tests.homes import at_home, signs_in

pytestmark = pytest.mark.django_db(transaction=True)

RIGHTS = ("auth.view_user", "recovery.forget_devices")


@pytest.fixture
def ada() -> Any:
    return UserFactory.create(username="ada")


def page(user: Any) -> str:
    return f"{USERS}{user.pk}/forget-devices/"


def test_no_browser_is_known_from_then_on_and_the_next_sign_in_is_told(ada: Any) -> None:
    home = at_home(ada)
    client = staff(*RIGHTS)
    assert page(ada) in client.get(page_of(ada)).content.decode()
    asked = client.get(page(ada)).content.decode()
    assert "Nobody is signed out by it" in asked
    assert not AuditEvent.objects.filter(action=Action.DEVICES_FORGOTTEN).exists()
    assert said(posted(client, page(ada), reason=REASON)) == ["success: No device of this person is known any more."]
    [event] = AuditEvent.objects.filter(action=Action.DEVICES_FORGOTTEN)
    assert (event.user_key, event.actor_key, event.reason) == (str(ada.pk), str(client.user.pk), REASON)  # type: ignore[attr-defined]
    signs_in(home, ada)
    assert Email.objects.filter(kind=EmailKind.NEW_DEVICE).count() == 1


def test_it_needs_its_right_a_reason_the_scope_and_a_device(ada: Any, settings: Any) -> None:
    client = staff(*RIGHTS)
    assert page(ada) not in client.get(page_of(ada)).content.decode(), "there is none to forget"
    at_home(ada)
    other = staff("auth.view_user", "recovery.unlock")
    assert page(ada) not in other.get(page_of(ada)).content.decode()
    assert other.get(page(ada)).status_code == 403
    assert posted(other, page(ada), form_at="/admin/", reason=REASON).status_code == 403
    assert posted(client, page(ada), reason=" ").status_code == 200
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    assert client.get(page(ada)).status_code == 404
    assert posted(client, page(ada), form_at="/admin/", reason=REASON).status_code == 404
    assert not AuditEvent.objects.filter(action=Action.DEVICES_FORGOTTEN).exists()
