"""The numbers, their targets, and the windows they are asked for in."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery import metrics
from recovery.counting import percentile
from recovery.metrics import Numbers
from recovery.models.roll_ups import COUNTS, DELIVERY, DELIVERY_BOUNDS
from recovery.reasons import EmailState, Kind, Standing
from tests.past import AT, DAY, Mail, case
from tests.rolled import numbers, rolled_up, window

NOBODY_HEARD = Mail(state=EmailState.HANDED_OVER, took=None)
BOUNCED = Mail(state=EmailState.BOUNCED, took=None)


def made(*, times: dict[float, int] | None = None, **counts: int) -> Numbers:
    """Numbers of so many; ``times``: how many took no longer than so many seconds, and longer than the step before."""
    deliveries = [0] * len(DELIVERY)
    for seconds, count in (times or {}).items():
        deliveries[DELIVERY_BOUNDS.index(int(seconds))] = count
    return Numbers(dict.fromkeys(COUNTS, 0) | counts, deliveries, max(times or [0]))


def standings(found: Numbers) -> list[str]:
    return [target.standing for target in metrics.targets(found)]


@pytest.mark.parametrize(
    ("found", "in_time", "success"),
    [
        (made(), Standing.TOO_FEW, Standing.TOO_FEW),
        (made(times={5: 49}, delivered=49), Standing.TOO_FEW, Standing.TOO_FEW),
        (made(times={5: 50}, delivered=50), Standing.MET, Standing.MET),
        (made(times={60: 95, 90: 5}, delivered=100), Standing.MET, Standing.MET),
        (made(times={60: 94, 90: 6}, delivered=100), Standing.MISSED, Standing.MET),
        (made(times={5: 98}, delivered=98, bounced=2), Standing.MET, Standing.MET),
        (made(times={5: 97}, delivered=97, bounced=1, failed=1, late=1), Standing.MET, Standing.MISSED),
        (made(times={5: 97}, delivered=97, bounced=1, expired=2), Standing.MET, Standing.MISSED),
        # What nobody told of may have arrived or not: both would be lies.
        (made(times={5: 90}, delivered=90, no_news=10), Standing.NO_NEWS, Standing.NO_NEWS),
        (made(no_news=100), Standing.NO_NEWS, Standing.NO_NEWS),
        (made(times={5: 99}, delivered=99, no_news=1), Standing.MET, Standing.MET),
        (made(times={5: 90}, delivered=90, bounced=5, no_news=5), Standing.NO_NEWS, Standing.MISSED),
        # What was held back, not needed or is young says nothing of how mail gets through.
        (made(times={5: 60}, delivered=60, withheld=40, cancelled=9, on_its_way=99), Standing.MET, Standing.MET),
    ],
)
def test_a_target_is_met_or_missed_whatever_became_of_mail_without_news_or_else_unknown(
    found: Numbers, in_time: str, success: str
) -> None:
    assert standings(found) == [in_time, success]


def test_targets_are_the_sites_to_set(settings: Any) -> None:
    found = made(times={60: 90, 90: 10}, delivered=100, bounced=1)
    assert standings(found) == [Standing.MISSED, Standing.MET]
    wanted = {"delivered_within": timedelta(seconds=90), "delivery_success": 0.999}
    settings.RECOVERY = {**settings.RECOVERY, "TARGETS": wanted, "ALARM_LIMITS": {"samples": 100}}
    assert standings(found) == [Standing.MET, Standing.MISSED]
    settings.RECOVERY = {**settings.RECOVERY, "ALARM_LIMITS": {"samples": 102}}
    assert standings(found) == [Standing.TOO_FEW, Standing.TOO_FEW]


@pytest.mark.parametrize(
    ("found", "in_time", "success"),
    [
        (made(times={5: 200}, delivered=200), (10, 10), (4, 4)),
        (made(times={5: 190, 90: 10}, delivered=200), (10, 0), (4, 4)),
        (made(times={5: 185, 90: 15}, delivered=200, bounced=10), (10, -5), (4, -6)),
        (made(times={5: 190}, delivered=190, no_news=10), (10, 10), (4, 4)),
        (made(times={5: 50}, delivered=50), (2, 2), (1, 1)),  # 0.02 x 50 is one, whatever a float says
    ],
)
def test_the_budget_says_how_many_more_may_go_wrong(
    found: Numbers, in_time: tuple[int, int], success: tuple[int, int]
) -> None:
    assert [(target.budget, target.budget_left) for target in metrics.targets(found)] == [in_time, success]


@pytest.mark.parametrize(
    ("counts", "slowest", "share", "seconds"),
    [
        ([0, 0, 0], 0, 0.5, None),
        ([1, 0, 0], 7, 0.5, 7),
        ([10, 0, 0], 60, 0.95, 10),
        ([95, 5, 0], 60, 0.95, 10),
        ([94, 6, 0], 55, 0.95, 20),
        ([94, 6, 0], 12, 0.95, 12),
        ([0, 0, 3], 700, 0.5, 700),
        ([1, 1, 1], 700, 0.66, 20),
    ],
)
def test_a_percentile_is_the_end_of_its_bucket_or_the_slowest_of_all(
    counts: list[int], slowest: float, share: float, seconds: float | None
) -> None:
    assert percentile(counts, (10, 20), slowest, share) == seconds


def test_percentiles_of_hours_merge() -> None:
    quick, slow = made(times={2: 50}, delivered=50), made(times={120: 50}, delivered=50)
    both = quick.plus(slow)
    assert [both.percentile(share) for share in (0.5, 0.51, 0.95)] == [2, 120, 120]


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0\xa0%"), (1, "100\xa0%"), (0.98, "98.0\xa0%"), (0.99999, "99.9\xa0%"), (0.000001, "0.1\xa0%")],
)
def test_a_share_is_never_rounded_to_all_or_nothing_that_it_is_not(share: float, said: str) -> None:
    assert metrics.percent(share) == said


NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", NOW - DAY),
        ("7d", NOW - 7 * DAY),
        ("0h", NOW),
        ("2026-11-19", datetime(2026, 11, 19, tzinfo=UTC)),
        ("2026-11-19T10:00", datetime(2026, 11, 19, 10, tzinfo=UTC)),
        ("2026-11-19T10:00+02:00", datetime(2026, 11, 19, 8, tzinfo=UTC)),
    ],
)
def test_a_moment_can_be_named_in_several_ways(text: str, moment: datetime) -> None:
    assert metrics.parse(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "24", "-3h", "3w", "2026-13-01", "2026-02-30", "999999d", "h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither a span|out of range|must be in|day is out"):
        metrics.parse(text, NOW)


def ran(*options: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    out = io.StringIO()
    try:
        call_command("recovery_metrics", *options, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()


@pytest.mark.django_db
def test_the_command_prints_each_number_with_what_it_is_of() -> None:
    for _ in range(60):
        Mail(took=4, used=30).write()
    case(Mail(took=70).write())
    with rolled_up():
        code, said = ran()
        assert code == 0
        assert "p50 4 s p95 4 s p99 70 s; within 60 s 60 of 61 (98.4" in said
        assert "61 of 61 (100" in said
        assert "completed 60 of 61" in said
        assert "escalation        1 of 61" in said
        assert "target delivered_within: 95\xa0%, met; budget left 2 of 3" in said
        code, said = ran("--json", "--since", "2026-11-20", "--domain", " Example.ORG ")
        told = json.loads(said)
        assert code == 0
        assert set(told) >= {"delivery_seconds", "delivery_success", "completion", "escalation", "no_news", "targets"}
        assert set(told["delivery_seconds"]) == {"p50", "p95", "p99", "within_60s"}
        assert set(told["completion"]) == {"opened", "completed"}
        assert told["delivery_seconds"]["within_60s"] == {"numerator": 60, "denominator": 61, "share": 0.9836}
        assert told["completion"]["completed"] == {"numerator": 60, "denominator": 61, "share": 0.9836}
        assert told["of"] == {"domain": "example.org"}
        assert (told["since"], told["until"]) == ("2026-11-20T00:00:00+00:00", "2026-11-20T14:00:00+00:00")
        assert [target["standing"] for target in told["targets"]] == ["met", "met"]


@pytest.mark.django_db
@pytest.mark.parametrize(("number", "code"), [(49, 0), (50, 1)])
def test_the_command_ends_with_one_for_a_target_that_enough_mail_misses(number: int, code: int) -> None:
    for _ in range(number):
        BOUNCED.write()
    with rolled_up():
        assert ran("--json")[0] == ran("--route", "main")[0] == code
        assert ran("--kind", Kind.ADMIN)[0] == 0


@pytest.mark.django_db
def test_the_command_ends_with_nothing_wrong_where_nobody_told_of_the_mail() -> None:
    for _ in range(60):
        NOBODY_HEARD.write()
    with rolled_up():
        code, said = ran()
        assert code == 0
        assert "depends on mail of which nothing was heard" in said


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [("--since", "tomorrow"), ("--since", "1h", "--until", "2h"), ("--audience", "nowhere"), ("--route", "nowhere")],
)
def test_bad_usage_ends_with_two(wrong: tuple[str, ...]) -> None:
    code, said = ran(*wrong)
    assert code == 2
    assert said


@pytest.mark.django_db
def test_a_route_that_is_no_more_can_still_be_asked_for() -> None:
    Mail(route="gone").write()
    with rolled_up():
        assert ran("--route", "gone", "--json")[0] == 0


@pytest.mark.django_db
def test_before_anything_was_rolled_up_the_command_says_so() -> None:
    code, said = ran()
    assert code == 0
    assert "Nothing was rolled up yet" in said


@pytest.mark.django_db
def test_the_figures_can_be_rolled_up_and_counted_anew_by_hand() -> None:
    email = Mail(at=AT - DAY).write()
    with rolled_up():
        assert numbers().delivery_success.numerator == 1
        type(email).objects.filter(pk=email.pk).update(state=EmailState.BOUNCED)  # by hand, which nothing tells of

        def roll_up(*options: str) -> int:
            out = io.StringIO()
            call_command("recovery_roll_up", "--json", *options, stdout=out)
            return int(json.loads(out.getvalue())["hours"])

        assert roll_up("--dry-run", "--since", "2026-11-19") > 20
        assert numbers().delivery_success.numerator == 1
        assert roll_up("--since", "2026-11-19") > 20
        assert numbers().delivery_success.numerator == 0
        with pytest.raises(CommandError):
            roll_up("--since", "once")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "chosen", [{}, {"domain": "example.org"}, {"route": "main"}, {"audience": "default", "kind": "forgot"}]
)
def test_the_numbers_of_a_window_are_one_statement_over_figures(chosen: dict[str, str]) -> None:
    Mail().write()
    with rolled_up():
        with CaptureQueriesContext(connection) as statements:
            assert numbers(window(**chosen)).expected == 1
        [told] = [each["sql"] for each in statements]
        assert "recovery_rollup" in told
