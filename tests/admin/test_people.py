"""A person's page in the admin: what an edited address brings about, and what the site's own page keeps."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection

from example_project.admin import UserAdmin
from recovery import accounts, intake, resets
from recovery.models import AuditEvent, Email, ResetToken
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, TokenState
from tests.admin.posting import REASON, USERS, asking_page_of, edited_in_the_list, form_of, page_of, posted
from tests.admin.staff import staff, superuser
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def open_link_of(user: Any) -> ResetToken:
    request = intake.ask(user.email, origin=Origin())
    resets.fulfil(request.pk)
    return ResetToken.objects.get(user_key=accounts.key_of(user), state=TokenState.LIVE)


def test_an_edited_address_tells_both_addresses_ends_open_links_and_is_on_the_trail(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": "at_once"}
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
    assert event.reason == REASON


@pytest.mark.parametrize("reason", ["", "  ", "\u200b"])
def test_an_address_is_not_edited_without_a_reason(reason: str, ada: Any) -> None:
    answer = posted(superuser(), page_of(ada), **form_of(ada, email="ada@new.example.com", recovery_reason=reason))
    assert list(answer.context["adminform"].form.errors) == ["recovery_reason"]
    assert "Write down why the email address changes." in answer.content.decode()
    ada.refresh_from_db()
    assert ada.email == "ada.lovelace@example.com"


def test_an_address_is_taken_away_by_nobody_alone(ada: Any) -> None:
    answer = posted(superuser(), page_of(ada), **form_of(ada, email=""))
    assert "propose the right one by “Correct address”" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.email == "ada.lovelace@example.com"
    assert not AuditEvent.objects.filter(action=Action.ADDRESS_CHANGED).exists()


@pytest.mark.parametrize("typed", ["", "ada@new.example.com"])
def test_where_one_alone_may_change_it_a_superusers_address_stays_for_others(
    typed: str, ada: Any, settings: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": "at_once"}
    ada.is_superuser = True
    ada.save()
    agent = staff("auth.view_user", "auth.change_user")
    answer = posted(agent, page_of(ada), **form_of(ada, email=typed, is_superuser=""))
    assert "Only a superuser may do this to a superuser." in answer.content.decode()
    ada.refresh_from_db()
    assert ada.email == "ada.lovelace@example.com"
    assert AuditEvent.objects.get(action=Action.STAFF_REFUSED).detail == {"by": "rank"}
    posted(superuser(), page_of(ada), **form_of(ada, email=typed, is_superuser="on"))
    ada.refresh_from_db()
    assert ada.email == typed


def test_the_reason_stands_below_the_address_for_whoever_may_edit_it(ada: Any) -> None:
    body = superuser().get(page_of(ada)).content.decode()
    assert body.count('name="recovery_reason"') == 1
    assert body.index('name="email"') < body.index('name="recovery_reason"') < body.index('name="is_active"')
    for client, page in ((staff("auth.view_user"), page_of(ada)), (superuser(), f"{USERS}add/")):
        answer = client.get(page)
        assert answer.status_code == 200
        assert "recovery_reason" not in answer.content.decode()


@pytest.mark.parametrize(
    ("own", "is_asked"),
    [
        ({"fieldsets": None, "fields": ("username", "email", "is_active")}, True),
        ({"fieldsets": None, "fields": (("username", "email"), "is_active")}, True),
        ({"fieldsets": None}, True),
        ({"readonly_fields": ("email",)}, False),
        ({"fieldsets": None, "fields": ("username", "is_active")}, False),
    ],
)
def test_the_sites_own_choice_of_fields_stays(own: dict[str, Any], is_asked: bool, ada: Any) -> None:
    pages = admin.site.get_model_admin(get_user_model())
    for name, value in own.items():
        setattr(pages, name, value)
    try:
        answer = superuser().get(page_of(ada))
    finally:
        for name in own:
            delattr(pages, name)
    assert answer.status_code == 200
    assert ('name="recovery_reason"' in answer.content.decode()) is is_asked


def test_another_edit_of_the_form_tells_nobody(ada: Any) -> None:
    token = open_link_of(ada)
    answer = posted(superuser(), page_of(ada), **form_of(ada, first_name="Ada"))
    assert answer.redirect_chain, answer.context["errors"]
    assert not Email.objects.filter(kind=EmailKind.ADDRESS_CHANGED).exists()
    token.refresh_from_db()
    assert token.state == TokenState.LIVE


def test_an_address_edited_in_the_list_is_followed_up_alike(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": "at_once"}
    other: Any = UserFactory()
    token = open_link_of(ada)
    answer = edited_in_the_list(ada, "ada@new.example.com", other)
    assert "1 user was changed successfully" in answer.content.decode()
    told = Email.objects.filter(kind=EmailKind.ADDRESS_CHANGED)
    assert {email.recipient for email in told} == {"ada.lovelace@example.com", "ada@new.example.com"}
    token.refresh_from_db()
    assert token.state == TokenState.REVOKED
    assert not told.filter(user_key=accounts.key_of(other)).exists()


def test_a_follow_up_that_fails_leaves_the_old_address(ada: Any) -> None:
    def disk_is_full(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "INSERT INTO" in sql and "recovery_auditevent" in sql:
            raise OperationalError("disk is full")
        return execute(sql, *rest)

    client = superuser()
    with connection.execute_wrapper(disk_is_full), pytest.raises(OperationalError, match="disk is full"):
        posted(client, page_of(ada), **form_of(ada, email="ada@new.example.com"))
    ada.refresh_from_db()
    assert ada.email == "ada.lovelace@example.com"
    assert not Email.objects.exists()


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


def test_the_persons_page_leads_to_their_requests_and_mail_by_right(ada: Any) -> None:
    key = accounts.key_of(ada)
    paths = {model: f"/admin/recovery/{model}/?user_key={key}" for model in ("resetrequest", "email")}
    both = staff("auth.view_user", *(f"recovery.view_{model}" for model in paths))
    body, bare = both.get(page_of(ada)).content.decode(), staff("auth.view_user").get(page_of(ada)).content.decode()
    for path in paths.values():
        assert path in body
        assert path not in bare
        assert both.get(path).status_code == 200
