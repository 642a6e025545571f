"""The provider's own suppression list: show what it holds against an address, lift it, and look again.

Ours may be empty and theirs not: a provider that drops a mail by itself takes it with a smile. One small adapter each,
over plain HTTP; what cannot be learned is said to be unknown, never to be fine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser

from recovery import audit, routes, suppressions
from recovery.accounts import key_of
from recovery.models import Email
from recovery.provider_lists import amazon_ses, brevo, mailgun, postmark, sendgrid
from recovery.provider_lists.calling import Adapter, Entry, Unknown
from recovery.reasons import Action

ADAPTERS: Final[Mapping[str, type[Adapter]]] = {
    "amazon_ses": amazon_ses.List,
    "brevo": brevo.List,
    "mailgun": mailgun.List,
    "postmark": postmark.List,
    "sendgrid": sendgrid.List,
}

__all__ = ["ADAPTERS", "Entry", "Looked", "lift", "show"]


@dataclass(frozen=True, slots=True)
class Looked:
    """What the provider of one route holds against an address; ``unknown`` says why that could not be learned."""

    route: str
    esp: str
    entries: list[Entry] = field(default_factory=list)
    unknown: str = ""


def show(address: str) -> list[Looked]:
    """Ask the provider of each route that has such a list. Never raises; several seconds where one hangs. Of somebody
    who was erased there is nothing to ask by."""
    if address.startswith(suppressions.HASHED):
        return []
    return [_look(names[0], esp, address) for names, esp in _accounts()]


def lift(address: str, *, actor: AbstractBaseUser, reason: str, email: Email | None = None) -> list[Looked]:
    """Take the address off the lists as far as they let anybody, and look again: what is told is what is there then.

    On the trail before the provider is asked, and again with what came of it: on which routes something is ``left`` or
    unknown, and which are ``clear``. The trail has no addresses: it names ``email``, else the newest mail that went
    there, by which diagnosis finds it. Doing it twice does no harm.
    """
    found, email = show(address), email or Email.objects.filter(recipient_key=address).order_by("-queued_at").first()
    named = sorted({looked.route for looked in found if any(entry.can_be_lifted for entry in looked.entries)})
    whose = {"user_key": email.user_key, "request_id": email.request_id, "email": email} if email else {}
    facts: dict[str, Any] = {"actor_key": key_of(actor), "reason": reason, "routes": named, **whose}
    audit.record(Action.PROVIDER_LIFT_ASKED, **facts)
    tried = [_lifted(looked, address) for looked in found]
    left = {looked.route for looked in tried if looked.entries or looked.unknown}
    looked_at = {looked.route for looked in tried}
    clear = [name for names, _esp in _accounts() if names[0] in looked_at - left for name in names]
    audit.record(Action.PROVIDER_LIFTED, **facts, left=sorted(left), clear=sorted(clear))
    return tried


def _accounts() -> list[tuple[list[str], str]]:
    """Accounts with providers that have an adapter: the names of the routes to each, of which the first is asked by."""
    found: dict[tuple[str, str], list[str]] = {}
    for route in routes.all_routes():
        esp = routes.esp_of(route)
        if esp in ADAPTERS:
            found.setdefault((esp, str(sorted(routes.account_of(route).items()))), []).append(route.name)
    return [(names, esp) for (esp, _account), names in found.items()]


def _look(name: str, esp: str, address: str) -> Looked:
    try:
        return Looked(name, esp, _adapter(name, esp).show(address))
    except Unknown as error:
        return Looked(name, esp, unknown=str(error))
    except Exception as error:  # noqa: BLE001 - a foreign answer of any shape
        return Looked(name, esp, unknown=type(error).__name__)


def _lifted(looked: Looked, address: str) -> Looked:
    liftable = [entry for entry in looked.entries if entry.can_be_lifted]
    if not liftable:
        return looked
    try:
        adapter = _adapter(looked.route, looked.esp)
        for entry in liftable:
            adapter.lift(address, entry)
    except Unknown as error:
        return Looked(looked.route, looked.esp, looked.entries, unknown=str(error))
    except Exception as error:  # noqa: BLE001 - a foreign answer of any shape
        return Looked(looked.route, looked.esp, looked.entries, unknown=type(error).__name__)
    return _look(looked.route, looked.esp, address)


def _adapter(name: str, esp: str) -> Adapter:
    route = next(route for route in routes.all_routes() if route.name == name)
    return ADAPTERS[esp](routes.account_of(route))
