"""Moments and texts as sentences have them: in the reader's zone and language."""

from datetime import UTC, datetime
from typing import Final

from django.utils import formats, timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recovery import allowing, audiences
from recovery.exceptions import Misconfigured
from recovery.models import Email

MINUTE: Final = 60


def moment(at: datetime | None) -> str:
    """Day and time with the name of the zone, and UTC where that is another: an agent reads it out to somebody who may
    be elsewhere. A dash where nobody knows."""
    if at is None:
        return "–"
    if timezone.is_naive(at):
        return formats.date_format(at, "SHORT_DATETIME_FORMAT")
    local = timezone.localtime(at)
    said = f"{formats.date_format(local, 'SHORT_DATETIME_FORMAT')} {local:%Z}"
    return f"{said} ({at.astimezone(UTC):%H:%M} UTC)" if local.utcoffset() else said


def ago(since: datetime | None, now: datetime) -> str:
    """How long ago, in seconds where it was less than a minute."""
    if since is None:
        return "–"
    seconds = max(int((now - since).total_seconds()), 0)
    if seconds < MINUTE:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    return timesince(since, now, depth=1)


def text_for_it(email: Email) -> str:
    """What the recipient's IT must know to let our mail through, to be copied."""
    try:
        sender = audiences.get(email.audience).from_email
    except Misconfigured:
        sender = ""
    servers = allowing.servers_of(email.audience, email.route)
    named = [email.esp_message_id] if email.esp_message_id else []
    facts = {
        "sender": sender,
        "recipient": email.recipient,
        "at": f"{email.handed_over_at or email.queued_at:%Y-%m-%d %H:%M:%S} UTC",
        "message": ", ".join([str(email.pk), *named]),
    }
    asked = (
        _(
            "“Please look for a mail from %(sender)s to %(recipient)s of %(at)s (message id %(message)s), release it "
            "from spam or quarantine, and let mail of this sender through: it brings links for new passwords.”"
        )
        % facts
    )
    with_servers = _("Its servers: %(servers)s.") % {"servers": servers}
    return f"{asked} {with_servers}" if servers else asked
