"""The month of mail that the benchmarks are measured with fits the tables as they are."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from benchmarks import month
from recovery import metrics
from recovery.models import Email, EmailEvent
from recovery.reasons import EmailKind, EmailState
from tests.rolled import numbers, whole

pytestmark = pytest.mark.django_db


def test_a_small_month_is_what_its_figures_say() -> None:
    now = timezone.now()
    month.write(1000, ends_at=now, people=200, days=2)
    assert (Email.objects.count(), EmailEvent.objects.count(), get_user_model().objects.count()) == (1000, 3000, 200)
    rare = Email.objects.filter(kind=EmailKind.ALARM)
    assert rare.count() == 60
    assert not Email.objects.exclude(kind=EmailKind.ALARM).filter(pk__lt=rare.latest("pk").pk).exists()
    whole()
    found = numbers(metrics.selection(since=now - timedelta(days=3), until=now))
    assert found.counts["delivered"] == Email.objects.filter(state=EmailState.DELIVERED).count() > 800
    assert found.opened.numerator > found.completed.numerator > 400
    assert found.counts["acts"] == 5
