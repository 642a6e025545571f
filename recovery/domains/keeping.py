"""What was found, kept in rows, so that no page waits for the DNS; looked up anew by a task, and when staff ask."""

from datetime import timedelta
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from recovery import audit, bell
from recovery.accounts import key_of
from recovery.domains.asking import Asker, is_installed
from recovery.domains.judging import Judged, Look
from recovery.domains.senders import Sender, all_senders
from recovery.models import SendingDomain
from recovery.models.primary import atomic
from recovery.reasons import Action

EVERY: Final = timedelta(hours=1)
_OURS: Final = ("from_email", "domain", "return_path", "judgement", "findings", "networks", "checked_at", "asked_at")


def look() -> list[Judged]:
    """Ask the DNS about every sender of the settings, within ``DNS``'s deadline altogether; writes nothing.

    Raises Misconfigured where dnspython is missing or an audience has no BASE_URL.
    """
    asker, senders = Asker(), all_senders()
    return [Look(asker, sender, senders).judged() for sender in senders]


def refresh() -> list[Judged]:
    """Look, then keep what was found; one commit. Raises as ``look`` does."""
    found = look()
    rows = [_row(judged) for judged in found]
    with atomic(SendingDomain):
        SendingDomain.objects.exclude(_named([judged.sender for judged in found])).delete()
        SendingDomain.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["audience", "route"], update_fields=_OURS
        )
    return found


def refresh_if_due() -> bool:
    """For beat: look where nobody has for an hour, or somebody asked since. Two statements where nothing is due, and
    none where dnspython is missing, which the page of sending domains says."""
    if not is_installed():
        return False
    rows = SendingDomain.objects.all()
    stale = rows.filter(Q(checked_at__lt=Now() - EVERY) | Q(asked_at__gt=F("checked_at")))
    if rows.exists() and not stale.exists():
        return False
    refresh()
    return True


def ask_again(*, actor: AbstractBaseUser) -> None:
    """Staff want it looked up now: noted in rows and trail, commits, and rings."""
    with atomic(SendingDomain):
        SendingDomain.objects.update(asked_at=timezone.now())
        audit.record(Action.DOMAINS_CHECKED, actor_key=key_of(actor))
    bell.ring("recovery.check_domains")


def _row(judged: Judged) -> SendingDomain:
    sender = judged.sender
    return SendingDomain(
        audience=sender.audience,
        route=sender.route,
        from_email=sender.from_email[:320],
        domain=sender.domain[:254],
        return_path=sender.return_path[:254],
        judgement=judged.judgement,
        findings=[finding.as_dict() for finding in judged.findings],
        networks=list(sender.ips or judged.networks),
        checked_at=timezone.now(),
    )


def _named(senders: list[Sender]) -> Q:
    named = Q(pk__in=[])
    for sender in senders:
        named |= Q(audience=sender.audience, route=sender.route)
    return named
