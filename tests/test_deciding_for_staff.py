"""What a worker decides when staff asked for somebody: which gates they pass, their cap and their scope."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail

from recovery import resets
from recovery.exceptions import NotAllowed
from recovery.models import AuditEvent, Email, ResetRequest
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, Gate, Kind, Outcome
from tests.asking import asked, recipients, work
from tests.factories import StaffFactory, UserFactory
from tests.gates import CLOSED_BY, asks, mailed_before, mailed_often

pytestmark = pytest.mark.django_db
OFFICE = Origin(ip="192.0.2.77", user_agent="Firefox", language="en")


def staff_sends(user: Any, staff: Any) -> ResetRequest:
    request = resets.send_by_staff(user, actor=staff, reason="on the phone", origin=OFFICE)
    work()
    request.refresh_from_db()
    return request


@pytest.mark.parametrize("before", [mailed_before, mailed_often])
def test_staff_pass_the_cool_down_and_the_cap(before: Callable[[], Any]) -> None:
    user, staff = before(), StaffFactory.create()
    count = len(mail.outbox)
    asks(user)
    assert asked().outcome in {Outcome.COOLDOWN, Outcome.THROTTLED}
    request = staff_sends(user, staff)
    assert (request.kind, request.outcome) == (Kind.ADMIN, Outcome.SENT)
    assert recipients()[count:] == [user.email]
    assert "support team" in mail.outbox[-1].body


@pytest.mark.parametrize(
    "gate", [Gate.ACTIVE, Gate.HAS_PASSWORD, Gate.HAS_ADDRESS, Gate.VERIFIED_ADDRESS], ids=lambda gate: gate.value
)
def test_staff_pass_no_other_gate(gate: Gate) -> None:
    make, outcome = CLOSED_BY[gate]
    assert staff_sends(make(), StaffFactory.create()).outcome == outcome
    assert not Email.objects.filter(kind=EmailKind.RESET).exists()


def test_staff_have_a_cap_of_their_own_and_the_refusal_is_on_the_trail(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (2, timedelta(hours=1))}}
    user, staff = UserFactory.create(), StaffFactory.create()
    for _ in range(2):
        assert staff_sends(user, staff).outcome == Outcome.SENT
    with pytest.raises(NotAllowed):
        staff_sends(user, staff)
    assert staff_sends(user, StaffFactory.create()).outcome == Outcome.SENT
    refused = AuditEvent.objects.get(action=Action.STAFF_REFUSED)
    assert (refused.actor_key, refused.user_key, refused.reason) == (str(staff.pk), str(user.pk), "on the phone")


def never(actor: Any, user: Any) -> bool:
    return False


def test_out_of_an_agents_scope_nothing_is_asked_for(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.never"}
    with pytest.raises(NotAllowed):
        staff_sends(UserFactory.create(), StaffFactory.create())
    assert not ResetRequest.objects.exists()
    assert AuditEvent.objects.get().action == Action.STAFF_REFUSED


def test_a_person_that_staff_chose_and_that_is_gone_is_no_account() -> None:
    user = UserFactory.create()
    request = resets.send_by_staff(user, actor=StaffFactory.create(), reason="", origin=OFFICE)
    get_user_model().objects.filter(pk=user.pk).delete()
    work()
    request.refresh_from_db()
    assert request.outcome == Outcome.NO_ACCOUNT
