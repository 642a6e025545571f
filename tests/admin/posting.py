"""What staff post from a person's page and from the list of people, and what they are told."""

from typing import Any

from django.test import Client

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
