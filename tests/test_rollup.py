"""The hourly figures: what they count, when an hour is counted anew, and what becomes of it when it is too old."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from recovery import metrics, rollup
from recovery.metrics import Numbers, Selection
from recovery.models import RollUp
from recovery.reasons import EmailState
from tests.past import AT, Mail

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def window(**chosen: Any) -> Selection:
    return metrics.selection(since=AT - DAY, until=AT + DAY, **chosen)


def numbers(**chosen: Any) -> Numbers:
    return metrics.in_all(metrics.by_hour(window(**chosen)))


def test_try() -> None:
    Mail().write()
    Mail(state=EmailState.BOUNCED, took=None).write()
    with time_machine.travel(AT + 3 * HOUR, tick=False):
        print(rollup.roll_up())
        print(rollup.roll_up())
        print(numbers().as_dict())
        print(RollUp.objects.count())
        assert 0
