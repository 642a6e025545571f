"""The email log by door, and its times in the viewer's zone with UTC beside."""

import re
from typing import Any

import pytest
from django.utils import timezone

from recovery import outbox
from recovery.models import Email, ResetRequest
from recovery.reasons import EmailKind
from tests.admin.files import rows_of, viewing
from tests.admin.pages import listed, reset_for
from tests.admin.staff import viewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def partner(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"partner": {"BASE_URL": "https://partner.example"}}}


@pytest.mark.usefixtures("partner")
def test_mail_and_requests_of_one_door_are_found(ada: Any) -> None:
    reset_for(ada)
    [other] = outbox.queue(EmailKind.PASSWORD_CHANGED, [ada.email], audience="partner")
    asked = ResetRequest.objects.create(identifier=ada.email, audience="partner")
    for page, row in (("email", other), ("resetrequest", asked)):
        assert viewer().get(listed(page, "?audience=partner")).context["cl"].result_list == [row]
        assert row not in viewer().get(listed(page, "?audience=default")).context["cl"].result_list
        assert "?audience=partner" in viewer().get(listed(page)).content.decode()
    assert [row["key"] for row in rows_of(viewing("email"), "email", query="?audience=partner")] == [str(other.pk)]


def test_where_there_is_one_door_nobody_is_asked_for_it(ada: Any) -> None:
    reset_for(ada)
    assert "?audience=" not in viewer().get(listed("email")).content.decode()


def test_a_moment_is_shown_in_the_viewers_zone_with_utc_beside(ada: Any) -> None:
    reset_for(ada)
    queued = Email.objects.get().queued_at
    path = listed("email")
    with timezone.override("Asia/Kolkata"):
        body = viewer().get(path).content.decode()
        local = timezone.localtime(queued)
    assert f"{local:%Y-%m-%d %H:%M:%S} IST</time>" in body
    assert f'<span class="recovery-utc">{queued:%H:%M:%S} UTC</span>' in body
    assert re.search(r'recovery-ago">just now <span', body)
    with timezone.override("UTC"):
        assert "recovery-utc" not in viewer().get(path).content.decode()


def test_a_file_has_the_moment_once_and_in_utc(ada: Any) -> None:
    reset_for(ada)
    queued = Email.objects.get().queued_at
    with timezone.override("Asia/Kolkata"):
        [row] = rows_of(viewing("email"), "email")
    assert row["queued_at"] == queued.isoformat()
