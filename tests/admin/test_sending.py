"""How staff send a person a reset link: with a reason, the right, and the person in their scope."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client

from recovery import accounts, intake, resets
from recovery.models import AuditEvent, ResetRequest, ResetToken
from recovery.origin import Origin
from recovery.reasons import Action, Kind, Outcome
from tests.admin.pages import SCRIPT
from tests.admin.posting import REASON, RIGHTS, USERS, asking_page_of, page_of, posted, said, ticked
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_the_button_asks_for_a_reason_sends_a_link_and_names_the_reference(ada: Any) -> None:
    client = staff(*RIGHTS, "recovery.view_resetrequest")
    assert asking_page_of(ada) in client.get(page_of(ada)).content.decode()
    asking = client.get(asking_page_of(ada)).content.decode()
    assert "You do not see the link" in asking
    assert "ada" in asking
    assert "csrfmiddlewaretoken" in asking[asking.index('id="content-main"') :]
    answer = posted(client, asking_page_of(ada), reason=REASON)
    request = ResetRequest.objects.get()
    assert (request.kind, request.user_key, request.reason) == (Kind.ADMIN, accounts.key_of(ada), REASON)
    assert request.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    [message] = said(answer)
    assert message.startswith("success: ")
    assert f'<a href="/admin/recovery/resetrequest/{request.pk}/change/">{request.shown_reference}</a>' in message
    assert answer.redirect_chain == [(page_of(ada), 302)]
    resets.fulfil(request.pk)
    [sent] = mail.outbox
    assert sent.to == [ada.email]
    [event] = AuditEvent.objects.filter(action=Action.REQUESTED)
    assert (event.actor_key, event.user_key, event.reason) == (request.actor_key, request.user_key, REASON)
    assert LogEntry.objects.filter(object_id=str(ada.pk), change_message__contains=request.shown_reference).exists()


def test_opening_the_page_or_asking_for_its_head_changes_nothing(ada: Any) -> None:
    client = staff(*RIGHTS)
    for _each in range(3):
        client.get(asking_page_of(ada), {"reason": REASON, "confirmed": "1"})
        client.head(asking_page_of(ada))
        client.get(USERS, ticked(ada, reason=REASON, confirmed="1"))
    assert not ResetRequest.objects.exists()


@pytest.mark.parametrize("reason", [None, "", "   ", "\x00", "\u200b", "x" * 501])
def test_without_a_reason_nothing_is_sent(reason: str | None, ada: Any) -> None:
    client = staff(*RIGHTS)
    data = {} if reason is None else {"reason": reason}
    answer = posted(client, asking_page_of(ada), **data, confirmed="1")
    assert answer.status_code == 200
    assert answer.context["form"].errors
    answer = posted(client, USERS, asking_page_of(ada), **ticked(ada, **data, confirmed="1"))
    assert answer.status_code == 200
    assert not ResetRequest.objects.exists()


@pytest.mark.parametrize(
    "rights", [(), ("auth.view_user",), ("recovery.send_reset",), ("auth.change_user", "recovery.view_email")]
)
def test_neither_right_alone_is_enough_by_page_or_by_post(rights: tuple[str, ...], ada: Any) -> None:
    client = staff(*rights)
    if "auth.view_user" in rights or "auth.change_user" in rights:
        assert "send-reset-link" not in client.get(page_of(ada)).content.decode()
        assert "send_reset_links" not in client.get(USERS).content.decode()
    assert client.get(asking_page_of(ada)).status_code == 403
    assert posted(client, asking_page_of(ada), "/admin/password_change/", reason=REASON).status_code == 403
    posted(client, USERS, "/admin/password_change/", **ticked(ada, reason=REASON, confirmed="1"))
    assert not ResetRequest.objects.exists()


def test_whoever_is_not_signed_in_as_staff_is_sent_to_the_sign_in(ada: Any) -> None:
    person = Client()
    person.force_login(ada)
    for client in (Client(), person):
        assert "/login/" in client.get(asking_page_of(ada))["Location"]
        assert "/login/" in client.post(asking_page_of(ada), {"reason": REASON})["Location"]
        assert "/login/" in client.post(USERS, ticked(ada, reason=REASON, confirmed="1"))["Location"]
    assert not ResetRequest.objects.exists()


def test_a_post_from_another_site_is_refused(ada: Any) -> None:
    client = superuser()
    assert client.post(asking_page_of(ada), {"reason": REASON}).status_code == 403
    assert client.post(USERS, ticked(ada, reason=REASON, confirmed="1")).status_code == 403
    assert not ResetRequest.objects.exists()


def test_the_action_asks_once_for_many_people_and_sends_each_a_link(ada: Any) -> None:
    others: list[Any] = [UserFactory() for _each in range(3)]
    client = staff(*RIGHTS)
    asking = posted(client, USERS, asking_page_of(ada), **ticked(ada, *others))
    assert not ResetRequest.objects.exists()
    assert "Send 4 reset links?" in asking.content.decode()
    token = client.cookies["csrftoken"].value
    assert token
    answer = posted(client, USERS, asking_page_of(ada), **ticked(ada, *others, reason=REASON, confirmed="1"))
    assert {request.user_key for request in ResetRequest.objects.all()} == {
        accounts.key_of(user) for user in (ada, *others)
    }
    [message] = said(answer)
    assert "4 reset links" in message
    assert all(request.shown_reference in message for request in ResetRequest.objects.all())


def test_the_action_takes_a_hundred_people_at_most(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (1000, timedelta(hours=1))}}
    people: list[Any] = [UserFactory(password=None) for _each in range(101)]
    client = staff(*RIGHTS)
    answer = posted(client, USERS, asking_page_of(people[0]), **ticked(*people, reason=REASON, confirmed="1"))
    assert said(answer) == ["error: Choose 100 people at most."]
    assert not ResetRequest.objects.exists()


def test_the_cap_of_a_member_of_staff_is_told_and_ends_the_list(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (2, timedelta(hours=1))}}
    people: list[Any] = [ada, *(UserFactory() for _each in range(3))]
    client = staff(*RIGHTS)
    answer = posted(client, USERS, asking_page_of(ada), **ticked(*people, reason=REASON, confirmed="1"))
    assert ResetRequest.objects.count() == 2
    failed, sent = said(answer)
    assert failed.startswith("error: No link for")
    assert "Too many" in failed
    assert sent.startswith("success: 2 reset links")
    [refused] = AuditEvent.objects.filter(action=Action.STAFF_REFUSED)
    assert refused.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]


def test_a_person_out_of_scope_looks_like_not_existing(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    bob: Any = UserFactory(username="bob")
    for client in (staff(*RIGHTS, "auth.change_user"), superuser()):
        nobody = client.get(f"{USERS}999999/send-reset-link/")
        outside = client.get(asking_page_of(ada))
        assert nobody.status_code == outside.status_code == 404
        assert client.get(page_of(ada)).status_code == 302, "as for somebody who does not exist"
        assert client.get(asking_page_of(bob)).status_code == 200
        form = asking_page_of(bob)
        assert posted(client, asking_page_of(ada), form, reason=REASON).status_code == 404
        assert posted(client, USERS, form, **ticked(ada, reason=REASON, confirmed="1")).status_code == 404
        assert not ResetRequest.objects.exists()
        posted(client, USERS, form, **ticked(ada, bob, reason=REASON, confirmed="1"))
        assert {request.identifier for request in ResetRequest.objects.all()} == {"bob"}
        ResetRequest.objects.all().delete()


def test_addresses_on_the_asking_page_are_masked_without_the_right(ada: Any) -> None:
    masked = staff(*RIGHTS).get(asking_page_of(ada)).content.decode()
    assert ada.email not in masked
    assert "a•••e@e•••e.com" in masked
    assert ada.email in staff(*RIGHTS, "recovery.see_addresses").get(asking_page_of(ada)).content.decode()


@pytest.mark.parametrize(
    ("facts", "word"),
    [({"is_active": False}, "inactive"), ({"password": None}, "without a password"), ({"email": ""}, "no address")],
)
def test_the_asking_page_says_beforehand_who_will_get_no_mail(facts: dict[str, Any], word: str) -> None:
    user: Any = UserFactory(**facts)
    assert word in staff(*RIGHTS).get(asking_page_of(user)).content.decode()


def test_script_in_a_name_or_a_reason_is_shown_as_text() -> None:
    user: Any = UserFactory(username=SCRIPT)
    client = staff(*RIGHTS, "recovery.view_resetrequest")
    assert SCRIPT not in client.get(asking_page_of(user)).content.decode()
    answer = posted(client, asking_page_of(user), reason=SCRIPT)
    assert ResetRequest.objects.get().reason == SCRIPT
    assert SCRIPT not in answer.content.decode()


def test_staff_never_see_the_link_or_its_secret(ada: Any) -> None:
    client = superuser()
    posted(client, asking_page_of(ada), reason=REASON)
    request = ResetRequest.objects.get()
    resets.fulfil(request.pk)
    token = ResetToken.objects.get()
    seen = [client.get(path).content.decode() for path in (
        page_of(ada), asking_page_of(ada), f"/admin/recovery/resetrequest/{request.pk}/change/",
        f"/admin/recovery/email/{token.email_id}/change/", "/admin/recovery/auditevent/", f"{USERS}{ada.pk}/history/",
    )]  # fmt: skip
    assert not any(token.selector in body or token.digest in body for body in seen)


def test_staff_pass_the_throttle_and_the_cool_down_of_the_person(ada: Any) -> None:
    first = intake.ask(ada.email, origin=Origin())
    resets.fulfil(first.pk)
    client = staff(*RIGHTS)
    posted(client, asking_page_of(ada), reason=REASON)
    request = ResetRequest.objects.get(kind=Kind.ADMIN)
    assert resets.fulfil(request.pk) == Outcome.SENT
