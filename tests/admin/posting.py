"""What staff post from a person's page and from the list of people, and what they are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client

from tests.admin.staff import superuser

USERS = "/admin/auth/user/"
RIGHTS = ("auth.view_user", "recovery.send_reset")
REASON = "asked by phone, ticket 4711"


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


def form_of(user: Any, **changes: Any) -> dict[str, Any]:
    """The user's change form as the admin shows it, filled in."""
    joined = user.date_joined
    stored = {"username": user.username, "email": user.email, "first_name": "", "last_name": ""}
    days = {"date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}"}
    why = {"recovery_reason": REASON} if "email" in changes else {}
    return {**stored, **days, **why, "is_active": "on", "last_login_0": "", "last_login_1": "", **changes}


@contextmanager
def addresses_editable_in_the_list() -> Iterator[None]:
    pages = admin.site.get_model_admin(get_user_model())
    pages.list_editable = ("email",)
    pages.list_display = ("username", "email")
    try:
        yield
    finally:
        del pages.list_editable, pages.list_display


def edited_in_the_list(user: Any, address: str, *others: Any) -> Any:
    """What a superuser gets who changes this one address in a list of people that lets addresses be edited."""
    people = [user, *others]
    formset: dict[str, Any] = {"form-TOTAL_FORMS": len(people), "form-INITIAL_FORMS": len(people), "_save": "Save"}
    for number, person in enumerate(people):
        email = address if person == user else person.email
        formset |= {f"form-{number}-id": person.pk, f"form-{number}-email": email}
    with addresses_editable_in_the_list():
        return posted(superuser(), USERS, **formset)
