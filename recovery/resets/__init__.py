"""The use cases of recovery: decide a request, follow a link, set the new password, act for staff.

Callers import this package as ``resets`` and call ``resets.fulfil(...)``; each verb says what it commits.
"""

from recovery.resets.activating import activate, activate_account, never_joined, user_saved, waits_to_join
from recovery.resets.completing import Opening, complete, open_link, refuse_link, refuse_password, see_link, stand
from recovery.resets.deciding import decide, expire_late, fulfil, late
from recovery.resets.following import came_by_backup, climb, follow_up, lost, unreachable
from recovery.resets.staff import address_changed, held_up, may_act_on, send_by_staff

__all__ = [
    "Opening",
    "activate",
    "activate_account",
    "address_changed",
    "came_by_backup",
    "climb",
    "complete",
    "decide",
    "expire_late",
    "follow_up",
    "fulfil",
    "held_up",
    "late",
    "lost",
    "may_act_on",
    "never_joined",
    "open_link",
    "refuse_link",
    "refuse_password",
    "see_link",
    "send_by_staff",
    "stand",
    "unreachable",
    "user_saved",
    "waits_to_join",
]
