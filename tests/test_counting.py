"""What counts as what: a set counted by hand, and random ones in which every number equals the rows behind it."""

import itertools
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import counting, metrics
from recovery.counting import FATES, LINK_FATES
from recovery.models import Email, ResetToken
from recovery.models.roll_ups import COUNTS, DELIVERY_BOUNDS
from recovery.reasons import Action, CaseReason, EmailState, Figure, Kind, Outcome, TokenState
from recovery.rollup import hours
from tests.past import AT, HOUR, Mail, act, case
from tests.rolled import behind, numbers, rolled_up, whole, window

pytestmark = pytest.mark.django_db

NOW = AT + 3 * HOUR
MINUTE = 60.0


def write_the_small_set() -> None:
    """Twenty mails that anybody can count; what each is counted as stands beside it."""
    Mail(took=4, opened=30, used=60).write()  # delivered, completed
    Mail(took=6, opened=30, used=60).write()  # delivered, completed
    Mail(took=40, opened=100).write()  # delivered, opened
    Mail(took=60).write()  # delivered within 60 s, unopened
    Mail(took=61, opened=2 * HOUR.total_seconds()).write()  # delivered, opened too late: unopened
    Mail(took=700, complained=60).write()  # delivered, unopened, complained
    Mail(took=None).write()  # delivered, nobody knows when; unopened
    Mail(state=EmailState.BOUNCED, took=3).write()  # returned after all; unopened
    bounced = Mail(state=EmailState.BOUNCED, took=None, link=TokenState.REPLACED, ended=90).write()  # superseded
    Mail(state=EmailState.FAILED, took=None, left=False).write()
    Mail(state=EmailState.EXPIRED, took=None, left=False).write()
    Mail(state=EmailState.DEFERRED, took=None).write()  # the provider tries for hours: late; unopened
    Mail(state=EmailState.HANDED_OVER, took=None).write()  # no news; unopened
    Mail(state=EmailState.HANDED_OVER, took=None, used=100).write()  # no news; completed all the same
    Mail(state=EmailState.UNKNOWN, took=None, left=False).write()  # it may have left: no news
    Mail(at=NOW - timedelta(minutes=5), state=EmailState.HANDED_OVER, took=None).write()  # on its way; live
    Mail(at=NOW - timedelta(minutes=5), state=EmailState.QUEUED, took=None, left=False).write()  # on its way
    Mail(state=EmailState.WITHHELD, took=None, left=False).write()
    Mail(state=EmailState.CANCELLED, took=None, left=False).write()
    Mail(took=5, link=TokenState.REVOKED, ended=20, kind=Kind.ADMIN).write()  # delivered, superseded
    case(bounced)
    act(bounced)


def test_a_set_counted_by_hand() -> None:
    write_the_small_set()
    with rolled_up(NOW):
        found = numbers()
    assert found.counts == {
        "delivered": 8, "bounced": 2, "failed": 1, "expired": 1, "late": 1, "no_news": 3, "on_its_way": 2,
        "withheld": 1, "cancelled": 1, "complained": 1,
        "completed": 3, "opened": 1, "unopened": 7, "live": 1, "superseded": 2,
        "requests": 20, "cases": 1, "acts": 1,
    }  # fmt: skip
    told = found.as_dict()
    assert told["delivery_success"] == {"numerator": 8, "denominator": 16, "share": 0.5}
    assert told["no_news"] == {"numerator": 3, "denominator": 16, "share": 0.1875}
    assert told["completion"]["opened"] == {"numerator": 4, "denominator": 12, "share": 0.3333}
    assert told["completion"]["completed"] == {"numerator": 3, "denominator": 12, "share": 0.25}
    assert told["escalation"] == {"numerator": 2, "denominator": 20, "share": 0.1}
    # Seven of the delivered are timed: 4, 5, 6, 40, 60, 61, 700 seconds.
    seconds = told["delivery_seconds"]
    assert seconds["within_60s"] == {"numerator": 5, "denominator": 7, "share": 0.7143}
    assert (seconds["p50"], seconds["p95"], seconds["p99"]) == (45.0, 700.0, 700.0)


@pytest.mark.parametrize("figure", Figure)
def test_every_number_of_the_small_set_opens_as_many_rows(figure: Figure) -> None:
    write_the_small_set()
    with rolled_up(NOW):
        assert behind(figure, NOW) == counted_as(numbers())[figure]


def counted_as(found: metrics.Numbers) -> dict[Figure, int]:
    """What the figures say of each word."""
    plain = {Figure(name): found.counts[name] for name in COUNTS}
    in_time = found.within(60)
    return plain | {
        Figure.EXPECTED: found.expected,
        Figure.NOT_ARRIVED: found.not_arrived,
        Figure.TIMED: in_time.denominator,
        Figure.WITHIN_60S: in_time.numerator,
        Figure.IN_TIME: in_time.numerator,
        Figure.SLOW: in_time.denominator - in_time.numerator,
        Figure.OPENED: found.opened.numerator,
        Figure.USABLE: found.opened.denominator,
    }


