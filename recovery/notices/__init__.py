"""Mail that follows a security event, to every address of the account that may be mailed.

Callers import this package as ``notices``; a site calls ``new_device`` and ``suspicious_sign_in``. Opening a link of a
notice changes nothing; what "this was not me" leads to is decided in ``resets``.
"""

from recovery.notices.changes import (
    address_changed,
    address_proposed,
    backup_changed,
    backup_code,
    password_changed,
    rotation_forced,
)
from recovery.notices.lockouts import pass_over, tell_lockout, untold
from recovery.notices.sign_ins import new_device, suspicious_sign_in

__all__ = [
    "address_changed",
    "address_proposed",
    "backup_changed",
    "backup_code",
    "new_device",
    "pass_over",
    "password_changed",
    "rotation_forced",
    "suspicious_sign_in",
    "tell_lockout",
    "untold",
]
