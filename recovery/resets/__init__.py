"""The use cases of recovery: decide a request, follow a link, set the new password, act for staff,
and end what a thief may have.

Callers import this package as ``resets`` and call ``resets.fulfil(...)``; each verb says what it commits.
"""

from recovery.agents import may_act_on
from recovery.gates import waits_to_join
from recovery.resets.activating import activate, activate_account, never_joined, user_saved
from recovery.resets.addresses import address_changed
from recovery.resets.changing import followed_up, is_news, password_changed, user_created
from recovery.resets.completing import Opening, complete, open_link, refuse_link, refuse_password, see_link, stand
from recovery.resets.correcting import (
    approve_correction,
    correct_address,
    corrections_due,
    refuse_correction,
    settle_corrections,
    withdraw_corrections,
)
from recovery.resets.deciding import decide, expire_late, fulfil, late
from recovery.resets.ending import close_rotated, rotate, rotate_due, rotations_due
from recovery.resets.following import came_by_backup, climb, follow_up, lost, unreachable
from recovery.resets.objecting import (
    Objected,
    open_objection,
    raise_objection,
    see_objection,
    stand_objection,
    stops_a_change,
)
from recovery.resets.rotating import force_rotation, free_addresses, renew_links, stop_rotation
from recovery.resets.staff import check_rank, check_scope, held_up, note_beyond, request_of, send_by_staff, written
from recovery.resets.unlocking import Unlocked, unlock

__all__ = [
    "Objected",
    "Opening",
    "Unlocked",
    "activate",
    "activate_account",
    "address_changed",
    "approve_correction",
    "came_by_backup",
    "check_rank",
    "check_scope",
    "climb",
    "close_rotated",
    "complete",
    "correct_address",
    "corrections_due",
    "decide",
    "expire_late",
    "follow_up",
    "followed_up",
    "force_rotation",
    "free_addresses",
    "fulfil",
    "held_up",
    "is_news",
    "late",
    "lost",
    "may_act_on",
    "never_joined",
    "note_beyond",
    "open_link",
    "open_objection",
    "password_changed",
    "raise_objection",
    "refuse_correction",
    "refuse_link",
    "refuse_password",
    "renew_links",
    "request_of",
    "rotate",
    "rotate_due",
    "rotations_due",
    "see_link",
    "see_objection",
    "send_by_staff",
    "settle_corrections",
    "stand",
    "stand_objection",
    "stop_rotation",
    "stops_a_change",
    "unlock",
    "unreachable",
    "user_created",
    "user_saved",
    "waits_to_join",
    "withdraw_corrections",
    "written",
]
