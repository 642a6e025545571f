"""Each kind of rows at its deadline, by a clock that tests move: kept before it, gone after it, on record."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from recovery import accounts, backup_addresses, cases, intake, lockouts, resets, retention, suppressions
from recovery.models import (
    AddressCorrection,
    Email,
    Lockout,
    RawEvent,
    Repair,
    RepairMember,
    ResetRequest,
    ResetToken,
    Revocation,
    RollUp,
    Rotation,
    RotationMember,
    Suppression,
)
from recovery.origin import Origin
from recovery.reasons import Action, TokenState
from recovery.retention import batches
from tests.asking import statements
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, let_pass, mailed_link, notices, trail
from tests.ladder import added, signed_in
from tests.privacy.life import grace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(110)]

DAY, MOMENT = timedelta(days=1), timedelta(minutes=1)
KEPT = {"emails": 40 * DAY, "requests": 50 * DAY, "raw_events": 10 * DAY, "roll_ups": 60 * DAY, "links": 2 * DAY}


def a_link() -> timedelta:
    mailed_link(grace())
    return KEPT["links"] + (ResetToken.objects.get().expires_at - timezone.now())


def a_mail() -> timedelta:
    notices(1)
    return KEPT["emails"]


def a_request() -> timedelta:
    request = intake.ask("nobody@example.com", origin=Origin())
    resets.fulfil(request.pk)
    return KEPT["requests"]


def a_posted_report() -> timedelta:
    RawEvent.objects.create(esp="postmark", content="{}", error="KeyError")
    return KEPT["raw_events"]


def a_closed_case() -> timedelta:
    staff = StaffFactory.create()
    case = cases.open_by_hand(grace(), actor=staff, reason="called")
    cases.close(case, actor=staff, reason="solved")
    return KEPT["requests"]


def a_lockout() -> timedelta:
    user, staff = grace(), StaffFactory.create()
    lockouts.lift(lockouts.lock(user, actor=staff, reason="lost"), actor=staff, reason="found")
    return KEPT["requests"]


def a_rotation() -> timedelta:
    row = Rotation.objects.create(source="site", reason="leaked", member_count=1, finished_at=timezone.now())
    RotationMember.objects.create(rotation=row, user_key="1")
    return KEPT["requests"]


def a_repair() -> timedelta:
    now = timezone.now()
    row = Repair.objects.create(cause="soft", since=now, until=now, actor_key="1", reason="x", finished_at=now)
    RepairMember.objects.create(repair=row, user_key="1", waits_since=now)
    return KEPT["requests"]


def a_correction() -> timedelta:
    AddressCorrection.objects.create(
        user_key="1", new_address="a@example.com", proposer_key="2", reason="x", ended_at=timezone.now()
    )
    return KEPT["requests"]


def a_revocation() -> timedelta:
    Revocation.objects.create(user_key="1", revoker="knox", error="E", given_up_at=timezone.now())
    return KEPT["requests"]


def a_suppression() -> timedelta:
    suppressions.add("ada@example.com", reason="bounced", source="ours", until=timezone.now())
    return suppressions.MEMORY


def a_suppression_of_somebody_erased() -> timedelta:
    suppressions.add("ada@example.com", reason="bounced", source="ours", until=timezone.now() + DAY)
    suppressions.forget(["ada@example.com"])
    return DAY


def a_backup() -> timedelta:
    added(signed_in(grace()), "spare@example.net")
    return backup_addresses.UNCONFIRMED + timedelta(minutes=30)


def a_figure() -> timedelta:
    RollUp.objects.create(begins=timezone.now())
    return KEPT["roll_ups"]


KINDS: dict[str, tuple[str, Callable[[], timedelta]]] = {
    "link": ("links", a_link),
    "mail": ("emails", a_mail),
    "request": ("requests", a_request),
    "posted report": ("raw_events", a_posted_report),
    "closed case": ("cases", a_closed_case),
    "lockout": ("lockouts", a_lockout),
    "rotation": ("rotations", a_rotation),
    "repair": ("repairs", a_repair),
    "correction": ("corrections", a_correction),
    "revocation": ("revocations", a_revocation),
    "suppression": ("suppressions", a_suppression),
    "suppression of somebody erased": ("suppressions", a_suppression_of_somebody_erased),
    "backup address": ("backups", a_backup),
    "figure": ("roll_ups", a_figure),
}


@pytest.fixture(autouse=True)
def _kept(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": KEPT}


def counted() -> dict[str, int]:
    return {kind: count for kind, count in retention.outlook().as_dict().items() if count}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_kept_to_its_deadline_and_goes_after_it_on_record(name: str) -> None:
    kind, make = KINDS[name]
    deadline = make()
    let_pass(deadline - MOMENT)
    retention.purge()
    before = len(trail(Action.PURGED))
    assert counted().get(kind, 0) == 0
    let_pass(2 * MOMENT)
    told = retention.outlook()
    assert getattr(told, kind) == 1
    assert retention.purge() == told
    assert [each["rows"] for each in trail(Action.PURGED)[before:]] == [1]
    assert counted().get(kind, 0) == 0
    assert getattr(retention.purge(), kind) == 0
    assert len(trail(Action.PURGED)) == before + 1, "nothing went, nothing is noted"


def test_every_kind_that_a_purge_counts_has_its_deadline_tried_here() -> None:
    elsewhere = {"api_calls", "counters", "login_counters", "heartbeats", "trail"}
    assert {kind for kind, _ in KINDS.values()} | elsewhere == set(retention.outlook().as_dict())


def test_addresses_of_links_stay_with_their_requests_where_the_site_says_so(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {**KEPT, "links": None}}
    mailed_link(grace())
    let_pass(30 * DAY)
    assert retention.purge().links == 0
    assert ResetToken.objects.get().state == TokenState.LIVE
    let_pass(21 * DAY)
    assert retention.purge().requests == 1
    assert not ResetToken.objects.exists()


def test_no_statement_takes_more_rows_than_a_batch_and_each_batch_is_a_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BATCH", 3)
    notices(10)
    let_pass(41 * DAY)
    sizes: list[int] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if sql.startswith('DELETE FROM "recovery_email"'):
            assert connection.in_atomic_block
            sizes.append(context["cursor"].rowcount)
        return answer

    with statements() as told, connection.execute_wrapper(look):
        assert retention.purge().emails == 10
    assert sizes == [3, 3, 3, 1]
    assert told.commits >= len(sizes)
    assert trail(Action.PURGED) == [{"what": "email", "rows": size} for size in sizes]


def test_a_purge_that_dies_has_noted_what_went_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 3)
    notices(5)
    let_pass(41 * DAY)
    Email.objects.filter(recipient__startswith="reader4").update(subject="the last")
    with failing('INSERT INTO "recovery_auditevent"'), pytest.raises(Exception, match="full"):
        retention.purge()
    assert (Email.objects.count(), trail(Action.PURGED)) == (5, [])
    assert retention.purge().emails == 5
    assert sum(each["rows"] for each in trail(Action.PURGED)) == 5


def test_what_tells_of_nobody_goes_without_a_line() -> None:
    intake.ask("nobody@example.com", origin=Origin(ip="192.0.2.1"))
    let_pass(2 * DAY)
    gone = retention.purge()
    assert gone.counters == 2
    assert trail(Action.PURGED) == []


def test_a_lockout_that_stands_and_an_open_case_stay_however_old() -> None:
    user, staff = UserFactory.create(), StaffFactory.create()
    lockouts.lock(user, actor=staff, reason="lost")
    cases.open_by_hand(user, actor=staff, reason="called")
    let_pass(4000 * DAY)
    gone = retention.purge()
    assert (gone.lockouts, gone.cases, Lockout.objects.count()) == (0, 0, 1)
    assert accounts.by_key(accounts.key_of(user)) is not None
    assert not ResetRequest.objects.exists()
    assert not Suppression.objects.exists()
