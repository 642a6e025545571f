"""Every mail that the app can write, as a test has it written: what it is told, and for whom it has links."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.mail import EmailMultiAlternatives

from recovery import outbox, rendering, tokens
from recovery.models import BackupAddress, ResetRequest, ResetToken, Rotation, RotationMember
from recovery.reasons import EmailKind, Kind, RotationSource
from tests.factories import UserFactory

GOLDEN = Path(__file__).parent / "golden"
SITE = "https://library.example"
KEY = "the key of the golden files"
FACTS = {"BASE_URL": SITE, "SITE_NAME": "Riverside Library", "SUPPORT_CONTACT": "help@riverside-library.example"}
"""Settings of the site whose mails these are."""
REFERENCE = "7KQ4-M9XD"
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
NOTICE = UUID("019abcde-0000-7000-8000-000000000002")
BACKUP = "019abcde-0000-7000-8000-000000000001"
ALARM = {
    "alarm": "success_low",
    "what": "too little mail arrives",
    "about": "",
    "detail": "93.5 % arrived (58 of 62); the target is 98 %",
    "dashboard_url": f"{SITE}/admin/recovery/rollup/",
}
FROM = {"browser": "Safari (iPhone)", "ip": "192.0.2.77"}
CHANGED = {"changed_at": "2026-11-21T09:41:00+00:00", "may_object": True, **FROM}
HAPPENED = {"happened_at": "2026-11-21T09:41:00+00:00", "may_object": True, "username": "amelie", **FROM}
TO_BACKUP = {"to_backup": True, "username": "amelie", "ip": "192.0.2.•"}
PROPOSED = HAPPENED | {"browser": "", "ip": "", "until": None, "correction": BACKUP}
LOCKED = HAPPENED | {
    "browser": "", "until": "2026-11-21T09:46:00+00:00", "has_password": True, "password_holds": True
}  # fmt: skip
NO_PASSWORD = {"has_password": False, "password_holds": False}


@dataclass(frozen=True)
class Case:
    """One mail to look at: its kind, what it is told, and for whom it has links."""

    kind: str
    context: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    request: str | None = Kind.FORGOT
    source: str = ""  # of a forced rotation


CASES = {
    "reset": Case(EmailKind.RESET, names=("amelie",)),
    "reset_several_accounts": Case(EmailKind.RESET, names=("amelie", "amelie.work")),
    "reset_by_staff": Case(EmailKind.RESET, names=("amelie",), request=Kind.ADMIN),
    "activation": Case(EmailKind.ACTIVATION, names=("amelie",), request=Kind.ACTIVATION),
    "activation_asked_for": Case(EmailKind.ACTIVATION, names=("amelie",)),
    "activation_several_accounts": Case(EmailKind.ACTIVATION, names=("amelie", "amelie.work")),
    "first_password_chosen": Case(
        EmailKind.PASSWORD_CHANGED,
        CHANGED | {"username": "amelie", "browser": "Safari (iPhone)", "asked_at": None, "is_first": True},
    ),
    "password_changed": Case(
        EmailKind.PASSWORD_CHANGED,
        CHANGED | {"username": "amelie", "asked_at": None},
    ),
    "password_changed_to_backup": Case(EmailKind.PASSWORD_CHANGED, CHANGED | TO_BACKUP | {"asked_at": None}),
    "no_password": Case(
        EmailKind.NO_PASSWORD, {"sign_in_name": "the city card", "sign_in_url": "https://card.riverside.example/"}
    ),
    "unknown_account": Case(EmailKind.UNKNOWN_ACCOUNT),
    "forced_reset": Case(EmailKind.FORCED_RESET, names=("amelie",), request=Kind.FORCED, source=RotationSource.STAFF),
    "forced_reset_by_person": Case(
        EmailKind.FORCED_RESET, names=("amelie",), request=Kind.FORCED, source=RotationSource.PERSON
    ),
    "forced_reset_to_backup": Case(
        EmailKind.FORCED_RESET, {"to_backup": True}, ("amelie",), request=Kind.FORCED, source=RotationSource.COMMAND
    ),
    "address_changed_old": Case(EmailKind.ADDRESS_CHANGED, CHANGED | {"old": True, "ip": ""}, request=None),
    "reset_to_backup": Case(EmailKind.RESET, {"to_backup": True}, names=("amelie",)),
    "backup_code": Case(EmailKind.BACKUP_CODE, {"backup": BACKUP, "code_salt": "salt"}, request=None),
    "backup_added": Case(EmailKind.BACKUP_CHANGED, CHANGED | {"removed": False}, request=None),
    "backup_removed": Case(EmailKind.BACKUP_CHANGED, CHANGED | {"removed": True, "browser": ""}, request=None),
    "backup_removed_itself": Case(
        EmailKind.BACKUP_CHANGED,
        CHANGED | {"removed": True, "was_this": True, "may_object": False, "ip": "192.0.2.•"},
        request=None,
    ),
    "support_case": Case(
        EmailKind.SUPPORT_CASE,
        {
            "name": "a•••e",
            "is_closed": False,
            "lines": ["Why: the mail came back, and there is no backup address to try.", "Reference: 7KQ4-M9XD"],
            "case_url": f"{SITE}/admin/recovery/supportcase/1/change/",
            "asked_at": None,
            "browser": "",
        },
    ),
    "alarm": Case(EmailKind.ALARM, ALARM | {"is_over": False}, request=None),
    "alarm_over": Case(EmailKind.ALARM, ALARM | {"is_over": True, "detail": ""}, request=None),
    "test": Case(EmailKind.TEST, request=None),
    "support_case_compromised": Case(
        EmailKind.SUPPORT_CASE,
        {
            "name": "12 people",
            "is_closed": False,
            "is_compromised": True,
            "lines": ["Why: somebody else may have been in the account; a new password was forced."],
            "case_url": f"{SITE}/admin/recovery/supportcase/1/change/",
            "asked_at": None,
            "browser": "",
        },
        request=None,
    ),
    "address_changed_new": Case(
        EmailKind.ADDRESS_CHANGED, CHANGED | {"old": False, "may_object": False, "ip": ""}, request=None
    ),
    "address_changed_others": Case(EmailKind.ADDRESS_CHANGED, CHANGED | {"other": True}, request=None),
    "address_proposed": Case(EmailKind.ADDRESS_PROPOSED, PROPOSED, request=None),
    "address_proposed_with_a_wait": Case(
        EmailKind.ADDRESS_PROPOSED, PROPOSED | {"until": "2026-11-24T09:41:00+00:00"}, request=None
    ),
    "address_proposed_to_backup": Case(EmailKind.ADDRESS_PROPOSED, PROPOSED | TO_BACKUP | {"ip": ""}, request=None),
    "locked": Case(EmailKind.LOCKED, LOCKED, request=None),
    "locked_for_good": Case(EmailKind.LOCKED, LOCKED | {"until": None}, request=None),
    "locked_of_device": Case(EmailKind.LOCKED, LOCKED | {"of_device": True}, request=None),
    "locked_to_backup": Case(EmailKind.LOCKED, LOCKED | TO_BACKUP, request=None),
    "locked_with_ended_password": Case(EmailKind.LOCKED, LOCKED | {"password_holds": False}, request=None),
    "locked_without_password": Case(EmailKind.LOCKED, LOCKED | NO_PASSWORD, request=None),
    "locked_without_password_for_good": Case(EmailKind.LOCKED, LOCKED | NO_PASSWORD | {"until": None}, request=None),
    "locked_by_staff": Case(
        EmailKind.LOCKED, LOCKED | {"by_staff": True, "may_object": False, "until": None, "ip": ""}, request=None
    ),
    "new_device": Case(EmailKind.NEW_DEVICE, HAPPENED, request=None),
    "new_device_to_backup": Case(EmailKind.NEW_DEVICE, HAPPENED | TO_BACKUP | {"username": ""}, request=None),
    "suspicious_sign_in": Case(
        EmailKind.SUSPICIOUS_SIGN_IN,
        HAPPENED | {"detail": "Lima and Berlin within an hour."},
        request=None,
    ),
    "rotation_forced_by_staff": Case(
        EmailKind.ROTATION_FORCED,
        CHANGED | {"by_person": False, "may_object": False, "username": "amelie", "browser": "", "ip": ""},
        request=None,
    ),
    "rotation_forced_disputed": Case(
        EmailKind.ROTATION_FORCED,
        CHANGED
        | {"by_person": True, "may_object": False, "is_disputed": True, "username": "amelie", "browser": "", "ip": ""},
        request=None,
    ),
    "rotation_forced_by_person": Case(
        EmailKind.ROTATION_FORCED,
        CHANGED | {"by_person": True, "may_object": False, "username": "", "browser": "", "ip": ""},
        request=None,
    ),
}


Write = Callable[..., EmailMultiAlternatives]


def written(name: str, language: str = "en", **more: Any) -> EmailMultiAlternatives:
    """One case as it would leave: fixed reference, time and selectors, so that under ``KEY`` it is always the same."""
    case = CASES[name]
    request = None
    if case.request:
        request = ResetRequest.objects.create(
            reference=REFERENCE.replace("-", ""),
            kind=case.request,
            identifier=more.get("identifier", "amelie"),
            requested_at=AT,
            user_agent=FIREFOX,
        )
    if case.source:
        rotation = Rotation.objects.create(source=case.source, reason="x", member_count=1)
        RotationMember.objects.create(rotation=rotation, user_key="1", request=request)
    may_object = case.context.get("may_object")
    [email] = outbox.queue(
        case.kind,
        ["amelie@example.com"],
        request=request,
        language=language,
        user_key="1" if may_object else "",
        context={**case.context, **more.get("context", {})},
    )
    if may_object:
        email.pk = NOTICE  # link and code are made of it
    if case.kind == EmailKind.BACKUP_CODE:
        facts = {"user_key": "1", "address": "amelie@example.com", "address_key": "amelie", "code_until": AT}
        BackupAddress.objects.get_or_create(pk=BACKUP, defaults={**facts, "code_salt": "salt"})
    purpose = tokens.ACTIVATION if case.kind == EmailKind.ACTIVATION else tokens.PURPOSE
    links = []
    for number, username in enumerate(case.names):
        user = UserFactory.create(username=more.get("username", username), email="amelie@example.com")
        link = tokens.issue(user, request=request, email=email, address=user.email, purpose=purpose)
        # The selector is drawn at random; a golden file needs one that stays.
        ResetToken.objects.filter(pk=link.pk).update(selector=str(number) * 22)
        link = ResetToken.objects.get(pk=link.pk)
        tokens.mint_anew(link)
        email.context.setdefault("usernames", {})[link.user_key] = user.username
        links.append(link)
    return rendering.message_for(email, links)


def html_of(message: EmailMultiAlternatives) -> str:
    [(html, kind)] = [tuple(part) for part in message.alternatives]
    assert kind == "text/html"
    return str(html)


class Page(HTMLParser):
    """What an HTML mail links to, what it shows, and every tag and attribute in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.shown: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, value in attrs)
        self.hrefs += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:  # a style sheet is not shown
            self.shown.append(data.strip())
