"""Callers whose mail arrived: unseen, opened, opened too late, tried, or done."""

from datetime import timedelta
from typing import Any

from example_project.provider.fates import Record
from recovery import sweep
from recovery.reasons import Cause
from tests.admin.posting import REASON, USERS, posted
from tests.admin.staff import superuser
from tests.asking import asked, browser, follow, set_password, work
from tests.diagnosis.calling import Call, calls
from tests.diagnosis.stage import Stage, newest_email

MINUTES = timedelta(minutes=1)


def delivered(stage: Stage, **facts: Any) -> Any:
    """Somebody whose mail arrived."""
    user = stage.reader(**facts)
    stage.asks(user)
    stage.says(user, Record.DELIVERY)
    return user


@calls(Cause.LINK_USED)
def opens_it_again(stage: Stage) -> Call:
    user = delivered(stage)
    link = stage.link(user)
    stage.gets_in(user)
    client = browser()
    client.get(follow(client, link))
    return Call(user, user)


@calls(Cause.COMPLETED)
def is_in(stage: Stage) -> Call:
    user = delivered(stage)
    stage.gets_in(user)
    return Call(user, user, fixed=False)


@calls(Cause.OTHER_ACCOUNT)
def used_the_other_link(stage: Stage) -> Call:
    first, second = stage.reader(email="both@example.com"), stage.reader(email="both@example.com")
    stage.asks("both@example.com")
    stage.says("both@example.com", Record.DELIVERY)
    stage.gets_in(first, of=first)
    return Call(second, second)


@calls(Cause.LINK_REPLACED)
def opens_the_older_mail(stage: Stage) -> Call:
    user = stage.reader()
    reference, old = stage.asks(user), stage.link(user)
    stage.time_passes(2 * MINUTES)
    stage.asks(user)
    client = browser()
    client.get(follow(client, old))
    return Call(reference, user)


@calls(Cause.LINK_REVOKED)
def has_a_revoked_link(stage: Stage) -> Call:
    user = delivered(stage)
    reference = asked().shown_reference
    posted(superuser(), f"{USERS}{user.pk}/correct-address/", address="grace@new.example", reason=REASON)
    work()
    user.refresh_from_db()
    return Call(reference, user)


@calls(Cause.CREDENTIALS_CHANGED)
def changed_the_password_elsewhere(stage: Stage) -> Call:
    user = delivered(stage)
    user.set_password("a heron in the reeds")
    user.save()
    return Call(user, user)


@calls(Cause.LINK_EXPIRED)
def came_too_late(stage: Stage) -> Call:
    user = delivered(stage)
    stage.time_passes(90 * MINUTES)
    stage.opens(user)
    return Call(user, user)


@calls(Cause.PASSWORD_REFUSED)
def chose_a_bad_password(stage: Stage) -> Call:
    user = delivered(stage)
    client, form = stage.opens(user)
    assert set_password(client, form, "12345").status_code == 200
    return Call(user, user, mend=lambda said: None)


@calls(Cause.FORM_LEFT)
def left_the_form(stage: Stage) -> Call:
    user = delivered(stage)
    stage.opens(user)
    return Call(user, user)


@calls(Cause.SCANNER_OPENED)
def has_a_scanner(stage: Stage) -> Call:
    user = delivered(stage)
    stage.scanned(user)
    return Call(user, user, mend=lambda said: None)


@calls(Cause.DELIVERED_UNSEEN)
def does_not_see_it(stage: Stage) -> Call:
    user = delivered(stage)
    return Call(user, user, mend=lambda said: None)


@calls(Cause.DELIVERED)
def asks_for_a_notice(stage: Stage) -> Call:
    user = delivered(stage)
    stage.gets_in(user)
    sweep.sweep()
    stage.says(user, Record.DELIVERY)
    return Call(str(newest_email().pk), user, fixed=False)
