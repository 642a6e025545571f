"""What staff do for a person in the admin: a reset link with a reason, a changed address. With real rights."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import OperationalError, connection
from django.test import Client

from example_project.admin import UserAdmin
from recovery import accounts, intake, resets
from recovery.models import AuditEvent, Email, ResetRequest, ResetToken
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, Kind, Outcome, TokenState
from tests.factories import UserFactory
from tests.test_admin_pages import SCRIPT, staff, superuser

pytestmark = pytest.mark.django_db

USERS = "/admin/auth/user/"
RIGHTS = ("auth.view_user", "recovery.send_reset")
REASON = "asked by phone, ticket 4711"


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email="ada.lovelace@example.com")


def page_of(user: Any) -> str:
    return f"{USERS}{user.pk}/change/"


def asking_page_of(user: Any) -> str:
    return f"{USERS}{user.pk}/send-reset-link/"


def posted(client: Client, path: str, form_at: str = "", **data: Any) -> Any:
    """Post with the CSRF token of the page that carries the form, as a browser would."""
    client.get(form_at or path)
    token = client.cookies["csrftoken"].value if "csrftoken" in client.cookies else ""
    return client.post(path, {"csrfmiddlewaretoken": token, **data}, follow=True)


def ticked(*people: Any, **data: Any) -> dict[str, Any]:
    return {"action": "send_reset_links", "_selected_action": [str(user.pk) for user in people], **data}


def said(answer: Any) -> list[str]:
    return [f"{message.level_tag}: {message}" for message in answer.context["messages"]]


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


def may_act_on_all_but_ada(actor: Any, user: Any) -> bool:
    return user.get_username() != "ada"


def test_a_person_out_of_scope_looks_like_not_existing(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.may_act_on_all_but_ada"}
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


def test_the_address_of_a_person_out_of_scope_cannot_be_edited(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.may_act_on_all_but_ada"}
    client = superuser()
    posted(client, page_of(ada), asking_page_of(UserFactory()), **form_of(ada, email="mine@example.com"))
    assert edited_in_the_list(ada, "mine@example.com").status_code == 403
    ada.refresh_from_db()
    assert ada.email == "ada.lovelace@example.com"


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


def test_the_persons_page_leads_to_their_requests_and_mail_by_right(ada: Any) -> None:
    key = accounts.key_of(ada)
    paths = {model: f"/admin/recovery/{model}/?user_key={key}" for model in ("resetrequest", "email")}
    both = staff("auth.view_user", *(f"recovery.view_{model}" for model in paths))
    body, bare = both.get(page_of(ada)).content.decode(), staff("auth.view_user").get(page_of(ada)).content.decode()
    for path in paths.values():
        assert path in body
        assert path not in bare
        assert both.get(path).status_code == 200


def test_the_sites_own_template_and_its_buttons_stay(ada: Any, tmp_path: Any, settings: Any) -> None:
    (tmp_path / "own.html").write_text(
        '{% extends "admin/change_form.html" %}'
        "{% block object-tools-items %}<li>own button</li>{{ block.super }}{% endblock %}"
    )
    engine = {**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}
    settings.TEMPLATES = [engine]
    pages = admin.site.get_model_admin(get_user_model())
    assert isinstance(pages, UserAdmin)
    pages.change_form_template = "own.html"
    try:
        body = superuser().get(page_of(ada)).content.decode()
    finally:
        del pages.change_form_template
    for part in ("own button", asking_page_of(ada), "historylink"):
        assert body.count(part) == 1
    assert "send-reset-link" not in superuser().get(f"{USERS}add/").content.decode()


def form_of(user: Any, **changes: Any) -> dict[str, Any]:
    """The user's change form as the admin shows it, filled in."""
    joined = user.date_joined
    stored = {"username": user.username, "email": user.email, "first_name": "", "last_name": ""}
    days = {"date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}"}
    return {**stored, **days, "is_active": "on", "last_login_0": "", "last_login_1": "", **changes}


def open_link_of(user: Any) -> ResetToken:
    request = intake.ask(user.email, origin=Origin())
    resets.fulfil(request.pk)
    return ResetToken.objects.get(user_key=accounts.key_of(user), state=TokenState.LIVE)


def test_an_edited_address_tells_both_addresses_ends_open_links_and_is_on_the_trail(ada: Any) -> None:
    token = open_link_of(ada)
    client = staff("auth.view_user", "auth.change_user")
    answer = posted(client, page_of(ada), **form_of(ada, email="ada@new.example.com"))
    assert answer.redirect_chain, answer.context["errors"]
    told = Email.objects.filter(kind=EmailKind.ADDRESS_CHANGED)
    assert {email.recipient for email in told} == {"ada.lovelace@example.com", "ada@new.example.com"}
    token.refresh_from_db()
    assert token.state == TokenState.REVOKED
    [event] = AuditEvent.objects.filter(action=Action.ADDRESS_CHANGED)
    assert event.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    assert event.user_key == accounts.key_of(ada)
    assert event.reason


def test_another_edit_of_the_form_tells_nobody(ada: Any) -> None:
    token = open_link_of(ada)
    answer = posted(superuser(), page_of(ada), **form_of(ada, first_name="Ada"))
    assert answer.redirect_chain, answer.context["errors"]
    assert not Email.objects.filter(kind=EmailKind.ADDRESS_CHANGED).exists()
    token.refresh_from_db()
    assert token.state == TokenState.LIVE


def edited_in_the_list(user: Any, address: str) -> Any:
    """What a superuser gets who changes this one address in a list that lets addresses be edited."""
    pages = admin.site.get_model_admin(get_user_model())
    pages.list_editable = ("email",)
    try:
        client = superuser()
        people = list(client.get(USERS).context["cl"].result_list)
        formset = {"form-TOTAL_FORMS": len(people), "form-INITIAL_FORMS": len(people), "_save": "Save"}
        for number, person in enumerate(people):
            email = address if person == user else person.email
            formset |= {f"form-{number}-id": person.pk, f"form-{number}-email": email}
        return posted(client, USERS, **formset)
    finally:
        del pages.list_editable


def test_an_address_edited_in_the_list_is_followed_up_alike(ada: Any) -> None:
    other: Any = UserFactory()
    token = open_link_of(ada)
    answer = edited_in_the_list(ada, "ada@new.example.com")
    assert "1 user was changed successfully" in answer.content.decode()
    told = Email.objects.filter(kind=EmailKind.ADDRESS_CHANGED)
    assert {email.recipient for email in told} == {"ada.lovelace@example.com", "ada@new.example.com"}
    token.refresh_from_db()
    assert token.state == TokenState.REVOKED
    assert not told.filter(user_key=accounts.key_of(other)).exists()


def test_a_follow_up_that_fails_leaves_the_old_address(ada: Any) -> None:
    def disk_is_full(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT") and "recovery_auditevent" in sql:
            raise OperationalError("disk is full")
        return execute(sql, *rest)

    client = superuser()
    with connection.execute_wrapper(disk_is_full), pytest.raises(OperationalError, match="disk is full"):
        posted(client, page_of(ada), **form_of(ada, email="ada@new.example.com"))
    ada.refresh_from_db()
    assert ada.email == "ada.lovelace@example.com"
    assert not Email.objects.exists()
