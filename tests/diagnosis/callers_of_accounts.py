"""Callers whose account cannot be recovered as it is, who asked in vain, or whose sign-in is refused."""

from datetime import timedelta
from typing import Any

import time_machine
from allauth.account.models import EmailAddress
from django.utils import timezone

from recovery import retention
from recovery.models import Email
from recovery.reasons import Cause
from tests import gates, living
from tests.admin.posting import REASON, USERS, posted
from tests.admin.staff import superuser
from tests.asking import asked, work
from tests.diagnosis.calling import Call, calls
from tests.diagnosis.stage import Stage, lives
from tests.following import let_pass
from tests.homes import at_home
from tests.joining import activated
from tests.rotations import people
from tests.signing_in import fail, locked, sign_in

MINUTES = timedelta(minutes=1)


@calls(Cause.FORMER_ADDRESS)
def had_another_address(stage: Stage) -> Call:
    user = stage.reader(email="grace@old.example")
    stage.asks(user)
    posted(superuser(), f"{USERS}{user.pk}/correct-address/", address="grace@new.example", reason=REASON)
    user.refresh_from_db()
    return Call("grace@old.example", user)


@calls(Cause.NEAR_MISS)
def spelt_it_wrong(stage: Stage) -> Call:
    user = stage.reader(email="grace.hopper@example.com")
    stage.asks("grace.hoper@example.com")
    return Call("grace.hoper@example.com", user)


@calls(Cause.UNKNOWN_ACCOUNT)
def asked_as_nobody(stage: Stage) -> Call:
    return Call(stage.asks("somebody@nowhere.example"), fixed=False)


@calls(Cause.LOCKED_BY_STAFF)
def locked_by_staff(stage: Stage) -> Call:
    user = stage.reader()
    posted(superuser(), f"{USERS}{user.pk}/lock/", reason=REASON)
    assert not sign_in(user.username)
    return Call(user, user, again=lambda: sign_in(user.username), then=Cause.NEVER_ASKED)


@calls(Cause.INACTIVE_ACCOUNT)
def is_inactive(stage: Stage) -> Call:
    user = stage.reader(is_active=False)
    return Call(stage.asks(user), user)


@calls(Cause.NOT_ACTIVATED)
def never_had_a_password(stage: Stage) -> Call:
    user = stage.reader(password=None)
    return Call(stage.asks(user), user)


@calls(Cause.NO_PASSWORD)
def signs_in_elsewhere(stage: Stage) -> Call:
    user = stage.reader(password=None, last_login=timezone.now())
    return Call(stage.asks(user), user, fixed=False)


@calls(Cause.ALREADY_JOINED)
def was_activated_twice(stage: Stage) -> Call:
    user = stage.reader()
    return Call(activated(user).shown_reference, user)


@calls(Cause.NO_ADDRESS)
def has_no_address(stage: Stage) -> Call:
    user = stage.reader(email="")
    return Call(stage.asks(user), user)


@calls(Cause.CORRECTION_PENDING)
def waits_for_the_right_address(stage: Stage) -> Call:
    stage.set(ADDRESS_CORRECTION="second_approver")
    user = stage.reader()
    stage.asks(user)
    stage.bounces(user)
    posted(superuser(), f"{USERS}{user.pk}/correct-address/", address="grace@new.example", reason=REASON)
    return Call(user, user)


@calls(Cause.UNVERIFIED_ADDRESS)
def never_verified_it(stage: Stage) -> Call:
    user = gates.unverified()

    def verifies(_said: Any) -> None:
        EmailAddress.objects.filter(user=user).update(verified=True)
        stage.asks(user)

    return Call(stage.asks(user), user, mend=verifies)


@calls(Cause.DISPUTED_ADDRESS)
def disputes_the_address(stage: Stage) -> Call:
    with stage.by_locmem():
        user = gates.disputed()
        people.work()
    stage.lives()
    return Call(user, user)


@calls(Cause.THROTTLED)
def asked_too_often(stage: Stage) -> Call:
    user = stage.reader()
    for _ in range(5):
        stage.asks(user)
    return Call(stage.asks(user), user)


@calls(Cause.ACCOUNT_LIMIT)
def got_too_many_links(stage: Stage) -> Call:
    user = gates.mailed_often()
    gates.asks(user)
    return Call(asked().shown_reference, user)


@calls(Cause.COOLDOWN)
def asked_twice_at_once(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    return Call(stage.asks(user), user, mend=lambda said: None)


@calls(Cause.LOCKED)
def guessed_too_often(stage: Stage) -> Call:
    user = stage.reader()
    locked(user.username)
    return Call(user, user, again=lambda: sign_in(user.username), then=Cause.NEVER_ASKED)


@calls(Cause.LOCKED_DEVICE)
def guessed_too_often_at_home(stage: Stage) -> Call:
    user = stage.reader()
    home = at_home(user)
    fail(user.username, 5, client=home)
    assert sign_in(user.username), "elsewhere nothing is locked"
    return Call(user, user, again=lambda: sign_in(user.username, client=home), then=Cause.NEVER_ASKED)


@calls(Cause.PASSWORD_ENDED)
def must_choose_a_new_one(stage: Stage) -> Call:
    user = stage.reader()
    people.force([user])
    people.work()
    lives()
    return Call(user, user)


@calls(Cause.CASE_OPEN)
def is_with_support(stage: Stage) -> Call:
    user = stage.reader()
    posted(superuser(), f"{USERS}{user.pk}/open-case/", reason=REASON)
    return Call(user, user, again=lambda: True, then=Cause.NEVER_ASKED)


@calls(Cause.ADDRESS_DOUBTFUL)
def has_an_address_like_another(stage: Stage) -> Call:
    user = stage.reader(email="grace@gmial.com")
    return Call(user, user)


@calls(Cause.TOO_LONG_AGO)
def asked_before_mail_was_purged(stage: Stage) -> Call:
    user = stage.reader()
    with time_machine.travel(timezone.now() - timedelta(days=9)):  # old rows have old keys
        reference = stage.asks(user)
    let_pass(timedelta(days=1))  # for what the database's clock wrote
    stage.set(RETENTION={"emails": timedelta(days=1)})
    retention.purge()
    lives()
    assert not Email.objects.exists()
    return Call(reference, user)


@calls(Cause.NEVER_ASKED)
def never_asked(stage: Stage) -> Call:
    user = stage.reader()
    return Call(user, user)


@calls(Cause.NOT_DECIDED)
def asked_just_now(stage: Stage) -> Call:
    user = stage.reader()
    reference = stage.only_asks(user)
    return Call(reference, user, mend=lambda said: work())


@calls(Cause.REQUEST_TOO_LATE)
def asked_while_nobody_worked(stage: Stage) -> Call:
    user = stage.reader()
    reference = stage.only_asks(user)
    stage.time_passes(31 * MINUTES)
    return Call(reference, user)


@calls(Cause.WORKERS_SILENT)
def asks_while_nobody_works(stage: Stage) -> Call:
    user = stage.reader()
    reference = stage.only_asks(user)
    let_pass(2 * MINUTES)
    return Call(reference, user, mend=lambda said: living.everything_lives())
