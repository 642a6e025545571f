"""The people of the demo. Running it twice changes nothing but brings their passwords, addresses and rights back.

Addresses choose their fate at the provider on localhost (``example_project.provider.fates``).
"""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from recovery.accounts import key_of
from recovery.conf import conf
from recovery.models import BackupAddress

PASSWORD = "open sesame 1001"  # noqa: S105


@dataclass(frozen=True)
class Person:
    """An account to be, and one line on what it is there to show."""

    username: str
    address: str
    about: str
    first_name: str = ""
    last_name: str = ""
    is_active: bool = True
    has_password: bool = True
    is_staff: bool = False
    is_superuser: bool = False
    rights: tuple[str, ...] = ()
    backup: str = ""


PEOPLE = (
    Person("ada", "ada@example.org", "has a mailbox that works", "Ada", "Lovelace"),
    Person("grace", "grace@example.org", "is inactive and never mailed", "Grace", "Hopper", is_active=False),
    Person(
        "alan", "alan@example.org", "signs in elsewhere, has no password here", "Alan", "Turing", has_password=False
    ),
    Person("marie", "curie@example.org", "shares an address with pierre", "Marie", "Curie"),
    Person("pierre", "curie@example.org", "shares an address with marie", "Pierre", "Curie"),
    Person(
        "edgar",
        "bounce+hard@example.org",
        "has an address that bounces, and a backup address",
        "Edgar",
        "Codd",
        backup="edgar.at.home@example.org",
    ),
    Person("lewis", "full@example.org", "has a full mailbox and no backup address", "Lewis", "Carroll"),
    Person("emmy", "full+emmy@example.org", "has a full mailbox, too", "Emmy", "Noether"),
    Person("joan", "defer@example.org", "has a mail server that asks to come back later", "Joan", "Clarke"),
    Person("greta", "optout@example.org", "has opted out of marketing, here and at the provider", "Greta", "Garbo"),
    Person("groucho", "complaint@example.org", "reports mail as spam", "Groucho", "Marx"),
    Person("mary", "slow@example.org", "has a provider that takes its time", "Mary", "Jackson"),
    Person("harpo", "silent@example.org", "has mail swallowed without a word", "Harpo", "Marx"),
    Person("rosalind", "rosalind@example.org", "has a password that others guess at", "Rosalind", "Franklin"),
    Person("hedy", "hedy@example.org", "has a password that a thief knows", "Hedy", "Lamarr"),
    Person("admin", "admin@example.org", "staff with all rights", is_staff=True, is_superuser=True),
    Person(
        "agent",
        "agent@example.org",
        "staff with few rights: diagnoses; reads people, requests, cases, lockouts and the email log; sends links,"
        " activates, unlocks",
        is_staff=True,
        rights=(
            "auth.view_user",
            "recovery.view_resetrequest",
            "recovery.view_email",
            "recovery.view_lockout",
            "recovery.view_supportcase",
            "recovery.diagnose",
            "recovery.send_reset",
            "recovery.activate",
            "recovery.unlock",
        ),
    ),
)


class NotOurs(Exception):
    """The database belongs to a site: people with a known password, staff among them, have no place there."""


@transaction.atomic
def plant() -> None:
    """Make or mend every person; raises NotOurs. One hash for all, since hashing is slow on purpose."""
    users = get_user_model()
    strangers = users.objects.exclude(email__in=[person.address for person in PEOPLE])
    if strangers.exists():
        raise NotOurs("This database has accounts that are not the demo's. Give it one of its own, or none.")
    password = make_password(PASSWORD)
    for person in PEOPLE:
        user, _created = users.objects.update_or_create(
            username=person.username,
            defaults={
                "email": person.address,
                "first_name": person.first_name,
                "last_name": person.last_name,
                "is_active": person.is_active,
                "is_staff": person.is_staff,
                "is_superuser": person.is_superuser,
                "password": password if person.has_password else make_password(None),
                # Who signs in elsewhere has done so before; who never did would wait for an activation.
                **({} if person.has_password else {"last_login": timezone.now()}),
            },
        )
        user.user_permissions.set(_permissions(person.rights))
        if person.backup:
            BackupAddress.objects.update_or_create(
                user_key=key_of(user),
                address_key=person.backup,
                defaults={
                    "address": person.backup,
                    "code_until": timezone.now(),
                    "confirmed_at": timezone.now() - conf.BACKUP_WAIT,
                },
            )


def _permissions(names: tuple[str, ...]) -> list[Permission]:
    """The permissions of names like ``app.codename``. Raises LookupError for one that does not exist."""
    if not names:
        return []
    wanted = Q()
    for name in names:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    found = list(Permission.objects.filter(wanted))
    if len(found) != len(names):
        raise LookupError(f"Not all of these permissions exist: {', '.join(names)}")
    return found
