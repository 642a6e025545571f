"""One person's access ends, by staff or by their own word: password, sessions, links; and a link brings them back."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.signals import user_logged_in
from django.core import mail
from django.test import Client

from recovery import accounts, resets
from recovery.models import AuditEvent, Email, ResetRequest, Rotation, SupportCase
from recovery.reasons import Action, CaseEnd, CaseReason, EmailKind, Kind, Outcome, RotationSource, RotationStep
from tests.asking import NEW_PASSWORD, ask, browser, links, recipients, set_password
from tests.asking import work as decide
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import dead_page, let_pass, mailed_link, opened
from tests.rotations.people import WHY, force, funnel, said_it_was_not_them, work

pytestmark = pytest.mark.django_db(transaction=True)

EVIDENCE = "sign-in from 198.51.100.7 at 03:12 UTC, Firefox on Linux"
OWN_PAGE = "/accounts/password_change/"


@pytest.fixture
def ada() -> Any:
    return UserFactory.create(username="ada")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    assert client.get(OWN_PAGE).status_code == 200
    return client


def test_by_staff_everything_ends_at_once_and_a_link_brings_the_person_back(ada: Any) -> None:
    browsers, staff = [signed_in(ada) for _ in range(3)], StaffFactory.create()
    early, early_form = opened(mailed_link(ada))
    other = signed_in(UserFactory.create())
    rotation = force([ada], actor=staff, evidence=EVIDENCE)
    resets.rotate(rotation.pk)

    assert {client.get(OWN_PAGE).status_code for client in browsers} == {302}
    assert other.get(OWN_PAGE).status_code == 200
    assert not Client().login(username="ada", password=PASSWORD)
    assert dead_page(early.get(early_form)) == "invalid"
    [message] = mail.outbox[1:]
    assert message.to == [ada.email]
    assert "Somebody else may know the password" in message.body
    assert EVIDENCE not in message.body
    assert WHY not in message.body
    request = ResetRequest.objects.get(kind=Kind.FORCED)
    assert (request.outcome, request.actor_key, request.reason) == (Outcome.SENT, accounts.key_of(staff), WHY)
    assert funnel(rotation) == {"told": 1}

    [link] = links(message)
    client, form = opened(link)
    assert funnel(rotation) == {"opened": 1}
    assert set_password(client, form).status_code == 302
    assert Client().login(username="ada", password=NEW_PASSWORD)
    assert funnel(rotation) == {"completed": 1}
