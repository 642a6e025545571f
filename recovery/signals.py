"""Signals for the host site. Each is sent with ``send_robust`` after the commit it speaks of; ids and words alone.

``reset_requested``: somebody asked, or staff did. Arguments: ``request_id`` (UUID), ``reference``, ``kind``
(``reasons.Kind``), ``audience``.
``reset_decided``: a worker decided an ask. Arguments: ``request_id`` (UUID), ``outcome`` (``reasons.Outcome``).
``email_changed_state``: an email moved, or was withheld from the first. Arguments: ``email_id`` (UUID), ``state``
(``reasons.EmailState``).
``link_opened``: a link was opened. Arguments: ``request_id`` (UUID), ``user_key``, ``verdict`` (``reasons.Verdict``),
``refusal`` (``reasons.Refusal``, or None for a link that works).
``reset_completed``: a person set a new or a first password over a link. Arguments: ``user``, ``request_id`` (UUID).
``sign_in_locked``: sign-ins are refused. Arguments: ``user_key`` ("" for a name that nobody has, and for a place),
``kind`` (``reasons.LockKind``), ``until`` (None: until staff or a link end it).
``sign_in_unlocked``: that was lifted. Arguments: ``user_key``, ``kind``, ``by`` (``reasons.LockLift``).
``case_opened``: no mail reaches a person, or staff opened it. Arguments: ``case_id`` (UUID), ``user_key``, ``reason``
(``reasons.CaseReason``).
``case_closed``: a case ended. Arguments: ``case_id`` (UUID), ``user_key``, ``end`` (``reasons.CaseEnd``).
``alarm_sounded``: somebody must look at something now. Arguments: ``alarm`` (``reasons.Alarm``), ``subject``,
``detail``.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

reset_requested = Signal()
reset_decided = Signal()
email_changed_state = Signal()
link_opened = Signal()
reset_completed = Signal()
sign_in_locked = Signal()
sign_in_unlocked = Signal()
case_opened = Signal()
case_closed = Signal()
alarm_sounded = Signal()


def announce(signal: Signal, sender: type, *, using: str, **facts: Any) -> None:
    """Send it after the running transaction on ``using`` commits, at once if there is none; nothing is done where
    nobody listens."""
    if signal.receivers:
        transaction.on_commit(partial(signal.send_robust, sender=sender, **facts), using=using, robust=True)
