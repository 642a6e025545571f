"""Every mail that the app can write, as a test has it written: what it is told, and for whom it has links."""

from dataclasses import dataclass, field
from typing import Any

from recovery.reasons import EmailKind, Kind

SITE = "https://library.example"
BACKUP = "019abcde-0000-7000-8000-000000000001"
ALARM = {
    "alarm": "success_low",
    "what": "too little mail arrives",
    "about": "",
    "detail": "93.5 % arrived (58 of 62); the target is 98 %",
    "dashboard_url": f"{SITE}/admin/recovery/rollup/",
}
CHANGED = {"changed_at": "2026-11-21T09:41:00+00:00"}


@dataclass(frozen=True)
class Case:
    """One mail to look at: its kind, what it is told, and for whom it has links."""

    kind: str
    context: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    request: str | None = Kind.FORGOT


CASES = {
    "reset": Case(EmailKind.RESET, names=("amelie",)),
    "reset_several_accounts": Case(EmailKind.RESET, names=("amelie", "amelie.work")),
    "reset_by_staff": Case(EmailKind.RESET, names=("amelie",), request=Kind.ADMIN),
    "password_changed": Case(
        EmailKind.PASSWORD_CHANGED,
        CHANGED | {"username": "amelie", "browser": "Safari (iPhone)", "asked_at": None},
    ),
    "no_password": Case(
        EmailKind.NO_PASSWORD, {"sign_in_name": "the city card", "sign_in_url": "https://card.riverside.example/"}
    ),
    "unknown_account": Case(EmailKind.UNKNOWN_ACCOUNT),
    "address_changed_old": Case(EmailKind.ADDRESS_CHANGED, CHANGED | {"old": True}, request=None),
    "reset_to_backup": Case(EmailKind.RESET, {"to_backup": True}, names=("amelie",)),
    "backup_code": Case(EmailKind.BACKUP_CODE, {"backup": BACKUP, "code_salt": "salt"}, request=None),
    "backup_added": Case(
        EmailKind.BACKUP_CHANGED, CHANGED | {"removed": False, "browser": "Safari (iPhone)"}, request=None
    ),
    "backup_removed": Case(EmailKind.BACKUP_CHANGED, CHANGED | {"removed": True, "browser": ""}, request=None),
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
    "address_changed_new": Case(EmailKind.ADDRESS_CHANGED, CHANGED | {"old": False}, request=None),
}
