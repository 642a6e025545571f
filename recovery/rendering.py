"""An Email row to a message, at send time. Stores nothing; the link's secret lives as long as the message.

Templates are ``recovery/mail/<kind>.subject.txt``, ``.txt`` and ``.html``, those of the audience's folder first.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from email.policy import Compat32
from email.utils import parseaddr
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from django.template.loader import select_template
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.utils.functional import SimpleLazyObject
from django.utils.timesince import timeuntil
from django.views.decorators.debug import sensitive_variables

from recovery import audiences, codes, link_lives, objections, tokens
from recovery.conf import of_django
from recovery.masked import Secret
from recovery.models import BackupAddress, Email, ResetToken, RotationMember
from recovery.models.requests import shown_reference
from recovery.origin import describe_browser
from recovery.reasons import LINK_KINDS, EmailKind, Kind, RotationSource

BLANK: Final = dict.fromkeys(
    (
        "username", "ip", "detail", "changed_at", "happened_at", "until", "old", "other", "removed", "was_this",
        "of_device", "has_password", "password_holds", "to_backup", "by_staff", "is_first", "by_person", "is_disputed",
        "is_locked", "not_me_url", "not_me_code",
    )
)  # fmt: skip
"""What the templates of notices may ask for and only some are told."""
MOMENTS: Final = frozenset({"changed_at", "happened_at", "until"})  # of a context, which is JSON
HIDDEN: Final = "#•••"
"""What a preview has in the place of a link or a code: it leads nowhere."""
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
    with translation.override(language or language_of(email, audience)):
        context = _context(email, audience, links, life)
        subject = " ".join(_rendered(audience, email.kind, "subject.txt", context).split())
        text = _rendered(audience, email.kind, "txt", context)
        html = _rendered(audience, email.kind, "html", context)
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


class Preview(NamedTuple):
    """A mail as somebody may look at it who must not have what it brings."""

    subject: str
    text: str
    html: str


def preview_of(email: Email, *, without: Collection[str] = ()) -> Preview:
    """What the templates make of this email today, in its language: nothing that it said was kept. No secret is derived
    for it: where a link or a code stands in the mail, ``HIDDEN`` stands here. ``without``: facts of its context that
    are blanked. Raises whatever a template raises, and Misconfigured where its audience is gone.
    """
    audience = audiences.get(email.audience)
    with translation.override(language_of(email, audience)):
        context = _context(email, audience, (), None, is_hidden=True) | dict.fromkeys(without, "")
        subject = " ".join(_rendered(audience, email.kind, "subject.txt", context).split())
        text, html = (_rendered(audience, email.kind, part, context) for part in ("txt", "html"))
        return Preview(subject, text, html)


def language_of(email: Email, audience: audiences.Audience | None = None) -> str:
    """That of its row, which is what the site says of the account (``languages``) or else what was read where somebody
    asked for themselves; else the door's own; else the site's. What an unasked mail tells may be somebody else's act:
    it never has the language of whoever did it."""
    return email.language or (audience or audiences.get(email.audience)).language or str(of_django("LANGUAGE_CODE"))


@lru_cache(maxsize=64)
def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def subject_of(kind: str, audience_name: str) -> str:
    """The subject to look for in the inbox, in the running language."""
    audience = audiences.get(audience_name)
    template = select_template(audience.templates(f"mail/{kind}.subject.txt"))
    return " ".join(template.render({"site_name": audience.site_name}).split())


def life_in_words(life: Any) -> str:
    """``60 minutes``: a duration as people say it, in the running language."""
    now = timezone.now()
    return timeuntil(now + life, now, depth=1).replace("\xa0", " ")


def _rendered(audience: audiences.Audience, kind: str, part: str, context: dict[str, Any]) -> str:
    template = select_template(audience.templates(f"mail/{kind}.{part}"))
    if part != "subject.txt":
        context = {**context, "base_template": audience.frame(f"mail/base.{part}")}
    return str(template.render(context))


@sensitive_variables()
def _context(
    email: Email,
    audience: audiences.Audience,
    links: Sequence[ResetToken],
    life: timedelta | None,
    *,
    is_hidden: bool = False,
) -> dict[str, Any]:
    request = email.request
    facts: dict[str, Any] = {
        "site_name": audience.site_name,
        "support_contact": audience.support_contact,
        "language": translation.get_language(),
        "reference": shown_reference(request.reference) if request else "",
        "asked_at": _local(request.requested_at) if request else None,
        "browser": describe_browser(request.user_agent) if request else "",
        "forgot_url": SimpleLazyObject(lambda: audience.forgot_url),
        **BLANK,
        **email.context,
    }
    for name in MOMENTS & facts.keys():
        facts[name] = _local(parse_datetime(facts[name]) or timezone.now()) if facts[name] else None
    if objections.is_offered(email):
        facts["not_me_url"], facts["not_me_code"] = (HIDDEN, HIDDEN) if is_hidden else _objection(email, audience)
        facts["not_me_life"] = life_in_words(objections.LIFE)
    if email.kind in LINK_KINDS:
        names, is_first = email.context.get("usernames", {}), email.kind == EmailKind.ACTIVATION
        own_life = link_lives.first_lifetime() if is_first else life
        if email.kind == EmailKind.FORCED_RESET:
            own_life = link_lives.forced_lifetime()
        facts["life"] = life_in_words(link_lives.lifetime(email.audience) if own_life is None else own_life)
        facts["by_staff"] = bool(request and request.kind == Kind.ADMIN)
        asked_by_person = bool(request and request.kind == Kind.FORGOT)
        facts["by_person"] = _said_by_person(email) if email.kind == EmailKind.FORCED_RESET else asked_by_person
        facts["to_backup"] = bool(email.context.get("to_backup"))
        facts["links"] = (
            [_hidden_link(email, key, name) for key, name in (names or {"": ""}).items()] if is_hidden else []
        )
        for link in links:
            verifier, door = tokens.verifier_of(link), audiences.get(audiences.of_mail(email, link.user_key))
            url = door.password_link(link.purpose, selector=link.selector, verifier=verifier)
            username = names.get(link.user_key, "")
            facts["links"].append({"url": Secret(url), "username": username, **_doors(email, link.user_key)})
    if email.kind == EmailKind.BACKUP_CHANGED:
        facts["backup_addresses_url"] = audience.link("backup_addresses")
    if email.kind == EmailKind.BACKUP_CODE:
        facts["code"] = HIDDEN if is_hidden else Secret(code_of(email))
        facts["life"] = life_in_words(codes.LIFE)
    return facts


def _hidden_link(email: Email, user_key: str, username: str) -> dict[str, Any]:
    return {"url": HIDDEN, "username": username, **_doors(email, user_key)}


def _doors(email: Email, user_key: str) -> dict[str, Any]:
    """The name of the door to which a link leads, where the mail is another door's, and where else its password counts;
    a door that is gone by now is not named."""
    own, *others = audiences.doors_in(email, user_key) or [email.audience]
    also_at = [audiences.get(name).site_name for name in others if name in audiences.names()]
    return {"door": audiences.get(own).site_name if own != email.audience else "", "also_at": also_at}


@sensitive_variables()
def _objection(email: Email, audience: audiences.Audience) -> tuple[Secret, Secret]:
    """The link and the code with which the person says that it was not them."""
    url = audience.link("not_me", key=str(email.pk), verifier=objections.verifier_of(email))
    return Secret(url), Secret(objections.code_of(email))


def _said_by_person(email: Email) -> bool:
    """Whether the person started it themselves, by saying that something was not them."""
    members = RotationMember.objects.filter(request=email.request_id, rotation__source=RotationSource.PERSON)
    return email.request_id is not None and members.exists()


@sensitive_variables()
def code_of(email: Email) -> str:
    """The code that this mail brings; "" where a newer one was asked for, or its address is gone."""
    wanted = BackupAddress.objects.filter(pk=email.context["backup"], code_salt=email.context["code_salt"])
    backup = wanted.first()
    return codes.of(backup) if backup else ""


def _local(moment: datetime) -> datetime:
    zone: ZoneInfo | Any = timezone.get_current_timezone()
    return moment.astimezone(zone)
