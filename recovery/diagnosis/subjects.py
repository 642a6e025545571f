"""Who is meant by what somebody typed: a user name, an address, a message id, a reference code or a key.

Whoever is out of the viewer's scope (``MAY_ACT_ON``, ``STAFF_AUDIENCES``) is not found, and nothing tells the viewer
that from not being there. Who they were, the trail is told (``beyond``).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import F, Lookup, Q

from recovery import accounts, agents
from recovery.models import Email, ResetRequest, ResetToken
from recovery.models.requests import parse_reference
from recovery.origin import printable

MOST: Final = 10  # people of one look-up: a box that a whole team shares
LONGEST: Final = 254
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

if TYPE_CHECKING:
    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup


class _IsNamed(_Lookup):
    """That the provider gave a mail an id, in the very words of its partial index: with a parameter in their place,
    SQLite does not find it and reads all mail. A lookup, for the same reason as ``StateIn``."""

    prepare_rhs = False

    def __init__(self) -> None:
        super().__init__(F("esp_message_id"), "")

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        named, params = self.process_lhs(compiler, connection)
        return f"NOT ({named} = '')", params


IS_NAMED: Final = Q(_IsNamed())


def has_message_id(typed: str) -> Q:
    """That a provider gave a mail this id. Some give it in the angle brackets of a Message-ID, and it is kept so."""
    bare = typed.strip("<>")
    return IS_NAMED & Q(esp_message_id__in=(bare, f"<{bare}>"))


@dataclass(frozen=True, slots=True)
class Subject:
    """One person, and the request or mail that was named, if one was. ``user`` is None where nobody is known: then
    ``label`` is what was typed."""

    user: AbstractBaseUser | None = None
    request: ResetRequest | None = None
    email: Email | None = None
    label: str = ""

    @property
    def user_key(self) -> str:
        return accounts.key_of(self.user) if self.user is not None else ""

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "user": self.user_key,
            "reference": self.request.shown_reference if self.request else "",
            "email": str(self.email.pk) if self.email else "",
        }


def find(ident: str, *, viewer: AbstractBaseUser | None = None) -> list[Subject]:
    """What this means, within the scope of ``viewer`` (None: everything); nobody known is a subject, too, and nothing
    typed is none. Reads only. Names and addresses come before what only looks like a code."""
    typed = printable(ident).strip()[:LONGEST]
    if not typed:
        return []
    for way in (_of_name, _of_reference, _of_message, _of_key):
        if found := list(islice(way(typed, viewer), MOST)):
            return found
    return [Subject(label=typed)]


def beyond(ident: str, *, viewer: AbstractBaseUser) -> list[AbstractBaseUser]:
    """Those out of the viewer's scope who are meant where nobody within it is. For the trail: the viewer is told of
    nobody. Reads only."""
    if not agents.is_limited():
        return []
    people = [subject.user for subject in find(ident) if subject.user is not None]
    return [] if within(viewer, people) else people


def within(viewer: AbstractBaseUser | None, users: Iterable[AbstractBaseUser]) -> list[AbstractBaseUser]:
    """Those whom the viewer reaches."""
    return [user for user in users if viewer is None or agents.may_act_on(viewer, user)]


def _of_name(typed: str, viewer: AbstractBaseUser | None) -> Iterator[Subject]:
    users = within(viewer, [account.user for account in accounts.of_identifier(typed)])
    yield from (Subject(user, label=accounts.name_of(user)) for user in users)


def _of_reference(typed: str, viewer: AbstractBaseUser | None) -> Iterator[Subject]:
    reference = parse_reference(typed)
    request = ResetRequest.objects.filter(reference=reference).first() if reference else None
    if request is not None:
        yield from _of_request(request, None, viewer)


def _of_message(typed: str, viewer: AbstractBaseUser | None) -> Iterator[Subject]:
    """Our own key or Message-ID of a mail, or the provider's."""
    mails = Email.objects.select_related("request")
    own = _UUID.search(typed)
    email = mails.filter(pk=UUID(own[0])).first() if own else None
    if email is None:
        email = mails.filter(has_message_id(typed)).order_by("-queued_at").first()
    if email is not None:
        yield from _of_email(email, viewer)
    elif own and (request := ResetRequest.objects.filter(pk=UUID(own[0])).first()):
        yield from _of_request(request, None, viewer)


def _of_key(typed: str, viewer: AbstractBaseUser | None) -> Iterator[Subject]:
    user = accounts.by_key(typed)
    yield from (Subject(each, label=accounts.name_of(each)) for each in within(viewer, [user] if user else []))


def _of_request(request: ResetRequest, email: Email | None, viewer: AbstractBaseUser | None) -> Iterator[Subject]:
    """One subject for each account of it; the request itself where it meant none. Where no worker had looked whom it
    means, those whom it means now."""
    decided = set(request.decisions.values_list("user_key", flat=True))
    keys = {request.user_key, *decided} - {""}
    if not keys and not decided:
        keys = {account.key for account in accounts.of_identifier(request.identifier)}
    yield from _of_keys(keys, request, email, viewer)


def _of_email(email: Email, viewer: AbstractBaseUser | None) -> Iterator[Subject]:
    links = ResetToken.objects.filter(email=email).values_list("user_key", flat=True)
    keys = {email.user_key, *links} - {""}
    if not keys and email.request_id is None:  # other mail of the site's, to whoever has the address
        keys = {account.key for account in accounts.of_identifier(email.recipient)}
    yield from _of_keys(keys, email.request, email, viewer)


def _of_keys(
    keys: set[str], request: ResetRequest | None, email: Email | None, viewer: AbstractBaseUser | None
) -> Iterator[Subject]:
    people = accounts.by_keys(keys)
    reached = within(viewer, [people[key] for key in sorted(people)])
    yield from (Subject(user, request, email, accounts.name_of(user)) for user in reached)
    left = email or request
    may_see = agents.may_see if keys else agents.may_see_strangers
    if not people and (viewer is None or left is None or may_see(viewer, left.audience)):
        # Of nobody, or of people who are gone: what they left says nothing of others.
        label = request.shown_reference if request else str(email.pk) if email else ""
        yield Subject(None, request, email, label)