EVENING = datetime(2026, 11, 20, 22, tzinfo=UTC)  # some of what is written belongs to the next day
FOUR_HOURS = 4 * 3600

mails = st.builds(
    Mail,
    at=st.integers(0, FOUR_HOURS).map(lambda seconds: EVENING + timedelta(seconds=seconds)),
    state=st.sampled_from([*EmailState, EmailState.DELIVERED, EmailState.DELIVERED]),
    took=st.one_of(st.none(), st.floats(-2, 100_000), st.sampled_from([0, 1, 59.999, 60, 60.001, *DELIVERY_BOUNDS])),
    left=st.booleans(),
    opened=st.one_of(st.none(), st.floats(-5, 9000)),
    used=st.one_of(st.none(), st.none(), st.floats(1, 3000)),
    ended=st.one_of(st.none(), st.floats(0, 9000)),
    life=st.sampled_from([HOUR, 10 * HOUR]),
    link=st.sampled_from([each for each in TokenState if each != TokenState.USED]),
    complained=st.one_of(st.none(), st.floats(0, 30_000)),
    audience=st.sampled_from(["default", "portal"]),
    route=st.sampled_from(["", "main", "spare"]),
    domain=st.sampled_from(["example.org", "example.net", "xn--bcher-kva.example"]),
    kind=st.sampled_from(Kind),
    outcome=st.sampled_from(Outcome),
    next_try_at=st.sampled_from([None, AT]),
)
chosen = st.fixed_dictionaries(
    {},
    optional={
        "audience": st.sampled_from(["default", "portal"]),
        "route": st.sampled_from(["main", "spare"]),
        "domain": st.sampled_from(["example.org", "example.net"]),
        "kind": st.sampled_from([str(kind) for kind in Kind]),
    },
)


def written(several: list[Mail], dice: Any) -> None:
    """These mails, and here and there a case or an act that follows."""
    for mail in several:
        email = mail.write()
        if dice.random() < 0.3:
            case(email, seconds=dice.randrange(4000), reason=dice.choice(CaseReason.values))
        if dice.random() < 0.3:
            act(email, at=mail.at, action=dice.choice(Action.values), actor_key=dice.choice(["", "7"]))
        if dice.random() < 0.1:
            act(at=mail.at, action=Action.SUPPRESSION_LIFTED, detail={"by": dice.choice(["staff", "delivery"])})


waits = st.lists(st.sampled_from([5, 20, 45, 61, 90, 200, 700]), min_size=3, max_size=5)


@settings(max_examples=25, deadline=None)
@given(several=st.lists(mails, max_size=25), of=chosen, dice=st.randoms(use_true_random=False), waits=waits)
def test_the_rows_behind_each_number_add_up_to_it_on_random_data(
    several: list[Mail], of: dict[str, str], dice: Any, waits: list[int]
) -> None:
    """As production does it: run after run, of which each counts little anew, and the last one is judged."""
    now = EVENING
    with transaction.atomic():
        written(several, dice)
        for minutes in waits:
            now += timedelta(minutes=minutes)
            forget_links(now - HOUR)
            with time_machine.travel(now, tick=False):
                whole()
        since = EVENING + dice.randrange(-2, 3) * HOUR
        selection = metrics.selection(since=since, until=since + dice.randrange(1, 8) * HOUR, **of)
        found, last = counted_as(numbers(selection)), hours.beginning(now) + HOUR
        counted = replace(selection, until=min(selection.until, last))  # of hours that have come
        assert {figure: behind(figure, now, counted) for figure in Figure} == found
        transaction.set_rollback(True)


def forget_links(before: datetime) -> None:
    """What the purge does with links, an hour after their time; its clock is that of the database."""
    ended = ResetToken.objects.filter(expires_at__lt=before).exclude(fingerprint="")
    ended.filter(state=TokenState.LIVE).update(state=TokenState.EXPIRED)
    ended.update(fingerprint="")


