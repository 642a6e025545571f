"""How staff force new passwords from people's pages: with the right, a reason, and nobody by accident."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client

from recovery import accounts, resets
from recovery.models import AuditEvent, CaseNote, Rotation, RotationMember
from recovery.reasons import Action, RotationSource
from tests.admin.pages import SCRIPT
from tests.admin.posting import REASON, USERS, edited_in_the_list, form_of, page_of, posted, said, ticked
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.asking import links
from tests.factories import UserFactory
from tests.following import works
from tests.rotations.people import funnel, readers, work

pytestmark = pytest.mark.django_db

RIGHTS = ("auth.view_user", "recovery.force_rotation")
EVIDENCE = "sign-in from 198.51.100.7\nthe person was on a train"


def forcing_page_of(user: Any) -> str:
    return f"{USERS}{user.pk}/force-password/"


def freeing_page_of(user: Any) -> str:
    return f"{USERS}{user.pk}/free-addresses/"


def chosen(*people: Any, **data: Any) -> dict[str, Any]:
    return {**ticked(*people), "action": "force_rotations", **data}


def test_the_button_says_what_follows_asks_why_and_leads_to_the_page_where_it_can_be_watched(ada: Any) -> None:
    client = staff(*RIGHTS, "recovery.view_rotation")
    assert forcing_page_of(ada) in client.get(page_of(ada)).content.decode()
    asking = client.get(forcing_page_of(ada)).content.decode().replace("\xa0", " ")
    for words in ("every browser is signed out", "You do not see the link", "For 3 days nobody changes", "ada"):
        assert words in asking
    assert not Rotation.objects.exists()
    answer = posted(client, forcing_page_of(ada), reason=REASON, evidence=EVIDENCE)
    rotation = Rotation.objects.get()
    assert answer.redirect_chain == [(f"/admin/recovery/rotation/{rotation.pk}/change/", 302)]
    assert said(answer) == ["success: A new password is being forced for 1 person."]
    assert (rotation.source, rotation.reason, rotation.evidence) == (RotationSource.STAFF, REASON, EVIDENCE)
    assert rotation.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    assert CaseNote.objects.get().text == f"{REASON}\n{EVIDENCE}"
    assert LogEntry.objects.filter(object_id=str(ada.pk), change_message__contains="Forced a new password").exists()
    work()
    assert works(links(mail.outbox[0])[0], ada)


def test_without_the_right_to_watch_it_the_way_leads_back_to_the_person(ada: Any) -> None:
    assert posted(staff(*RIGHTS), forcing_page_of(ada), reason=REASON).redirect_chain == [(page_of(ada), 302)]
    assert Rotation.objects.count() == 1


def test_opening_the_pages_changes_nothing(ada: Any) -> None:
    client = superuser()
    for _ in range(3):
        client.get(forcing_page_of(ada), {"reason": REASON})
        client.head(forcing_page_of(ada))
        client.get(USERS, chosen(ada, reason=REASON, confirmed="1"))
    posted(client, USERS, forcing_page_of(ada), **chosen(ada))
    assert not Rotation.objects.exists()


@pytest.mark.parametrize("reason", ["", "   ", "\u200b", "x" * 501])
def test_without_a_reason_nobody_is_touched(reason: str, ada: Any) -> None:
    assert posted(superuser(), forcing_page_of(ada), reason=reason).context["form"].errors
    posted(superuser(), USERS, forcing_page_of(ada), **chosen(ada, reason=reason, confirmed="1"))
    assert not Rotation.objects.exists()


@pytest.mark.parametrize(
    "rights", [(), ("auth.view_user",), ("recovery.force_rotation",), ("auth.change_user", "recovery.send_reset")]
)
def test_neither_right_alone_is_enough_by_page_or_by_post(rights: tuple[str, ...], ada: Any) -> None:
    client = staff(*rights)
    if rights and rights[0].startswith("auth"):
        assert "force-password" not in client.get(page_of(ada)).content.decode()
        assert "force_rotations" not in client.get(USERS).content.decode()
    for page in (forcing_page_of(ada), freeing_page_of(ada)):
        assert client.get(page).status_code == 403
        assert posted(client, page, "/admin/password_change/", reason=REASON).status_code == 403
    posted(client, USERS, "/admin/password_change/", **chosen(ada, reason=REASON, confirmed="1"))
    assert not Rotation.objects.exists()


def test_whoever_is_no_staff_and_a_post_from_another_site_start_nothing(ada: Any) -> None:
    person = Client()
    person.force_login(ada)
    for client in (Client(), person):
        assert "/login/" in client.post(forcing_page_of(ada), {"reason": REASON})["Location"]
    assert superuser().post(forcing_page_of(ada), {"reason": REASON}).status_code == 403
    assert not Rotation.objects.exists()


def test_a_person_out_of_scope_looks_like_not_existing(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    bob, client = UserFactory.create(username="bob"), superuser()
    form = forcing_page_of(bob)
    assert client.get(forcing_page_of(ada)).status_code == client.get(f"{USERS}9999/force-password/").status_code == 404
    assert posted(client, forcing_page_of(ada), form, reason=REASON).status_code == 404
    assert posted(client, USERS, form, **chosen(ada, reason=REASON, confirmed="1")).status_code == 404
    posted(client, USERS, form, **chosen(ada, bob, reason=REASON, confirmed="1"))
    assert [member.user_key for member in RotationMember.objects.all()] == [accounts.key_of(bob)]


def test_a_list_is_confirmed_with_its_number_and_started_once() -> None:
    people, client = readers(25), staff(*RIGHTS)
    page = forcing_page_of(people[0])
    asking = posted(client, USERS, page, **chosen(*people)).content.decode()
    assert "Force 25 new passwords?" in asking
    assert "leaked19" in asking
    assert "and 5 more" in asking
    answer = posted(client, USERS, page, **chosen(*people, reason=REASON, confirmed="1", counted="25"))
    assert said(answer) == ["success: New passwords are being forced for 25 people."]
    answer = posted(client, USERS, page, **chosen(*people, reason=REASON, confirmed="1", counted="25"))
    assert said(answer) == ["warning: Nothing was done: this is being done already."]
    work()
    assert len(mail.outbox) == 25
    assert funnel(Rotation.objects.get()) == {"told": 25}


def test_all_rows_of_a_filtered_list_go_with_one_box_ticked() -> None:
    readers(130)
    UserFactory.create_batch(3)
    client, some = superuser(), get_user_model()._default_manager.get(username="leaked7")
    across = {"select_across": "1", "index": "0"}
    asking = posted(client, f"{USERS}?q=leaked", forcing_page_of(some), **chosen(some, **across)).content.decode()
    assert "Force 130 new passwords?" in asking
    assert '<input type="hidden" name="select_across" value="1">' in asking
    assert asking.count('name="_selected_action"') == 1
    confirmed = chosen(some, select_across="1", reason=REASON, confirmed="1", counted="130")
    answer = posted(client, f"{USERS}?q=leaked", forcing_page_of(some), **confirmed)
    assert said(answer) == ["success: New passwords are being forced for 130 people."]
    assert Rotation.objects.get().member_count == RotationMember.objects.count() == 130


def test_a_list_that_changed_since_it_was_counted_is_asked_about_again() -> None:
    people, client = readers(3), superuser()
    confirmed = chosen(people[0], select_across="1", reason=REASON, confirmed="1", counted="3")
    readers(1)
    answer = posted(client, f"{USERS}?q=leaked", forcing_page_of(people[0]), **confirmed)
    assert "The list has changed meanwhile" in answer.content.decode()
    assert 'name="counted" value="4"' in answer.content.decode()
    assert not Rotation.objects.exists()


def test_nobody_ends_their_own_access_by_accident(ada: Any) -> None:
    client = superuser()
    me = client.user  # type: ignore[attr-defined]
    asking = client.get(forcing_page_of(me)).content.decode()
    assert "my own password ends, and I am signed out" in asking
    assert "my own password ends" not in client.get(forcing_page_of(ada)).content.decode()
    answer = posted(client, forcing_page_of(me), reason=REASON)
    assert "Confirm that your own access ends" in answer.content.decode()
    posted(client, USERS, forcing_page_of(me), **chosen(me, ada, reason=REASON, confirmed="1"))
    assert not Rotation.objects.exists()
    posted(client, USERS, forcing_page_of(me), **chosen(me, ada, reason=REASON, confirmed="1", includes_me="on"))
    assert Rotation.objects.get().member_count == 2


def test_those_who_wait_already_are_left_out_and_that_is_said(ada: Any) -> None:
    bob, client = UserFactory.create(), superuser()
    posted(client, forcing_page_of(ada), reason=REASON)
    answer = posted(client, USERS, forcing_page_of(ada), **chosen(ada, bob, reason=REASON, confirmed="1"))
    assert said(answer) == [
        "success: A new password is being forced for 1 person.",
        "warning: 1 person was left out: it is being done for them already.",
    ]


def test_past_the_cap_nothing_is_started_and_that_is_said(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"rotation": (0, timedelta(hours=1))}}
    [message] = said(posted(superuser(), forcing_page_of(ada), reason=REASON))
    assert message.startswith("error: Nothing was started. Too many forced rotations")
    assert not Rotation.objects.exists()


def test_what_staff_write_is_shown_as_text(ada: Any) -> None:
    client = superuser()
    answer = posted(client, forcing_page_of(ada), reason=SCRIPT, evidence=SCRIPT)
    assert SCRIPT not in answer.content.decode()
    assert Rotation.objects.get().evidence == SCRIPT


def frozen(user: Any) -> Any:
    resets.rotate(resets.force_rotation([user], reason=REASON).pk)
    assert accounts.addresses_are_frozen(user)
    return user


@pytest.mark.attack(43)
def test_an_address_that_is_frozen_is_corrected_by_those_alone_who_may_force_a_rotation(
    ada: Any, settings: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": "at_once"}
    frozen(ada)
    ada.refresh_from_db()
    agent = staff("auth.view_user", "auth.change_user")
    answer = posted(agent, page_of(ada), **form_of(ada, email="thief@example.com"))
    assert "so the address stays as it is for now" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.email == "ada.lovelace@example.com"
    answer = posted(agent, page_of(ada), **form_of(ada, first_name="Augusta"))
    assert answer.redirect_chain, "all else may be edited"
    officer = staff("auth.view_user", "auth.change_user", "recovery.force_rotation")
    assert posted(officer, page_of(ada), **form_of(ada, email="ada@new.example.com")).redirect_chain
    ada.refresh_from_db()
    assert ada.email == "ada@new.example.com"


@pytest.mark.attack(43)
def test_nor_is_it_corrected_in_a_list_that_can_be_edited(
    ada: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": "at_once"}
    frozen(ada)
    other = UserFactory.create()
    with monkeypatch.context() as patch:
        patch.setattr("tests.admin.posting.superuser", lambda: staff("auth.view_user", "auth.change_user"))
        answer = edited_in_the_list(ada, "thief@example.com", other)
    assert "so the address stays as it is for now" in answer.content.decode()
    edited_in_the_list(ada, "ada@new.example.com", other)
    ada.refresh_from_db()
    assert ada.email == "ada@new.example.com", "by a superuser"


def test_staff_end_the_freeze_with_a_reason_and_the_trail_has_it(ada: Any) -> None:
    client = staff(*RIGHTS)
    assert freeing_page_of(ada) not in client.get(page_of(ada)).content.decode()
    assert said(posted(client, freeing_page_of(ada), reason=REASON)) == [
        "warning: Nothing was done: they may be changed already."
    ]
    frozen(ada)
    assert freeing_page_of(ada) in client.get(page_of(ada)).content.decode()
    client.get(freeing_page_of(ada), {"reason": REASON})
    assert accounts.addresses_are_frozen(ada)
    assert said(posted(client, freeing_page_of(ada), reason=REASON)) == ["success: The addresses may be changed again."]
    assert not accounts.addresses_are_frozen(ada)
    event = AuditEvent.objects.get(action=Action.ADDRESSES_FREED)
    assert (event.user_key, event.reason) == (accounts.key_of(ada), REASON)
    assert event.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
