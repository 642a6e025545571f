"""Bounces that come as mail, for ways out without a provider that reports: from letters to reports of ``feedback``.

Whose mail it was says the return path's token, and then the recipient is that mail's, whatever the letter says. A site
without return paths is told by our own Message-ID in the mail that came back, which only its recipient has seen, and
then the letter must speak of that recipient. What names no mail of ours so is kept as unmatched and moves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import timezone

from recovery import feedback
from recovery.addresses import normalise
from recovery.bounces import return_paths
from recovery.bounces.mails import SOURCE, Failure, Letter
from recovery.conf import conf
from recovery.feedback import Report
from recovery.models import Email

TOLD_BY_PATH: Final = "return path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One recipient of one letter, and the mail of ours that it is about, if it names one."""

    source: str
    failure: Failure
    recipient: str
    email_id: UUID | None
    report: Report

    def as_dict(self) -> dict[str, str]:
        """What others read: DESIGN's five words."""
        return {
            "source": self.source,
            "recipient": self.recipient,
            "class": str(self.failure.classified.bounce_class),
            "status": _status(self.failure),
            "rule": self.failure.classified.rule,
        }


def told_by(letters: Sequence[tuple[str, Letter]]) -> list[Told]:
    """What letters tell, recipient by recipient. Reads the mails that they name in one statement; writes nothing."""
    named = {source: _named(letter) for source, letter in letters}
    wanted = {email_id for email_id, _ in named.values() if email_id}
    emails: dict[UUID | None, Email] = (
        {email.pk: email for email in Email.objects.filter(pk__in=wanted)} if wanted else {}
    )
    return [
        _told(source, letter, number, failure, by_path=named[source][1], email=emails.get(named[source][0]))
        for source, letter in letters
        for number, failure in enumerate(_of_one(letter.failures) if named[source][1] else letter.failures)
    ]


def take_in(told: Sequence[Told]) -> feedback.Ingested:
    """Store what was told and let it move the emails: as ``feedback.ingest``, and as often as one likes."""
    return feedback.ingest([one.report for one in told])


def _named(letter: Letter) -> tuple[UUID | None, bool]:
    """The mail that a letter is about, and whether its return path says so. A return path that is forged or expired
    names none, and then nothing else in the letter does."""
    claimed = [address for address in letter.sent_to if return_paths.is_one(address)]
    by_path = next((found for address in claimed if (found := return_paths.email_id_of(address))), None)
    if by_path or claimed or conf.RETURN_PATH_DOMAIN:
        return by_path, by_path is not None
    return letter.returned_id, False


def _of_one(failures: Sequence[Failure]) -> Sequence[Failure]:
    """A mail of ours has one recipient: of several that a letter names, where it was passed on, the worst counts."""
    return sorted(failures, key=lambda failure: _ORDER.index(failure.classified.bounce_class))[:1]


_ORDER: Final = ("complaint", "hard", "policy", "undetermined", "soft")


def _told(source: str, letter: Letter, number: int, failure: Failure, *, by_path: bool, email: Email | None) -> Told:
    said = failure.evidence
    addresses = {normalise(said.recipient), normalise(failure.final)}
    if email and (by_path or email.recipient_key in addresses):
        evidence = replace(said, recipient=email.recipient)
    else:
        email, evidence = None, said
    return Told(
        source=source,
        failure=failure,
        recipient=evidence.recipient,
        email_id=email.pk if email else None,
        report=Report(
            esp=SOURCE,
            kind=evidence.kind,
            recipient=evidence.recipient,
            occurred_at=_moment(letter, email),
            event_id=f"{letter.fingerprint}:{number}",
            email_id=email.pk if email else None,
            detail=evidence.text,
            evidence=evidence,
        ),
    )


def _moment(letter: Letter, email: Email | None) -> datetime:
    """When the letter says that it was written, as far as that can be: a stranger's clock."""
    now = timezone.now()
    earliest = email.queued_at if email else now
    return max(min(letter.sent_at or now, now), min(earliest, now))


def _status(failure: Failure) -> str:
    rule, _, rest = failure.classified.rule.partition(":")
    return failure.evidence.status or (rest.partition("+")[0] if rule == "enhanced" else "")
