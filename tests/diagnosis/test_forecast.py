"""What is foretold of a reset is what then happens: on random states, against the real ask by the public door."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recovery import diagnosis, level, lockouts, resets, suppressions
from recovery.diagnosis import Forecast, Subject
from recovery.models import Decision, Email, LevelSwitch, LimitCounter, ResetRequest, RouteState, Suppression
from recovery.origin import Origin
from recovery.reasons import Cause, EmailKind, EmailState, MailLevel, Outcome
from tests.asking import ask, asked, work
from tests.diagnosis.stage import Stage, reading_only
from tests.factories import StaffFactory

FEW = {"address": (3, timedelta(hours=1)), "account": (2, timedelta(hours=1)), "staff": (1000, timedelta(hours=1))}


@dataclass(frozen=True)
class State:
    """Of one person and of the site, before the ask."""

    is_active: bool
    password: str | None
    has_joined: bool
    is_invited: bool
    address: str
    is_verified: bool
    asks: int
    is_rested: bool
    stop: str
    level: str
    off: tuple[str, ...]
    kinds: bool
    is_locked: bool
    by_staff: bool


states = st.builds(
    State,
    is_active=st.sampled_from([True, True, True, False]),
    password=st.sampled_from(["a heron in the reeds", "a heron in the reeds", None]),
    has_joined=st.booleans(),
    is_invited=st.booleans(),
    address=st.sampled_from(["own", "own", "own", ""]),
    is_verified=st.sampled_from([True, True, True, False]),
    asks=st.integers(0, 4),
    is_rested=st.booleans(),
    stop=st.sampled_from(["", "", "", "bounced", "complained", "staff"]),
    level=st.sampled_from([MailLevel.ALL, MailLevel.ALL, MailLevel.SYSTEM, MailLevel.NONE]),
    off=st.sampled_from([(), (), ("main",), ("main", "spare")]),
    kinds=st.sampled_from([True, True, True, False]),
    is_locked=st.booleans(),
    by_staff=st.sampled_from([False, False, True]),
)


OPEN = State(
    is_active=True, password="a heron in the reeds", has_joined=True, is_invited=False, address="own", is_verified=True,
    asks=0, is_rested=True, stop="", level=MailLevel.ALL, off=(), kinds=True, is_locked=False, by_staff=False,
)  # fmt: skip
"""Nothing stands in the way of a mail."""


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
    user.is_active = state.is_active
    user.save()
    return user


def site(stage: Stage, state: State, user: Any) -> None:
    staff = StaffFactory.create()
    if state.stop and user.email:
        suppressions.add(user.email, reason=state.stop, source="test")
    if state.is_locked:
        lockouts.lock(user, actor=staff, reason="test")
    ways = [stage.way("main"), stage.way("spare")]
    stage.set(ROUTES=ways if state.kinds else [{**way, "KINDS": ["alarm"]} for way in ways])
    for name in state.off:
        RouteState.objects.update_or_create(name=name, defaults={"switched_off": True})
    level.switch(MailLevel(state.level), actor=staff, reason="test")


def real(stage: Stage, user: Any, *, by_staff: bool) -> ResetRequest:
    if by_staff:
        resets.send_by_staff(user, actor=StaffFactory.create(), reason="test", origin=Origin())
        work()
        return asked()
    ask(stage.place(), user.email or user.username)
    work()
    return asked()


def became(request: ResetRequest, user: Any) -> tuple[str, bool, str, str]:
    """What was decided of this person, whether the mail left, and by which way to where."""
    decision = Decision.objects.filter(request=request, user_key=str(user.pk)).first()
    kinds = (EmailKind.RESET, EmailKind.ACTIVATION)
    email = Email.objects.filter(request=request, user_key=str(user.pk), kind__in=kinds).first()
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
@given(state=states)
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_what_is_foretold_is_what_happens(stage: Stage, state: State) -> None:
    stage.set(REQUEST_LIMITS=FEW, ROUTES=[stage.way("main"), stage.way("spare")])
    begin(stage)
    user = person(stage, state)
    site(stage, state, user)
    with reading_only():
        would = diagnosis.would(Subject(user), by_staff=state.by_staff)
    assert would is not None
    assert foretold(would) == became(real(stage, user, by_staff=state.by_staff), user)
    assert would.goes == (would.obstacle is None)
    assert would.sentence


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
