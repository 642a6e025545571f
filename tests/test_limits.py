"""Counting tries: windows, several keys at once, and tries at the same time."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from recovery import limits
from recovery.models import LimitCounter
from tests.asking import statements
from tests.together import at_once

pytestmark = pytest.mark.django_db


def take(subject: str, name: str = "address") -> limits.Taken:
    return limits.take({name: subject})[0][name]


def test_tries_are_counted_up_to_the_limit_and_refused_past_it() -> None:
    taken = [take("ada") for _ in range(7)]
    assert [one.count for one in taken] == [1, 2, 3, 4, 5, 6, 7]
    assert [one.refused for one in taken] == [False] * 5 + [True] * 2
    assert {one.limit for one in taken} == {5}


def test_a_window_starts_with_the_first_try_and_is_not_prolonged_by_later_ones() -> None:
    first = take("ada")
    assert timedelta(minutes=59) < first.free_again_at - timezone.now() <= timedelta(hours=1, seconds=1)
    half_over = first.free_again_at - timedelta(minutes=30)
    LimitCounter.objects.update(window_ends_at=half_over)
    assert {take("ada").free_again_at for _ in range(6)} == {half_over}


def test_after_its_end_the_window_starts_anew() -> None:
    for _ in range(6):
        refused = take("ada")
    assert refused.refused
    LimitCounter.objects.update(window_ends_at=F("window_ends_at") - timedelta(hours=1, seconds=1))
    again = take("ada")
    assert (again.count, again.refused) == (1, False)
    assert again.free_again_at > timezone.now() + timedelta(minutes=59)


def test_subjects_and_limits_do_not_share_counts() -> None:
    for _ in range(6):
        take("ada")
    assert take("bob").count == 1
    assert take("ada", name="source").count == 1


def test_several_limits_are_one_statement_and_report_each_its_own() -> None:
    take("ada")
    with statements() as found:
        taken, now = limits.take({"address": "ada", "source": "192.0.2.1"})
    assert len(found.texts) == 1
    assert {name: (one.count, one.limit) for name, one in taken.items()} == {"address": (2, 5), "source": (1, 20)}
    assert abs(now - timezone.now()) < timedelta(minutes=1)
    assert now.tzinfo is not None


def test_who_has_used_up_one_limit_uses_up_no_other(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"source": (3, timedelta(hours=1))}}
    for number in range(10):
        taken, _ = limits.take({"address": f"somebody{number % 5}", "source": "192.0.2.1"}, within="source")
        assert taken["source"].count == number + 1
        assert taken["source"].refused is (number >= 3)
        assert taken["address"].count == (1 if number % 5 < 3 else 0)
    assert take("somebody0").count == 2
    assert take("somebody4").count == 1


def test_a_window_that_ended_bounds_nobody(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"source": (1, timedelta(hours=1))}}
    subjects = {"address": "ada", "source": "192.0.2.1"}
    for wanted in (1, 1):
        assert limits.take(subjects, within="source")[0]["address"].count == wanted
    LimitCounter.objects.update(window_ends_at=F("window_ends_at") - timedelta(hours=1, seconds=1))
    taken, _ = limits.take(subjects, within="source")
    assert (taken["address"].count, taken["source"].count) == (1, 1)


def test_a_site_may_set_one_limit_and_keeps_the_others(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"address": (1, timedelta(minutes=1))}}
    assert [take("ada").refused for _ in range(2)] == [False, True]
    assert take("ada", name="source").limit == 20
    assert take("ada").free_again_at <= timezone.now() + timedelta(minutes=1, seconds=1)


def test_a_limit_of_nothing_refuses_everything(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"address": (0, timedelta(minutes=1))}}
    assert take("ada").refused


def test_the_table_never_says_who(settings: Any) -> None:
    take("ada@example.com")
    key = LimitCounter.objects.get().key
    assert key == limits.counter_key("address", "ada@example.com")
    assert isinstance(key, int)
    settings.SECRET_KEY = "another"
    assert limits.counter_key("address", "ada@example.com") != key


@pytest.mark.parametrize("subject", ["", "x" * 10_000, "\U0001f92f", "'; --", "%s", "\ud800"])
def test_any_subject_is_counted(subject: str) -> None:
    if subject == "\ud800":
        with pytest.raises(UnicodeEncodeError):
            take(subject)
    else:
        assert [take(subject).count for _ in range(2)] == [1, 2]


def test_looking_counts_nothing_and_tells_count_limit_and_end() -> None:
    for _ in range(4):
        ends = take("ada").free_again_at
    for count, is_used_up in ((4, False), (4, False), (5, True), (6, True)):
        if count > 4:
            take("ada")
        with statements() as found:
            seen = limits.look([("address", "ada"), ("address", "bob"), ("account", "ada")])
        assert len(found.texts) == 1
        ada = seen["address", "ada"]
        assert (ada.count, ada.limit, ada.is_used_up) == (count, 5, is_used_up)
        assert abs(ada.free_again_at - ends) < timedelta(milliseconds=5)
        assert (seen["address", "bob"].count, seen["account", "ada"].count) == (0, 0)
        assert not seen["account", "ada"].is_used_up
    assert LimitCounter.objects.count() == 1
    assert limits.look([]) == {}


def test_who_looks_after_the_end_of_a_window_sees_a_new_one() -> None:
    for _ in range(6):
        take("ada")
    LimitCounter.objects.update(window_ends_at=F("window_ends_at") - timedelta(hours=1, seconds=1))
    [seen] = limits.look([("address", "ada")]).values()
    assert (seen.count, seen.is_used_up) == (0, False)


def test_holding_counts_nothing() -> None:
    with transaction.atomic():
        limits.hold("account", "7")
    assert take("7", name="account").count == 1
    with transaction.atomic():
        limits.hold("account", "7")
    assert take("7", name="account").count == 2


def test_counters_whose_window_ended_are_purged_and_no_others() -> None:
    take("ada")
    take("bob")
    key = limits.counter_key("address", "ada")
    LimitCounter.objects.filter(key=key).update(window_ends_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert limits.purgeable().count() == limits.purge() == 1
    assert not LimitCounter.objects.filter(key=key).exists()
    assert take("bob").count == 2


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_are_all_counted() -> None:
    taken = at_once(*[lambda: limits.take({"address": "ada", "source": "192.0.2.1"})] * 12)
    assert sorted(one[0]["address"].count for one in taken) == list(range(1, 13))


@pytest.mark.django_db(transaction=True)
def test_sources_and_addresses_that_cross_at_the_same_moment_never_wait_in_a_circle() -> None:
    """In one order, address before source, nobody ever waits for somebody who waits for him."""

    def several(number: int) -> None:
        for step in range(4):
            address = f"somebody{(number + step) % 3}"
            with transaction.atomic():
                limits.take({"address": address, "source": f"192.0.2.{number % 2}"}, within="source")

    at_once(*[partial(several, number) for number in range(12)])
    counts = dict(LimitCounter.objects.values_list("key", "count"))
    assert {counts[limits.counter_key("source", f"192.0.2.{number}")] for number in (0, 1)} == {24}
