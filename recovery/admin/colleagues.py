"""To whom a support case may be assigned: staff who may work on cases and reach the case's person."""

from typing import Any, Final

from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import FieldError

from recovery import accounts, resets
from recovery.admin.viewers import Viewer

RIGHTS: Final = ("recovery.view_supportcase", "recovery.work_cases")  # both are needed to work on one
MOST: Final = 50
"""Names that are offered: of each, the site is asked whom they reach."""


def is_staff(user: Any) -> bool:
    return bool(getattr(user, "is_staff", False) and user.is_active)


def may_work(user: Any) -> bool:
    return all(user.has_perm(right) for right in RIGHTS)


def reaches(user: AbstractBaseUser, person: AbstractBaseUser | None) -> bool:
    """Whether this member of staff reaches the person (``MAY_ACT_ON``); one who is gone is in everybody's reach."""
    return person is None or resets.may_act_on(user, person)


def names_for(person: AbstractBaseUser | None, viewer: Viewer) -> list[str]:
    """User names to choose from, in their order, as far as a query finds who has a right. Others may be typed: what
    counts is asked of the one who was chosen. A user name that the viewer may not read is not offered."""
    fit = [user for user in _candidates() if reaches(user, person)]
    return [name for user in fit if viewer.name(user) == (name := accounts.name_of(user))]


def _candidates() -> list[AbstractBaseUser]:
    """Active staff of whom a backend can say by a query that they have the rights. A user model that keeps those
    elsewhere, or has no field that says who is staff, has none here."""
    model: Any = get_user_model()
    found: dict[Any, AbstractBaseUser] = {}
    for backend in get_backends():
        with_perm: Any = getattr(backend, "with_perm", None)
        if with_perm is None:
            continue
        try:
            view, work = map(with_perm, RIGHTS)
            both = view.filter(is_staff=True, pk__in=work.values("pk"))
        except FieldError:
            continue
        found |= {user.pk: user for user in both.order_by(model.USERNAME_FIELD)[:MOST]}
    return sorted(found.values(), key=lambda user: user.get_username())
