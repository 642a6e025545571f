"""A new account in the admin with a link instead of a password, whatever form the site has for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import AdminUserCreationForm, UserCreationForm
from django.core import mail

from recovery import accounts
from recovery.models import AuditEvent, ResetRequest
from recovery.reasons import Action, Kind, Outcome
from tests.admin.posting import USERS, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.asking import NEW_PASSWORD, work
from tests.joining import has_joined, joins, mailed_to

pytestmark = pytest.mark.django_db(transaction=True)

ADD = f"{USERS}add/"
MAKE = ("auth.view_user", "auth.add_user", "auth.change_user")
RIGHTS = (*MAKE, "recovery.activate")
TICKED = {"username": "grace", "email": "grace@example.com", "recovery_activate": "on"}
USER = get_user_model()


class ShortForm(forms.ModelForm):  # type: ignore[type-arg]
    """A site's own, which knows nothing of Django's way with passwords."""

    password = forms.CharField(widget=forms.PasswordInput)

    class Meta:
        model = USER
        fields = ("username",)

    def save(self, commit: bool = True) -> Any:
        user = super().save(commit=False)
        user.set_password(self.cleaned_data["password"])
        return user


PLAIN = ((None, {"fields": ("username", "password1", "password2")}),)
SITES: dict[str, dict[str, Any]] = {
    "Django's, with the choice of no password": {"add_form": AdminUserCreationForm},
    "Django's of before 5.1": {"add_form": UserCreationForm, "add_fieldsets": PLAIN},
    "with the address": {
        "add_form": UserCreationForm,
        "add_fieldsets": ((None, {"fields": (("username", "email"), ("password1", "password2"), "is_active")}),),
    },
    "one that sets passwords its own way": {
        "add_form": ShortForm,
        "add_fieldsets": ((None, {"fields": ("username",)}), ("Secret", {"fields": ("password",)})),
    },
    "one without a password": {
        "add_form": forms.ModelForm,
        "add_fieldsets": ((None, {"fields": ("username", "email")}),),
    },
}


@contextmanager
def form_of_site(own: dict[str, Any]) -> Iterator[None]:
    pages = admin.site.get_model_admin(USER)
    for name, value in own.items():
        setattr(pages, name, value)
    try:
        yield
    finally:
        for name in own:
            delattr(pages, name)


@pytest.fixture(params=SITES.values(), ids=SITES.keys())
def site(request: pytest.FixtureRequest) -> Iterator[None]:
    with form_of_site(request.param):
        yield


@pytest.mark.usefixtures("site")
def test_a_ticked_box_makes_an_account_without_a_password_and_sends_a_link() -> None:
    client = staff(*RIGHTS)
    page = client.get(ADD).content.decode()
    assert page.count('name="recovery_activate"') == page.count('name="email"') == 1
    answer = posted(client, ADD, **TICKED, is_active="on")
    assert answer.redirect_chain, answer.context["errors"]
    user = USER.objects.get(username="grace")
    assert not user.has_usable_password()
    assert user.password.startswith("!")
    assert any(message.startswith("success: An activation link is on its way: grace (") for message in said(answer))
    request = ResetRequest.objects.get()
    assert (request.kind, request.user_key) == (Kind.ACTIVATION, accounts.key_of(user))
    assert request.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    assert AuditEvent.objects.get(action=Action.REQUESTED).reason == "account created in the admin"
    assert work() == [Outcome.SENT]
    joins(mailed_to(user))
    assert has_joined(user)


@pytest.mark.usefixtures("site")
def test_a_password_that_is_typed_as_well_is_not_used() -> None:
    typed = {"password1": NEW_PASSWORD, "password2": "another one", "password": NEW_PASSWORD, "usable_password": "true"}
    answer = posted(staff(*RIGHTS), ADD, **TICKED, **typed, is_active="on")
    assert answer.redirect_chain, answer.context["errors"]
    assert not USER.objects.get(username="grace").has_usable_password()


def test_without_the_tick_everything_is_as_it_was() -> None:
    client = staff(*RIGHTS)
    names = {"username": "grace", "email": "grace@example.com", "usable_password": "true"}
    errors = posted(client, ADD, **names).context["errors"]
    assert [str(error) for each in errors for error in each] == ["This field is required."] * 2
    answer = posted(client, ADD, **names, password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    assert answer.redirect_chain
    user = USER.objects.get(username="grace")
    assert user.check_password(NEW_PASSWORD)
    assert user.email == "grace@example.com"
    assert not ResetRequest.objects.exists()


def test_whoever_lacks_the_right_has_no_box_and_a_forged_tick_does_nothing() -> None:
    client = staff(*MAKE)
    assert "recovery_activate" not in client.get(ADD).content.decode()
    assert posted(client, ADD, **TICKED).context["errors"]
    posted(client, ADD, **TICKED, usable_password="false")
    assert USER.objects.filter(username="grace").exists()
    assert not ResetRequest.objects.exists()


def test_a_link_needs_an_address_to_go_to() -> None:
    answer = posted(staff(*RIGHTS), ADD, **{**TICKED, "email": ""})
    assert list(answer.context["adminform"].form.errors) == ["email"]
    assert "Type the address that the link goes to." in answer.content.decode()
    assert not USER.objects.filter(username="grace").exists()


def test_an_account_that_is_made_inactive_gets_no_link() -> None:
    with form_of_site(SITES["with the address"]):
        answer = posted(staff(*RIGHTS), ADD, **TICKED)
    assert list(answer.context["adminform"].form.errors) == ["recovery_activate"]
    assert not USER.objects.filter(username="grace").exists()


def test_with_activation_of_everybody_there_is_one_ask_in_the_name_of_staff(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ACTIVATE_NEW_USERS": True}
    client = staff(*RIGHTS)
    posted(client, ADD, **TICKED)
    request = ResetRequest.objects.get()
    assert request.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    work()
    assert [message.to for message in mail.outbox] == [["grace@example.com"]]


def test_past_the_cap_of_staff_the_account_is_there_and_the_missing_link_is_said(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (0, timedelta(hours=1))}}
    answer = posted(staff(*RIGHTS), ADD, **TICKED)
    assert any(message.startswith("error: No link for grace. Too many links sent") for message in said(answer))
    assert USER.objects.filter(username="grace").exists()
    assert AuditEvent.objects.get().action == Action.STAFF_REFUSED
    assert not ResetRequest.objects.exists()


def test_an_account_out_of_the_makers_scope_gets_no_link(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    posted(staff(*RIGHTS), ADD, **{**TICKED, "username": "ada"})
    assert USER.objects.filter(username="ada").exists()
    assert not ResetRequest.objects.exists()


def test_the_link_goes_where_the_account_goes() -> None:
    answer = posted(staff(*RIGHTS), ADD, **{**TICKED, "username": "no blanks, please"})
    assert list(answer.context["adminform"].form.errors) == ["username"]
    assert not ResetRequest.objects.exists()
