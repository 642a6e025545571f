"""Whole stories of first passwords, by the doors that staff, people, workers and providers have."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client

from recovery.models import AuditEvent, Email, ResetRequest, SupportCase
from recovery.reasons import Action, EmailKind, Outcome
from recovery.sweep import sweep
from tests.admin.posting import REASON, USERS, form_of, page_of, posted
from tests.admin.staff import superuser
from tests.asking import NEW_PASSWORD, ask, asked, browser, links, work
from tests.factories import UserFactory
from tests.following import dead_page, let_pass, opened
from tests.joining import joins
from tests.ladder import fails

pytestmark = pytest.mark.django_db(transaction=True)


def signs_in(username: str) -> bool:
    """By the site's own sign-in."""
    client = browser()
    client.post("/accounts/login/", {"username": username, "password": NEW_PASSWORD})
    return "_auth_user_id" in client.session


def newest_link() -> str:
    [link] = links(mail.outbox[-1])
    return link


def created(office: Client, address: str) -> Any:
    """Grace, by the admin's form for a new user, with a tick instead of a password."""
    posted(office, f"{USERS}add/", username="grace", email=address, recovery_activate="on")
    work()
    return get_user_model().objects.get(username="grace")


def test_a_newcomer_is_created_by_staff_chooses_a_password_and_signs_in() -> None:
    user = created(superuser(), "grace@example.com")
    assert [message.to for message in mail.outbox] == [["grace@example.com"]]
    assert not signs_in("grace")
    client, answer = joins(newest_link())
    assert "Your account is ready." in client.get(answer.url).content.decode()
    assert signs_in("grace")
    sweep()
    assert mail.outbox[-1].subject == "Your account at Riverside Library is ready"
    request = ResetRequest.objects.get()
    assert (request.outcome, request.user_key) == (Outcome.COMPLETED, str(user.pk))
    told = AuditEvent.objects.filter(request_id=request.pk).order_by("occurred_at", "id")
    assert [event.action for event in told] == [
        Action.REQUESTED, Action.DECIDED, Action.LINK_OPENED, Action.COMPLETED
    ]  # fmt: skip


def test_a_mistyped_address_opens_a_case_is_corrected_and_the_newcomer_still_joins(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": "at_once"}
    office = superuser()
    user = created(office, "grase@example.com")
    stray = newest_link()
    fails(Email.objects.get())
    case = SupportCase.objects.get()
    assert case.user_key == str(user.pk)
    posted(office, page_of(user), **form_of(user, email="grace@example.com"))
    client, form = opened(stray)
    assert dead_page(client.get(form)) == "invalid"
    posted(office, f"{USERS}{user.pk}/send-activation-link/", reason=REASON)
    work()
    assert mail.outbox[-1].to == ["grace@example.com"]
    joins(newest_link())
    assert signs_in("grace")
    case.refresh_from_db()
    assert case.closed_at


def test_a_newcomer_who_let_the_link_grow_old_asks_on_the_forgot_page_and_joins() -> None:
    user = created(superuser(), "grace@example.com")
    let_pass(timedelta(days=30))
    client = browser()
    ask(client, "grace")
    assert work() == [Outcome.SENT]
    assert Email.objects.filter(request=asked(), kind=EmailKind.ACTIVATION, user_key=str(user.pk)).exists()
    joins(newest_link())
    assert signs_in("grace")
    ask(browser(), "grace@example.com")
    work()
    assert Email.objects.filter(request=asked(), kind=EmailKind.RESET).exists()


def test_somebody_who_was_away_is_made_active_mailed_and_back() -> None:
    office = superuser()
    user: Any = UserFactory.create(username="grace", is_active=False)
    ask(browser(), user.email)
    assert work() == [Outcome.INACTIVE]
    assert not mail.outbox
    page = office.get(page_of(user)).content.decode()
    assert f"{USERS}{user.pk}/activate-account/" in page
    posted(office, f"{USERS}{user.pk}/activate-account/", reason=REASON)
    posted(office, f"{USERS}{user.pk}/send-reset-link/", reason=REASON)
    assert work() == [Outcome.SENT]
    joins(newest_link())
    assert signs_in("grace")
