"""What a target is told of a case: words of ours and moments, a masked name, a way to the case in the admin.

No token, no full address, no client address, and nothing that a stranger's mail server said: tickets are read by more
people than the admin is, and kept for longer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Prefetch
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recovery import accounts, audiences
from recovery.addresses import mask
from recovery.conf import of_django
from recovery.exceptions import Misconfigured
from recovery.models import BackupAddress, Bounce, Email, EmailEvent, SupportCase
from recovery.reasons import LINK_KINDS, BackupState, BounceClass, CaseNews, CaseReason, EventKind

MOST_STEPS: Final = 40
URGENCY: Final = "high"


@dataclass(frozen=True, slots=True)
class Words:
    """One piece of news of a case. ``key`` is the same for each try, and no other news has it; ``case`` is the case's
    id. ``attempt`` counts the tries at this target, the first is 1."""

    key: str
    case: str
    news: CaseNews
    subject: str
    lines: tuple[str, ...]
    url: str
    facts: dict[str, Any]
    attempt: int = 1

    @property
    def text(self) -> str:
        return "\n".join([*self.lines, *([self.url] if self.url else [])])


def of(case: SupportCase, news: CaseNews, *, attempt: int = 1) -> Words:
    """In the site's language, from the rows as they are now; four statements and those of the host's accounts."""
    with translation.override(str(of_django("LANGUAGE_CODE"))):
        is_open = news == CaseNews.OPENED
        reference = case.request.shown_reference if case.request else ""
        name = _name(case.user_key) if case.user_key else _many(case)
        subject = _subject(case, is_open=is_open)
        lines = _opened(case, reference, name) if is_open else [_("The case was closed: %s.") % case.get_end_display()]
        return Words(
            key=str(case.pk) if is_open else f"{case.pk}-{news}",
            case=str(case.pk),
            news=news,
            subject=subject % {"name": name},
            lines=tuple(lines),
            url=_url(case),
            facts={
                "id": str(case.pk),
                "priority": URGENCY,
                "reason": case.reason,
                "reference": reference,
                "account": case.user_key,
                "name": name,
                "opened_at": _moment(case.opened_at),
                "closed_at": _moment(case.closed_at) if case.closed_at else None,
                "end": case.end,
            },
            attempt=attempt,
        )


def _subject(case: SupportCase, *, is_open: bool) -> str:
    if not is_open:
        many = _("Solved: %(name)s are in again, or were helped")
        return _("Solved: %(name)s got in, or was helped") if case.user_key else many
    if case.reason == CaseReason.COMPROMISED:
        return _("Support case: may be compromised, %(name)s")
    return _("Support case: %(name)s cannot get in")


def _opened(case: SupportCase, reference: str, name: str) -> list[str]:
    if not case.user_key:
        todo = _("What to do: see in the admin who of them is stuck, and help them to get in again.")
        return [str(_("Why: %s.")) % case.get_reason_display(), _("Accounts: %s") % name, "", todo]
    if case.reason == CaseReason.COMPROMISED:
        todo = _("What to do: read what is known of it in the case, and help the person to get in again.")
    else:
        todo = _("What to do: find out whether the address is still the right one, correct it, and send a new link.")
    return [
        str(_("Why: %s.")) % case.get_reason_display(),
        _("Account: %(name)s (key %(key)s)") % {"name": name, "key": case.user_key},
        _("Reference: %s") % (reference or "–"),
        _("Backup address: %s") % _backups(case.user_key),
        "",
        *_timeline(case),
        "",
        todo,
    ]


def _name(user_key: str) -> str:
    user = accounts.by_key(user_key)
    return mask(accounts.name_of(user)) if user else _("somebody")


def _many(case: SupportCase) -> str:
    count = sum(rotation.member_count for rotation in case.rotations.all())
    return ngettext("%(count)d person", "%(count)d people", count) % {"count": count}


def _backups(user_key: str) -> str:
    states = sorted({each.state for each in BackupAddress.objects.filter(user_key=user_key)})
    return ", ".join(str(BackupState(state).label) for state in states) or _("none")


def _timeline(case: SupportCase) -> Iterable[str]:
    """What happened to the mails of its request, oldest first, by words of ours."""
    request = case.request
    if request is None:
        return []
    steps = [(request.requested_at, _("requested"))]
    told = Prefetch("events", EmailEvent.objects.defer("content", "digest"))  # without what was posted
    mails = Email.objects.filter(request=request, kind__in=LINK_KINDS, tokens__user_key=case.user_key)
    for email in mails.distinct().order_by("queued_at").prefetch_related(told):
        which = _("backup address") if email.context.get("to_backup") else _("main address")
        steps.append((email.queued_at, f"{which}: {EventKind.QUEUED.label}"))
        words = dict(EventKind.choices)
        steps += [(e.occurred_at, f"{which}: {words.get(e.kind, e.kind)}") for e in email.events.all()]
    for bounce in Bounce.objects.filter(email__in=mails.values("pk")):
        steps.append((bounce.occurred_at, f"{BounceClass(bounce.bounce_class).label} ({bounce.rule})"))
    return [f"{_moment(at)} · {what}" for at, what in sorted(steps)[-MOST_STEPS:]]


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _url(case: SupportCase) -> str:
    """The case's page in the admin, below the site's own base URL; "" on a site without an admin."""
    try:
        return audiences.get().base_url + reverse("admin:recovery_supportcase_change", args=[case.pk])
    except (NoReverseMatch, Misconfigured):
        return ""
