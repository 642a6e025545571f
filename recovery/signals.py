"""Signals for the host site. Each is sent with ``send_robust`` after the commit it speaks of.

``reset_completed``: a person set a new or a first password over a link. Arguments: ``user``, ``request_id`` (UUID).
``email_changed_state``: an email moved. Arguments: ``email_id`` (UUID), ``state`` (``reasons.EmailState``).
``alarm_sounded``: somebody must look at something now. Arguments: ``alarm`` (``reasons.Alarm``), ``subject``,
``detail``.
"""

from django.dispatch import Signal

reset_completed = Signal()
email_changed_state = Signal()
alarm_sounded = Signal()
alarm_sounded = Signal()
