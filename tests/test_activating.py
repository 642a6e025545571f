"""Who gets a link to a first password, who does not, and what becomes of the ask."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from recovery import accounts, level, outbox, resets
from recovery.exceptions import NotAllowed
from recovery.models import AuditEvent, Email, ResetRequest, ResetToken, SupportCase
from recovery.origin import Origin
from recovery.reasons import (
    Action,
    CaseReason,
    Gate,
    Kind,
    MailLevel,
    Outcome,
)
from recovery.sweep import outlook, sweep
from tests.asking import NEW_PASSWORD, asked, links, recipients, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, provider, trail
from tests.gates import CLOSED_BY, OF_AN_ACTIVATION, let_a_minute_pass
from tests.joining import activated, invited, joins, mailed_to
from tests.ladder import fails
from tests.people.models import Member, Subscriber, Tenant
from tests.test_accounts import PEOPLE, live_with

pytestmark = pytest.mark.django_db(transaction=True)


def test_whoever_was_just_created_gets_a_link_after_the_commit_and_none_without_one() -> None:
    with transaction.atomic():
        user = UserFactory.create(password=None)
        resets.activate(user, reason="signed up at the desk")
        assert mail.outbox == []
    work()
    assert recipients() == [user.email]
    request = ResetRequest.objects.get()
    assert (request.kind, request.outcome, request.actor_key) == (Kind.ACTIVATION, Outcome.SENT, "")
    assert AuditEvent.objects.get(action=Action.REQUESTED).reason == "signed up at the desk"
    with transaction.atomic():
        resets.activate(UserFactory.create(password=None))
        transaction.set_rollback(True)
    assert work() == []
    assert ResetRequest.objects.count() == 1


def activated_often() -> Any:
    user = invited()
    for _ in range(4):
        let_a_minute_pass()
        activated(user)
    let_a_minute_pass()
    return user


def without_password(make: Callable[[], Any]) -> Callable[[], Any]:
    def made() -> Any:
        user = make()
        user.set_unusable_password()
        user.save()
        return user

    return made


STOPPED: dict[Gate, tuple[Callable[[], Any], Outcome]] = {
    **{gate: (without_password(make), outcome) for gate, (make, outcome) in CLOSED_BY.items()},
    Gate.NOT_JOINED: (UserFactory.create, Outcome.JOINED),
    Gate.COOLDOWN: (invited, Outcome.COOLDOWN),
    Gate.ACCOUNT_LIMIT: (activated_often, Outcome.THROTTLED),
}


@pytest.mark.parametrize("gate", OF_AN_ACTIVATION)
def test_a_closed_gate_ends_the_walk_and_is_written_down(gate: Gate) -> None:
    make, outcome = STOPPED[gate]
    user = make()
    before = ResetToken.objects.count()
    request = activated(user)
    decision = request.decisions.get()
    assert (request.outcome, decision.outcome) == (outcome, outcome)
    walked = OF_AN_ACTIVATION[: OF_AN_ACTIVATION.index(gate) + 1]
    assert [step["gate"] for step in decision.gates] == [word.value for word in walked]
    assert [step["open"] for step in decision.gates] == [True] * (len(walked) - 1) + [False]
    assert ResetToken.objects.count() == before


@pytest.mark.parametrize(("hours", "leaves"), [(23, True), (25, False)])
def test_what_waits_for_a_worker_or_a_provider_leaves_within_a_day(settings: Any, hours: int, leaves: bool) -> None:
    undecided, waiting = UserFactory.create(password=None), UserFactory.create(password=None)
    with provider("tests.backends.Unreachable", settings):
        activated(waiting)
    resets.activate(undecided)
    let_pass(timedelta(hours=hours))
    assert outlook().expired == (0 if leaves else 1)
    sweep()
    assert sorted(recipients()) == (sorted([undecided.email, waiting.email]) if leaves else [])
    outcome = ResetRequest.objects.get(user_key=str(undecided.pk)).outcome
    assert outcome == (Outcome.SENT if leaves else Outcome.EXPIRED)


def test_asking_again_before_a_worker_has_looked_is_the_same_request() -> None:
    user = UserFactory.create(password=None)
    first, second = resets.activate(user), resets.activate(user, reason="again")
    assert first.pk == second.pk
    assert work() == [Outcome.SENT]
    assert recipients() == [user.email]
    assert second.reason == "again"
    assert AuditEvent.objects.filter(action=Action.REQUESTED, request_id=first.pk).count() == 2


def test_staff_pass_the_cool_down_and_have_a_cap_and_a_scope(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (1, timedelta(hours=1))}}
    staff, user = StaffFactory.create(), invited()
    office = Origin(ip="192.0.2.77", language="fr")
    request = activated(user, actor=staff, reason="on the phone", origin=office)
    assert (request.outcome, request.actor_key, request.reason) == (Outcome.SENT, str(staff.pk), "on the phone")
    assert (request.language, mail.outbox[-1].subject) == (
        "",
        "Choose a password for your account at Riverside Library",
    )
    with pytest.raises(NotAllowed, match="Too many"):
        resets.activate(user, actor=staff, reason="once more")
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.never"}
    with pytest.raises(NotAllowed):
        resets.activate(user, actor=StaffFactory.create(), reason="on the phone")
    assert trail(Action.STAFF_REFUSED) == [{"by": "staff limit"}, {"by": "MAY_ACT_ON"}]
    assert len(mail.outbox) == 2


def test_two_members_of_staff_ask_each_in_their_own_name() -> None:
    user, staff = UserFactory.create(password=None), StaffFactory.create_batch(2)
    for actor in staff:
        resets.activate(user, actor=actor, reason="on the phone")
    assert [request.actor_key for request in ResetRequest.objects.order_by("pk")] == [str(each.pk) for each in staff]


def test_an_account_out_of_scope_is_not_made_active_and_the_refusal_is_on_the_trail(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.never"}
    user = UserFactory.create(is_active=False)
    with pytest.raises(NotAllowed):
        resets.activate_account(user, actor=StaffFactory.create(), reason="on the phone")
    user.refresh_from_db()
    assert not user.is_active
    assert [event.action for event in AuditEvent.objects.all()] == [Action.STAFF_REFUSED]


@pytest.mark.parametrize("model", [Member, Tenant, Subscriber])
def test_any_user_model_gets_its_first_password(settings: Any, model: Any) -> None:
    live_with(settings, model)
    settings.RECOVERY = {**settings.RECOVERY, "ACTIVATE_NEW_USERS": True}
    user = model(**PEOPLE[model])
    user.set_unusable_password()
    user.save()
    assert work() == [Outcome.SENT]
    _, answer = joins(links(mail.outbox[0])[0])
    assert answer.status_code == 302
    assert model.objects.get(pk=user.pk).check_password(NEW_PASSWORD)


def never(actor: Any, user: Any) -> bool:
    return False


def test_what_a_person_asked_for_themselves_is_written_in_their_language() -> None:
    user = UserFactory.create(password=None)
    activated(user, origin=Origin(ip="192.0.2.5", language="de"))
    assert Email.objects.get().language == "de"


def test_mail_that_the_level_holds_leaves_when_it_is_released() -> None:
    staff = StaffFactory.create()
    level.switch(MailLevel.NONE, actor=staff, reason="a wrong template")
    user = UserFactory.create(password=None)
    assert activated(user).outcome == Outcome.LEVEL_BLOCKED
    level.switch(MailLevel.ALL, actor=staff, reason="mended")
    assert outbox.release_held(actor=staff, reason="mended") == 1
    sweep()
    assert joins(mailed_to(user))[1].status_code == 302


def test_a_mail_that_comes_back_opens_a_case_which_closes_when_the_person_joins() -> None:
    user = invited()
    fails(Email.objects.get())
    case = SupportCase.objects.get()
    assert (case.user_key, case.reason, case.closed_at) == (str(user.pk), CaseReason.BOUNCED_NO_BACKUP, None)
    assert ResetRequest.objects.get().outcome == Outcome.ESCALATED
    joins(mailed_to(user))
    case.refresh_from_db()
    assert case.closed_at


@pytest.mark.parametrize(
    ("make", "has"),
    [
        (UserFactory.create, True),
        (lambda: UserFactory.create(password=None), False),
        (lambda: UserFactory.create(password=None, last_login=timezone.now()), True),
    ],
)
def test_whoever_has_a_password_or_signed_in_has_joined(make: Callable[[], Any], has: bool) -> None:
    user = make()
    assert accounts.has_joined(user) is has
    type(user).objects.filter(pk=user.pk).update(password="")
    user.refresh_from_db()
    assert accounts.has_joined(user) is (user.last_login is not None)


def test_an_ask_that_is_gone_with_its_person_is_no_account() -> None:
    user = UserFactory.create(password=None)
    resets.activate(user)
    user.delete()
    assert work() == [Outcome.NO_ACCOUNT]
    assert asked().kind == Kind.ACTIVATION
