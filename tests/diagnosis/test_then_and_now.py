"""Yesterday's case is explained by what was decided then; what is so today changes only what is to be done."""

from datetime import timedelta
from typing import Any

from recovery.reasons import Cause, Confidence, Fix, MailLevel, Outcome
from tests.admin.posting import REASON, posted
from tests.admin.staff import superuser
from tests.asking import asked
from tests.diagnosis.callers_of_mail import change_level
from tests.diagnosis.stage import Stage, explained

DAY = timedelta(days=1)


def test_who_was_inactive_then_was_not_mailed_though_they_are_active_now(stage: Stage) -> None:
    user = stage.reader(is_active=False)
    reference = stage.asks(user)
    stage.time_passes(DAY)
    user.is_active = True
    user.save()
    leading = explained(reference).leading
    assert (leading.code, leading.confidence) == (Cause.INACTIVE_ACCOUNT, Confidence.RECORDED)
    assert leading.fix == Fix.SEND_NEW_LINK


def test_the_level_of_then_is_told_though_all_mail_leaves_now(stage: Stage) -> None:
    user = stage.reader()
    change_level(MailLevel.NONE)
    reference = stage.asks(user)
    change_level(MailLevel.ALL)
    soon = explained(reference).leading
    assert (soon.code, soon.fix) == (Cause.LEVEL_NONE, Fix.RETRY_MAIL)
    assert [evidence.model for evidence in soon.evidence] == ["recovery.levelswitch", "recovery.email"]
    stage.time_passes(DAY)
    later = explained(reference).leading
    assert (later.code, later.fix) == (Cause.LEVEL_NONE, Fix.SEND_NEW_LINK)


def test_a_level_of_today_explains_nothing_of_yesterday(stage: Stage) -> None:
    user = stage.reader()
    reference = stage.asks(user)
    stage.bounces(user)
    stage.time_passes(DAY)
    change_level(MailLevel.NONE)
    codes = [finding.code for finding in explained(reference).findings]
    assert codes[0] == Cause.ADDRESS_DEAD
    assert Cause.LEVEL_NONE not in codes


def test_what_was_suppressed_then_is_told_though_it_was_lifted_since(stage: Stage) -> None:
    user = stage.reader()
    stage.asks(user)
    stage.bounces(user)
    stage.time_passes(timedelta(hours=2))
    reference = stage.asks(user)
    model, key = explained(reference).leading.fix_target or ("", "")
    assert model == "recovery.suppression"
    posted(superuser(), f"/admin/recovery/suppression/{key}/lift/", reason=REASON)
    stage.time_passes(DAY)
    leading = explained(reference).leading
    assert (leading.code, leading.fix, leading.confidence) == (
        Cause.SUPPRESSED, Fix.SEND_NEW_LINK, Confidence.RECORDED,
    )  # fmt: skip


def test_a_limit_of_then_is_told_though_it_is_higher_now(stage: Stage) -> None:
    user = stage.reader()
    for _ in range(5):
        stage.asks(user)
    reference = stage.asks(user)
    stage.set(REQUEST_LIMITS={"address": (100, timedelta(hours=1))})
    assert explained(reference).leading.code == Cause.THROTTLED


def test_routes_and_doors_of_today_explain_nothing_of_a_mail_that_left(stage: Stage) -> None:
    user = stage.reader()
    reference = stage.asks(user)
    stage.set(ROUTES=[{**stage.way(), "KINDS": ["alarm"]}])
    assert [finding.code for finding in explained(reference).findings] == [Cause.NO_NEWS_YET]


def test_of_two_requests_the_named_one_is_explained_and_else_the_newest(stage: Stage) -> None:
    user: Any = stage.reader(is_active=False)
    reference = stage.asks(user)
    user.is_active = True
    user.save()
    stage.time_passes(timedelta(hours=2))
    stage.asks(user)
    assert asked().outcome == Outcome.SENT
    assert explained(user).leading.code == Cause.NO_NEWS_YET
    assert explained(reference).leading.code == Cause.INACTIVE_ACCOUNT
