"""Yesterday's case is explained by what was decided then; what is so today changes only what is to be done."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from example_project.provider.fates import Record
from recovery import limits, resets, suppressions, sweep
from recovery.diagnosis.wording import moment
from recovery.models import Email, Suppression
from recovery.reasons import Cause, Confidence, Fix, MailLevel, Outcome
from tests.admin.posting import REASON, USERS, posted
from tests.admin.staff import superuser
from tests.asking import ask, asked
from tests.diagnosis.callers_of_mail import SPARE, change_level
from tests.diagnosis.stage import Stage, explained, newest_email
from tests.ladder import with_backup

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
    assert "make it active" not in leading.sentence


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
    assert "raise the level" not in f"{soon.sentence} {later.sentence}"


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
    lifted_at = Suppression.objects.get().lifted_at
    assert moment(lifted_at) in leading.sentence
    assert leading.evidence[-1].at == lifted_at


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


def corrected(user: Any, address: str) -> None:
    posted(superuser(), f"{USERS}{user.pk}/correct-address/", address=address, reason=REASON)


@pytest.mark.parametrize("record", [Record.HARD_BOUNCE, Record.SOFT_BOUNCE])
def test_what_came_back_from_an_address_of_then_is_told_and_a_link_to_the_new_one_mends_it(
    record: Record, stage: Stage
) -> None:
    user = stage.reader()
    reference = stage.asks(user)
    stage.bounces(user, record)
    corrected(user, "grace@new.example")
    found = explained(reference)
    code = Cause.ADDRESS_DEAD if record == Record.HARD_BOUNCE else Cause.MAILBOX_FULL
    assert (found.leading.code, found.leading.fix) == (code, Fix.SEND_NEW_LINK)
    assert user.email in found.leading.sentence
    assert not re.search("correct it|make room", found.leading.sentence)
    assert found.leading.fix_target == ("auth.user", str(user.pk))
    assert not {Cause.SUPPRESSED, Cause.ADDRESS_MISTYPED} & {finding.code for finding in found.findings}


def test_an_address_that_is_mistyped_now_explains_nothing_of_mail_to_another(stage: Stage) -> None:
    user = stage.reader()
    reference = stage.asks(user)
    stage.bounces(user)
    corrected(user, "grace@gmial.com")
    assert Cause.ADDRESS_MISTYPED not in [finding.code for finding in explained(reference).findings]


@pytest.mark.parametrize("is_mailed", [True, False])
def test_an_address_that_was_mistyped_then_is_told_though_it_was_corrected(is_mailed: bool, stage: Stage) -> None:
    user = stage.reader(email="grace@gmial.com")
    if not is_mailed:
        change_level(MailLevel.NONE)
    reference = stage.asks(user)
    if not is_mailed:
        Email.objects.all().delete()  # purged; the decision still says where it was to go
    change_level(MailLevel.ALL)
    corrected(user, "grace@gmail.com")
    [mistyped] = [each for each in explained(reference).findings if each.code == Cause.ADDRESS_DOUBTFUL]
    assert "grace@gmial.com" in mistyped.sentence
    assert mistyped.fix == Fix.SEND_NEW_LINK
    assert [each.model for each in mistyped.evidence] == ["recovery.email" if is_mailed else "recovery.decision"]


def test_whoever_has_several_addresses_has_not_moved_from_the_one_that_was_mailed(stage: Stage) -> None:
    user = stage.reader()
    for address, primary in ((user.email, True), ("second@example.org", False)):
        EmailAddress.objects.create(user=user, email=address, verified=True, primary=primary)
    stage.asks("second@example.org")
    stage.bounces("second@example.org")
    leading = explained(user).leading
    assert (leading.code, leading.fix) == (Cause.ADDRESS_DEAD, Fix.CORRECT_ADDRESS)


@pytest.mark.parametrize("record", [Record.HARD_BOUNCE, Record.SPAM_COMPLAINT])
def test_whatever_comes_back_after_the_person_got_in_explains_nothing(record: Record, stage: Stage) -> None:
    user = stage.reader()
    stage.asks(user)
    stage.says(user, Record.DELIVERY)
    stage.gets_in(user)
    stage.bounces(user, record)
    found = explained(user)
    assert [finding.code for finding in found.findings] == [Cause.COMPLETED]
    assert found.would is not None
    assert found.would.obstacle == (Cause.SUPPRESSED if record == Record.HARD_BOUNCE else Cause.COMPLAINED)


def test_an_answer_that_was_lost_is_no_doubt_once_the_person_got_in(stage: Stage) -> None:
    user = stage.reader()
    stage.provider.mode("garbage", times=1)
    stage.asks(user)
    stage.gets_in(user)
    assert [finding.code for finding in explained(user).findings] == [Cause.COMPLETED]


@pytest.mark.parametrize("is_reported", [True, False])
def test_a_backup_that_failed_is_reported_by_others_and_recorded_where_it_was_held_back_here(
    is_reported: bool, stage: Stage
) -> None:
    user = stage.reader()
    with stage.by_locmem():
        with_backup(user, SPARE)
    stage.lives()
    stage.asks(user)
    if is_reported:
        stage.bounces(user)
        stage.bounces(SPARE)
    else:
        stage.says(user, Record.HARD_BOUNCE)
        climbed = resets.climb(newest_email().pk)
        suppressions.add(SPARE, reason="staff", source="desk")
        assert climbed
        sweep.sweep()
    leading = explained(user).leading
    expected = Confidence.REPORTED if is_reported else Confidence.RECORDED
    assert (leading.code, leading.confidence) == (Cause.BACKUP_FAILED, expected)


def test_times_in_sentences_name_their_zone_and_utc_beside() -> None:
    at = datetime(2026, 1, 5, 11, 58, tzinfo=UTC)
    assert moment(at) == "01/05/2026 11:58 a.m. UTC"
    with timezone.override("Europe/Berlin"):
        assert moment(at) == "01/05/2026 12:58 p.m. CET (11:58 UTC)"
    with timezone.override("Europe/London"):
        assert moment(at) == "01/05/2026 11:58 a.m. GMT"


def free_at(reference: str) -> str:
    leading = explained(reference).leading
    assert leading.code == Cause.THROTTLED
    [said] = re.findall(r"may ask again from (.+?) on;", leading.sentence)
    return str(said)


def test_a_place_that_asked_too_often_is_free_when_its_own_hour_ends(stage: Stage) -> None:
    stage.set(REQUEST_LIMITS={"source": (1, timedelta(hours=5)), "address": (5, timedelta(hours=1))})
    place, user = stage.place(), stage.reader()
    ask(place, "somebody@else.example")
    ask(place, user.email)
    assert asked().outcome == Outcome.THROTTLED
    ends = max(limits.look([("source", asked().ip)]).values(), key=lambda each: each.free_again_at).free_again_at
    assert free_at(asked().shown_reference) == moment(ends)
    assert ends > timezone.now() + timedelta(hours=4)


def test_of_a_place_that_rows_do_not_keep_it_is_told_when_it_is_free_at_the_latest(stage: Stage) -> None:
    stage.set(
        REQUEST_LIMITS={"source": (1, timedelta(hours=5)), "address": (5, timedelta(hours=1))},
        CLIENT_DATA={"ip": "cut"},
    )
    place, user = stage.place(), stage.reader()
    ask(place, "somebody@else.example")
    ask(place, user.email)
    assert free_at(asked().shown_reference) == moment(asked().requested_at + timedelta(hours=5))


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
