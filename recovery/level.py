"""Which mail may leave at all. Staff change it; the newest change holds, everywhere and at once.

Looked at where mail is decided on and again right before it leaves. Raising the level releases nothing by itself.
"""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from recovery import audit
from recovery.accounts import key_of
from recovery.models import LevelSwitch
from recovery.models.primary import atomic
from recovery.models.rows import columns, read
from recovery.reasons import Action, EmailKind, EmailReason, MailLevel


def current() -> MailLevel:
    """The level that holds now; "all" until somebody changes it."""
    newest = f"SELECT {columns(LevelSwitch)} FROM {LevelSwitch._meta.db_table} ORDER BY id DESC LIMIT 1"
    return next((MailLevel(row.level) for row in read(LevelSwitch, newest, [])), MailLevel.ALL)


def holds(kind: str, level: MailLevel | None = None) -> EmailReason | None:
    """Why mail of this kind must stay now, or None. ``level``: the current one, for a caller that has read it."""
    level = current() if level is None else level
    if level == MailLevel.NONE:
        return EmailReason.LEVEL_NONE
    if level == MailLevel.SYSTEM and kind == EmailKind.SITE:
        return EmailReason.LEVEL_SYSTEM
    return None


def switch(level: MailLevel, *, actor: AbstractBaseUser, reason: str) -> LevelSwitch:
    """Change the level. Mail that is with a provider's server at this moment leaves all the same."""
    with atomic(LevelSwitch):
        words: dict[str, Any] = {"from": current().value, "to": MailLevel(level).value}
        row = LevelSwitch.objects.create(level=level, actor_key=key_of(actor), reason=audit.kept(reason))
        audit.record(Action.LEVEL_CHANGED, actor_key=row.actor_key, reason=reason, **words)
    return row
