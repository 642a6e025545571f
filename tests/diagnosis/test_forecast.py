"""What is foretold of a reset is what then happens: on random states, against the real ask by the public door."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings

from recovery import accounts, diagnosis, level, lockouts, resets, suppressions
from recovery.conf import conf
from recovery.diagnosis import Forecast, Subject
from recovery.models import (
    BackupAddress,
    Decision,
    Email,
    LevelSwitch,
    LimitCounter,
    ResetRequest,
    RouteState,
    Suppression,
)
from recovery.origin import Origin
from recovery.reasons import Cause, Circuit, EmailKind, EmailReason, EmailState, MailLevel, Outcome
from tests.asking import ask, asked, work
from tests.diagnosis.stage import Stage, explained, reading_only
from tests.diagnosis.states import HOSTS, OPEN, PORTAL, State, states
from tests.factories import StaffFactory
from tests.signing_in import locked

FEW = {"address": (3, timedelta(hours=1)), "account": (2, timedelta(hours=1)), "staff": (1000, timedelta(hours=1))}


def two_doors(stage: Stage) -> None:
    """The site's own, and the portal's with a way out of its own."""
    stage.set(ROUTES=[stage.way("main"), stage.way("spare")], AUDIENCES=PORTAL)
    stage.settings.ALLOWED_HOSTS = list(HOSTS.values())


def begin(stage: Stage) -> None:
    """What the example before left of the site."""
    for model in (LevelSwitch, LimitCounter, RouteState, Suppression):
        model._base_manager.all()._raw_delete("default")
    stage.lives()


def person(stage: Stage, state: State) -> Any:
    user = stage.reader(
        password=state.password,
        last_login=timezone.now() if state.has_joined else None,
        **({} if state.address else {"email": ""}),
    )
    if not state.is_verified and user.email:
        EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    if state.is_invited and state.password is None:
        resets.activate(user)
        work()
    for _ in range(state.asks):
        stage.asks(user)
        if state.is_rested:
            stage.rests(user)
    user.is_active, user.last_name = state.is_active, "of the portal" if state.is_member else ""
    user.save()
    if state.backup:
        has_backup(user, state.backup)
    if state.is_frozen:
        accounts.freeze_addresses(str(user.pk))
    if state.lock == "guesses":
        locked(user.username)
    return user


def has_backup(user: Any, how: str) -> None:
    """One that was never confirmed, still waits, can be used, or could be if staff had not stopped all mail to it."""
    address = f"spare.{user.pk}@example.net"
    waited = conf.BACKUP_WAIT * (0 if how == "waiting" else 2)
    BackupAddress.objects.create(
        user_key=str(user.pk), address=address, address_key=address, code_until=timezone.now(),
        confirmed_at=None if how == "unconfirmed" else timezone.now() - waited,
    )  # fmt: skip
    if how == "stopped":
        suppressions.add(address, reason="staff", source="test")


def site(stage: Stage, state: State, user: Any) -> None:
    staff = StaffFactory.create()
    if state.stop and user.email:
        suppressions.add(user.email, reason=state.stop, source="test", kind=state.stop_of)
    if state.lock == "staff":
        lockouts.lock(user, actor=staff, reason="test")
    ways = [stage.way("main"), stage.way("spare")]
    stage.set(ROUTES=ways if state.kinds else [{**way, "KINDS": ["alarm"]} for way in ways])
    for name in state.off:
        RouteState.objects.update_or_create(name=name, defaults={"switched_off": True})
    for name in state.failing:
        open_for_long = {"circuit": Circuit.OPEN, "probe_at": timezone.now() + timedelta(hours=1)}
        RouteState.objects.update_or_create(name=name, defaults=open_for_long)
    level.switch(MailLevel(state.level), actor=staff, reason="test")


def real(stage: Stage, user: Any, state: State) -> ResetRequest:
    """Asked, decided, sent, and what followed where it was held back."""
    if state.by_staff:
        resets.send_by_staff(user, actor=StaffFactory.create(), reason="test", origin=Origin())
    else:
        ask(stage.place(), user.email or user.username, headers={"host": HOSTS[state.door]})
    work()
    request = asked()
    for email in Email.objects.filter(request=request, state=EmailState.WITHHELD):
        resets.follow_up(email.pk)
    return request


def became(request: ResetRequest, user: Any) -> tuple[str, bool, str, str]:
    """What was decided of this person, whether the mail left, and by which way to where."""
    decision = Decision.objects.filter(request=request, user_key=str(user.pk)).first()
    kinds = (EmailKind.RESET, EmailKind.ACTIVATION)
    sent = Email.objects.filter(request=request, user_key=str(user.pk), kind__in=kinds)
    email = sent.order_by("queued_at", "id").last()
    left = email is not None and email.state == EmailState.HANDED_OVER
    route, address = (email.route, email.recipient) if email is not None and left else ("", "")
    return decision.outcome if decision else request.outcome, left, route, address


def foretold(would: Forecast) -> tuple[str, bool, str, str]:
    return str(would.outcome), would.goes, would.route, would.address if would.goes else ""


@example(state=OPEN)
@example(state=replace(OPEN, stop="bounced"))
@example(state=replace(OPEN, level=MailLevel.NONE))
@example(state=replace(OPEN, off=("main",)))
@example(state=replace(OPEN, off=("main", "spare")))
@example(state=replace(OPEN, asks=1, is_rested=False))
@example(state=replace(OPEN, asks=1, is_rested=False, by_staff=True))
@example(state=replace(OPEN, asks=2))
@example(state=replace(OPEN, stop="complained", stop_of=EmailKind.RESET))
@example(state=replace(OPEN, stop="complained", stop_of=EmailKind.SITE))
@example(state=replace(OPEN, stop="bounced", backup="usable"))
@example(state=replace(OPEN, stop="bounced", backup="stopped"))
@example(state=replace(OPEN, stop="bounced", backup="waiting"))
@example(state=replace(OPEN, stop="bounced", backup="usable", off=("main",), by_staff=True))
@example(state=replace(OPEN, failing=("main",)))
@example(state=replace(OPEN, failing=("main", "spare")))
@example(state=replace(OPEN, is_member=True))
@example(state=replace(OPEN, is_member=True, door="portal"))
@example(state=replace(OPEN, door="portal"))
@example(state=replace(OPEN, is_member=True, by_staff=True))
@example(
    state=replace(OPEN, password=None, has_joined=False, is_invited=True, stop="staff", stop_of=EmailKind.ACTIVATION)
)
@example(  # by staff, whom the cool-down after the first activation does not stop before the suppression
    state=replace(
        OPEN,
        password=None,
        has_joined=False,
        is_invited=True,
        stop="staff",
        stop_of=EmailKind.ACTIVATION,
        by_staff=True,
    )
)
@example(state=replace(OPEN, lock="guesses", is_frozen=True))
@given(state=states)
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_what_is_foretold_is_what_happens(stage: Stage, state: State) -> None:
    stage.set(REQUEST_LIMITS=FEW)
    two_doors(stage)
    begin(stage)
    user = person(stage, state)
    site(stage, state, user)
    with reading_only():
        more = {"by_staff": True} if state.by_staff else {"audience": state.door}
        would = diagnosis.would(Subject(user), **more)
    assert would is not None
    assert foretold(would) == became(real(stage, user, state), user)
    assert would.goes == (would.obstacle is None)
    assert would.sentence


@pytest.mark.parametrize(
    ("asks", "door", "way"), [(0, "default", "spare"), (1, "default", "main"), (1, "portal", "spare")]
)
def test_a_diagnosis_foretells_for_the_door_of_the_ask_and_without_one_for_the_persons_own(
    asks: int, door: str, way: str, stage: Stage
) -> None:
    two_doors(stage)
    user = stage.reader(last_name="of the portal")
    for _ in range(asks):
        stage.asks(user, headers={"host": HOSTS[door]})
        stage.rests(user)
    would = explained(user).would
    assert would is not None
    assert (would.goes, would.route) == (True, way)


@pytest.mark.parametrize(
    ("off", "reason", "obstacle"),
    [
        (("main",), EmailReason.PROVIDER_DOWN, Cause.ROUTE_OFF),
        ((), EmailReason.PROVIDER_DOWN, Cause.PROVIDER_DOWN),
        ((), EmailReason.PROVIDER_REFUSED_US, Cause.PROVIDER_REFUSES_US),
        ((), EmailReason.PROVIDER_BUSY, Cause.PROVIDER_BUSY),
    ],
)
def test_why_no_way_is_open_is_told(off: tuple[str, ...], reason: str, obstacle: Cause, stage: Stage) -> None:
    stage.set(ROUTES=[stage.way("main"), stage.way("spare")])
    user = stage.reader()
    site(stage, replace(OPEN, off=off, failing=("main", "spare")), user)
    RouteState.objects.update(reason=reason)
    would = diagnosis.would(Subject(user))
    assert would is not None
    assert (would.goes, would.outcome, would.obstacle) == (False, Outcome.SENT, obstacle)
    assert "would have to wait" in would.sentence


def test_nothing_is_foretold_of_nobody(stage: Stage) -> None:
    assert diagnosis.would(Subject(label="nobody")) is None


@pytest.mark.parametrize("limit", ["address", "account"])
def test_when_it_is_free_again_is_told_and_holds(stage: Stage, limit: str) -> None:
    stage.set(REQUEST_LIMITS={limit: (1, timedelta(hours=1))})
    user = stage.reader()
    stage.asks(user)
    stage.rests(user)
    would = diagnosis.would(Subject(user))
    assert would is not None
    assert would.outcome == Outcome.THROTTLED
    assert would.obstacle == (Cause.THROTTLED if limit == "address" else Cause.ACCOUNT_LIMIT)
    assert would.free_again_at is not None
    stage.time_passes(would.free_again_at - timezone.now() + timedelta(seconds=1))
    assert (freed := diagnosis.would(Subject(user))) is not None
    assert freed.goes


def test_without_a_sign_of_life_it_would_have_to_wait(stage: Stage) -> None:
    user = stage.reader()
    assert (would := diagnosis.would(Subject(user))) is not None
    assert would.goes
    stage.dies()
    assert (would := diagnosis.would(Subject(user))) is not None
    assert (would.goes, would.outcome, would.obstacle) == (False, Outcome.SENT, Cause.WORKERS_SILENT)
