"""An Email row to a message, at send time. Stores nothing; the link's secret lives as long as the message.

Templates are ``recovery/mail/<kind>.subject.txt``, ``.txt`` and ``.html``, those of the audience first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from email.policy import Compat32
from email.utils import parseaddr
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from django.template.loader import select_template
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.utils.functional import SimpleLazyObject
from django.utils.timesince import timeuntil
from django.views.decorators.debug import sensitive_variables

from recovery import audiences, codes, link_lives, tokens
from recovery.conf import conf
from recovery.models import BackupAddress, Email, ResetToken
from recovery.models.requests import shown_reference
from recovery.origin import describe_browser
from recovery.reasons import EmailKind, Kind

WIDTH: Final = 76  # characters of a line, also with its end below the 78 of RFC 5322 section 2.1.1


class ShortHeaders(Compat32):
    """A header that fits on its line goes out as it is; the standard library cuts each in pieces to see whether it
    does, which takes a third of the time that it takes to make a mail."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        line = f"{name}: {value}"
        if type(value) is str and value and len(line) <= WIDTH and value.isascii() and value.isprintable():
            return f"{line}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


class Message(EmailMultiAlternatives):
    """Parted at a line of its own: each try has the same bytes, and no line is drawn that the text must not hold."""

    def message(self, *args: Any, **kwargs: Any) -> Any:
        made = super().message(*args, **kwargs)
        if type(made.policy) is Compat32:
            made.policy = HEADERS
        if made.is_multipart():
            made.set_boundary(f"=={self.extra_headers['Message-ID'].strip('<>').partition('@')[0]}")
        return made


HEADERS: Final = ShortHeaders()


@sensitive_variables("context", "message", "text", "html")
def message_for(
    email: Email, links: Sequence[ResetToken] = (), *, life: timedelta | None = None, language: str | None = None
) -> Message:
    """The message as it leaves, in the email's language, with ``links`` (live links of a reset mail).

    ``life`` of a link, for a caller that knows it by now; ``language`` instead of the email's own. Raises SecretLost
    when a link's secret can no longer be derived, and whatever a template raises.
    """
    audience = audiences.get(email.audience)
    with translation.override(language or email.language or None):
        context = _context(email, audience, links, life)
        subject = " ".join(_rendered(email, "subject.txt", context).split())
        text = _rendered(email, "txt", context)
        html = _rendered(email, "html", context)
    message = Message(
        subject,
        text,
        audience.from_email,
        [email.recipient],
        headers={
            "Message-ID": f"<{email.pk}@{_domain(audience.from_email)}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: no automatic replies, please
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(html, "text/html")
    return message


@lru_cache(maxsize=64)
def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def subject_of(kind: str, audience_name: str) -> str:
    """The subject to look for in the inbox, in the running language."""
    audience = audiences.get(audience_name)
    names = _template_names(kind, audience_name, "subject.txt")
    return " ".join(select_template(names).render({"site_name": audience.site_name}).split())


def life_in_words(life: Any) -> str:
    """``60 minutes``: a duration as people say it, in the running language."""
    now = timezone.now()
    return timeuntil(now + life, now, depth=1).replace("\xa0", " ")


def _rendered(email: Email, part: str, context: dict[str, Any]) -> str:
    template = select_template(_template_names(email.kind, email.audience, part))
    return str(template.render(context))


def _template_names(kind: str, audience: str, part: str) -> list[str]:
    return [f"recovery/{audience}/mail/{kind}.{part}", f"recovery/mail/{kind}.{part}"]


@sensitive_variables("verifier")
def _context(
    email: Email, audience: audiences.Audience, links: Sequence[ResetToken], life: timedelta | None
) -> dict[str, Any]:
    request = email.request
    facts: dict[str, Any] = {
        "site_name": audience.site_name,
        "support_contact": conf.SUPPORT_CONTACT,
        "language": translation.get_language(),
        "reference": shown_reference(request.reference) if request else "",
        "asked_at": _local(request.requested_at) if request else None,
        "browser": describe_browser(request.user_agent) if request else "",
        "forgot_url": SimpleLazyObject(lambda: audience.forgot_url),
        **email.context,
    }
    if "changed_at" in facts:
        facts["changed_at"] = _local(parse_datetime(facts["changed_at"]) or timezone.now())
    if email.kind == EmailKind.RESET:
        names = email.context.get("usernames", {})
        facts["life"] = life_in_words(link_lives.lifetime(email.audience) if life is None else life)
        facts["by_staff"] = bool(request and request.kind == Kind.ADMIN)
        facts["to_backup"] = bool(email.context.get("to_backup"))
        facts["links"] = []
        for link in links:
            verifier = tokens.verifier_of(link)
            url = audience.link("reset", selector=link.selector, verifier=verifier)
            facts["links"].append({"url": url, "username": names.get(link.user_key, "")})
    if email.kind == EmailKind.BACKUP_CHANGED:
        facts["backup_addresses_url"] = audience.link("backup_addresses")
    if email.kind == EmailKind.BACKUP_CODE:
        facts["code"] = code_of(email)
        facts["life"] = life_in_words(codes.LIFE)
    return facts


@sensitive_variables()
def code_of(email: Email) -> str:
    """The code that this mail brings; "" where a newer one was asked for, or its address is gone."""
    wanted = BackupAddress.objects.filter(pk=email.context["backup"], code_salt=email.context["code_salt"])
    backup = wanted.first()
    return codes.of(backup) if backup else ""


def _local(moment: datetime) -> datetime:
    zone: ZoneInfo | Any = timezone.get_current_timezone()
    return moment.astimezone(zone)
