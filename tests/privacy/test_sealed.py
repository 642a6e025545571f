"""Erasing somebody whose rows in the trail are sealed: nothing is found of them, and every seal still holds."""

import pytest

from recovery import audit
from recovery.models import AuditOrigin
from recovery.reasons import Action
from tests.asking import set_password
from tests.following import mailed_link, opened, trail
from tests.privacy.life import HOME, TELLS, erased, grace
from tests.privacy.searching import where
from tests.signing_in import fail
from tests.trail.written import anchor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(104, 109)]


def test_every_seal_and_what_was_told_outside_hold_when_somebody_was_erased() -> None:
    user = grace()
    client, form = opened(mailed_link(user, REMOTE_ADDR=HOME))
    set_password(client, form)
    fail(user.username, 5)
    assert AuditOrigin.objects.exists()
    while audit.seal(far=True):
        pass
    known = anchor()
    erased(user)
    while audit.seal(far=True):
        pass
    told = audit.verify(anchors=known)
    assert told.is_sound, told.found[:3]
    assert where(*TELLS) == []
    assert len(trail(Action.ERASED)) == 1
