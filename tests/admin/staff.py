"""Signed-in members of staff, with exactly the rights that a test names."""

from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from tests.admin.pages import PAGES
from tests.factories import StaffFactory


def staff(*rights: str, **facts: Any) -> Client:
    """A signed-in member of staff with exactly these rights, as ``app.codename``."""
    member: Any = StaffFactory(**facts)
    for right in rights:
        app, codename = right.split(".")
        member.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)
    client.user = member  # type: ignore[attr-defined]
    return client


def viewer(*more: str) -> Client:
    return staff(*(f"recovery.view_{page}" for page in PAGES), *more)


def superuser() -> Client:
    return staff(is_superuser=True)


def may_act_on_all_but_ada(actor: Any, user: Any) -> bool:
    return user.get_username() != "ada"


ALL_BUT_ADA = f"{__name__}.may_act_on_all_but_ada"
