"""Which cause leads where several are found; what is written of it is what the code does."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from example_project.provider.fates import Record
from recovery.diagnosis import ORDER, rank
from recovery.diagnosis.fixes import FIXES
from recovery.diagnosis.of_failures import _CLASSES, _ENDED
from recovery.reasons import IN_ORDER, Cause, Confidence, Fix, MailLevel
from tests.admin.posting import REASON, USERS, posted
from tests.admin.staff import superuser
from tests.diagnosis.callers_of_mail import change_level
from tests.diagnosis.stage import Stage, explained
from tests.signing_in import locked

DOC = (Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md").read_text()


def test_the_order_and_each_why_are_documented_in_that_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| `(\w+)` \|$", DOC, re.MULTILINE)
    assert rows == [(cause.value, why, FIXES[cause].value) for cause, why in ORDER.items()]


def test_every_pair_of_causes_has_an_order() -> None:
    assert set(ORDER) == set(Cause)
    assert [rank(cause) for cause in ORDER] == list(range(len(Cause)))
    assert len(set(ORDER.values())) == len(ORDER), "two causes never stand in the order for the same reason"
    assert all(re.fullmatch(r"[a-z].{30,}[^.]", why) for why in ORDER.values())


NOTHING_BEFORE = [
    Cause.LOCKED_BY_STAFF, Cause.INACTIVE_ACCOUNT, Cause.DISPUTED_ADDRESS, Cause.CORRECTION_PENDING,
    Cause.NOT_ACTIVATED, Cause.NO_PASSWORD, Cause.ALREADY_JOINED, Cause.NO_ADDRESS, Cause.UNVERIFIED_ADDRESS,
]  # fmt: skip
"""What must be mended before any mail helps."""
ENDED = [*_CLASSES.values(), *_ENDED.values(), Cause.MAILBOX_FULL, Cause.RECIPIENT_REFUSED, Cause.SUPPRESSED]
WAITS = [
    Cause.PROVIDER_DOWN, Cause.PROVIDER_BUSY, Cause.WORKERS_SILENT, Cause.DELAYED, Cause.NO_NEWS, Cause.NO_NEWS_YET,
    Cause.BEING_SENT, Cause.QUEUED, Cause.NOT_DECIDED,
]  # fmt: skip
FURTHER = [
    Cause.COMPLETED, Cause.FORM_LEFT, Cause.SCANNER_OPENED, Cause.DELIVERED_UNSEEN, Cause.DELAYED, Cause.NO_NEWS_YET,
    Cause.BEING_SENT, Cause.QUEUED, Cause.NOT_DECIDED, Cause.NEVER_ASKED,
]  # fmt: skip
"""How far a mail comes, the furthest first."""


def test_the_order_keeps_the_three_rules_that_made_it() -> None:
    said = DOC.split("## Which cause leads")[1]
    assert all(
        word in said for word in ("must be\nmended first", "what has ended before what only", "further on its way")
    )
    of_mail = {*ENDED, *WAITS, *FURTHER} - {*NOTHING_BEFORE}
    assert max(map(rank, NOTHING_BEFORE)) < min(map(rank, of_mail))
    assert max(rank(cause) for cause in ENDED if cause not in NOTHING_BEFORE) < min(map(rank, WAITS))
    assert sorted(FURTHER, key=rank) == FURTHER


def test_every_confidence_has_its_rule() -> None:
    section = DOC.split("## How sure it is")[1].split("## ")[0]
    assert re.findall(r"^\| `(\w+)` \| ", section, re.MULTILINE) == Confidence.values


def test_what_is_in_order_leads_after_what_is_wrong_and_asks_for_nothing() -> None:
    assert {FIXES[cause] for cause in IN_ORDER} == {Fix.WAIT, Fix.NOTHING}
    named = DOC.split("on its way (")[1].split(")")[0]
    assert set(re.findall(r"`(\w+)`", named)) == {cause.value for cause in IN_ORDER}


def locks_and_bounces(stage: Stage, user: Any) -> None:
    stage.asks(user)
    stage.bounces(user)
    posted(superuser(), f"{USERS}{user.pk}/lock/", reason=REASON)


def guesses_and_bounces(stage: Stage, user: Any) -> None:
    stage.asks(user)
    stage.bounces(user)
    locked(user.username)


def guesses_and_sees_nothing(stage: Stage, user: Any) -> None:
    stage.asks(user)
    stage.says(user, Record.DELIVERY)
    locked(user.username)


def gets_in_and_guesses(stage: Stage, user: Any) -> None:
    stage.asks(user)
    stage.gets_in(user)
    locked(user.username)


def bounces_and_asks_again(stage: Stage, user: Any) -> None:
    stage.asks(user)
    stage.bounces(user)
    stage.asks(user)


def arrives_and_asks_again(stage: Stage, user: Any) -> None:
    stage.asks(user)
    stage.says(user, Record.DELIVERY)
    stage.asks(user)


def is_scanned_and_opens(stage: Stage, user: Any) -> None:
    stage.asks(user)
    stage.says(user, Record.DELIVERY)
    stage.scanned(user)
    stage.opens(user)


def opens_before_any_news(stage: Stage, user: Any) -> None:
    stage.asks(user)
    stage.opens(user)


def is_deactivated_and_held_back(stage: Stage, user: Any) -> None:
    change_level(MailLevel.NONE)
    stage.asks(user)
    user.is_active = False
    user.save()


def bounces_and_waits_for_another_address(stage: Stage, user: Any) -> None:
    stage.set(ADDRESS_CORRECTION="second_approver")
    stage.asks(user)
    stage.bounces(user)
    posted(superuser(), f"{USERS}{user.pk}/correct-address/", address="grace@new.example", reason=REASON)


def waits_for_another_address_and_reads_the_old_one(stage: Stage, user: Any) -> None:
    bounces_and_waits_for_another_address(stage, user)
    stage.opens(user)


MEETINGS: list[tuple[Callable[[Stage, Any], None], Cause, Cause]] = [
    (locks_and_bounces, Cause.LOCKED_BY_STAFF, Cause.ADDRESS_DEAD),
    (guesses_and_bounces, Cause.ADDRESS_DEAD, Cause.LOCKED),
    (guesses_and_bounces, Cause.ADDRESS_DEAD, Cause.SUPPRESSED),
    (guesses_and_bounces, Cause.ADDRESS_DEAD, Cause.CASE_OPEN),
    (guesses_and_sees_nothing, Cause.LOCKED, Cause.DELIVERED_UNSEEN),
    (bounces_and_waits_for_another_address, Cause.CORRECTION_PENDING, Cause.ADDRESS_DEAD),
    (gets_in_and_guesses, Cause.LOCKED, Cause.COMPLETED),
    (bounces_and_asks_again, Cause.ADDRESS_DEAD, Cause.COOLDOWN),
    (arrives_and_asks_again, Cause.COOLDOWN, Cause.DELIVERED_UNSEEN),
    (is_deactivated_and_held_back, Cause.INACTIVE_ACCOUNT, Cause.LEVEL_NONE),
]


@pytest.mark.parametrize(("happens", "first", "second"), MEETINGS)
def test_where_two_meet_the_one_to_be_mended_first_leads(
    happens: Callable[[Stage, Any], None], first: Cause, second: Cause, stage: Stage
) -> None:
    user = stage.reader()
    happens(stage, user)
    found = explained(user)
    codes = [finding.code for finding in found.findings]
    assert (codes[0], found.leading.code) == (first, first), codes
    assert second in codes


def test_whoever_reads_mail_at_the_old_address_does_not_wait_for_the_other(stage: Stage) -> None:
    user = stage.reader()
    waits_for_another_address_and_reads_the_old_one(stage, user)
    assert Cause.CORRECTION_PENDING not in [finding.code for finding in explained(user).findings]


@pytest.mark.parametrize("happens", [is_scanned_and_opens, opens_before_any_news])
def test_a_person_who_opened_it_ends_every_doubt_about_the_mail(
    happens: Callable[[Stage, Any], None], stage: Stage
) -> None:
    user = stage.reader()
    happens(stage, user)
    assert [finding.code for finding in explained(user).findings] == [Cause.FORM_LEFT]