@settings(max_examples=25, deadline=None)
@given(several=st.lists(mails, min_size=1, max_size=40), share=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_percentile_of_the_figures_is_within_one_bucket_of_the_exact_one(several: list[Mail], share: float) -> None:
    with transaction.atomic(), time_machine.travel(EVENING + 5 * HOUR, tick=False):
        for mail in several:
            mail.write()
        whole()
        found = numbers().percentile(share)
        transaction.set_rollback(True)
    in_window = [mail for mail in several if mail.state == EmailState.DELIVERED and mail.took is not None]
    exact = sorted(round(mail.took or 0, 6) for mail in in_window)
    if not exact:
        assert found is None
        return
    wanted = exact[math.ceil(share * len(exact)) - 1]
    assert found is not None
    bounds = [0, *DELIVERY_BOUNDS, math.inf]
    [number] = [n for n, (low, high) in enumerate(itertools.pairwise(bounds)) if low < max(wanted, 1e-6) <= high]
    assert bounds[number] <= found <= bounds[number + 1]
    assert found >= wanted, "the sentence that so many took no longer holds"


def test_each_mail_has_one_fate_and_at_most_one_of_its_link(settings: Any) -> None:
    """Whatever the state, the hand-over, the next try and the age."""
    ages = [timedelta(0), timedelta(minutes=20), timedelta(minutes=31), timedelta(hours=2)]
    for state, left, again, age in itertools.product(EmailState, (True, False), (None, AT), ages):
        Mail(at=NOW - age, state=state, left=left, next_try_at=again, took=None).write()
    fates = Counter(
        pk for fate in FATES for pk in Email.objects.filter(counting.is_fate(fate, NOW)).values_list("pk", flat=True)
    )
    assert set(fates.values()) == {1}
    assert len(fates) == Email.objects.count()
    links = Counter(pk for fate in LINK_FATES for pk in linked(fate))
    assert set(links.values()) == {1}


def linked(fate: Figure) -> list[Any]:
    with_link = Email.objects.alias(link=counting.link_fate(NOW)).filter(link=fate)
    return list(with_link.values_list("pk", flat=True))


def test_a_robots_opening_is_no_persons() -> None:
    email = Mail().write()
    ResetToken.objects.filter(email=email).update(opened_at=AT, open_count=3)
    with rolled_up():
        assert (numbers().opened.numerator, numbers().opened.denominator) == (0, 1)


@pytest.mark.parametrize("outcome", Outcome)
def test_strangers_who_try_names_make_no_share_look_small(outcome: str) -> None:
    Mail(outcome=outcome).write()
    with rolled_up():
        left_out = {Outcome.RECEIVED, Outcome.THROTTLED, Outcome.NO_ACCOUNT, Outcome.COOLDOWN, Outcome.JOINED}
        assert numbers().escalation.denominator == (outcome not in left_out)


ACTS = {
    Action.EMAIL_RETRIED, Action.EMAIL_RELEASED, Action.ADDRESS_CHANGED, Action.SUPPRESSION_LIFTED, Action.REQUESTED,
    Action.ACCOUNT_ACTIVATED, Action.UNLOCKED, Action.REPAIR_STARTED,
}  # fmt: skip


@pytest.mark.parametrize("action", Action)
def test_which_acts_of_staff_count(action: str) -> None:
    by_hand = Mail(kind=Kind.ADMIN).write()
    act(by_hand, action=action, detail={"by": "staff"})
    act(by_hand, action=action, detail={"by": "staff"}, actor_key="")  # by itself
    for list_ in ("repair", "rotation"):
        act(by_hand, action=Action.REQUESTED, detail={list_: "1"})  # a worker, for whoever started it
    act(Mail().write(), action=Action.REQUESTED)  # somebody of the staff forgot a password, too
    with rolled_up():
        assert numbers().counts["acts"] == (action in ACTS)


def test_a_suppression_that_ended_with_a_change_of_the_address_is_no_second_act() -> None:
    act(action=Action.ADDRESS_CHANGED)
    act(action=Action.SUPPRESSION_LIFTED, detail={"by": "address_change"})
    with rolled_up():
        assert numbers().counts["acts"] == 1
        assert numbers(audience="default").counts["acts"] == 0, "of no request, it is of no audience"


def test_what_concerns_a_request_counts_where_its_first_mail_went() -> None:
    first = Mail(route="main", domain="example.org").write()
    second = Mail(at=AT + timedelta(minutes=3), route="spare", domain="example.net").write()
    Email.objects.filter(pk=second.pk).update(request=first.request)  # as the ladder does
    case(first)
    with rolled_up():
        assert numbers(domain="example.org").counts["cases"] == 1
        assert numbers(domain="example.net").counts["cases"] == 0
        assert numbers(route="main").escalation.denominator == 1
        assert numbers(route="spare", domain="example.net").delivery_success.denominator == 1


def test_windows_begin_and_end_with_full_hours() -> None:
    found = metrics.selection(since=datetime.fromisoformat("2026-11-20T10:15:01+02:00"), until=AT)
    assert (found.since.isoformat(), found.until.isoformat()) == (
        "2026-11-20T08:00:00+00:00",
        "2026-11-20T11:00:00+00:00",
    )
    exact = metrics.selection(since=window().since, until=window().until)
    assert exact == window()
