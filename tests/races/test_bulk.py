"""Case 113: acts of staff on many at once, pressed twice and by two of them in the same moment."""

import re
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client

from recovery import accounts
from recovery.models import AuditEvent, Email, Lockout, ResetRequest, ResetToken
from recovery.reasons import Action, EmailKind, TokenState
from tests.admin.posting import REASON, USERS, asking_page_of, posted, ticked
from tests.admin.staff import superuser
from tests.asking import work
from tests.factories import PASSWORD, UserFactory
from tests.signing_in import locked, sign_in
from tests.together import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(113)]

LOCKOUTS = "/admin/recovery/lockout/"


def again(client: Any) -> Any:
    """The same session in a second tab, as it was before the first had its answer, which may wait in a cookie: what one
    client notes of cookies and templates is of all its threads together."""
    tab = Client(enforce_csrf_checks=True)
    tab.cookies[project.SESSION_COOKIE_NAME] = client.cookies[project.SESSION_COOKIE_NAME].value
    return tab


def told(answers: list[Any]) -> int:
    """On how many people the pages say that they acted."""
    pages = [answer.content.decode() for answer in answers]
    return sum(int(number) for page in pages for number in re.findall(r'<li class="success">(\d+) ', page))


def lifts(client: Any, people: list[Any]) -> Any:
    chosen = {"action": "lift_lockouts", "_selected_action": [str(row.pk) for row in Lockout.objects.all()]}
    return posted(client, LOCKOUTS, **chosen, confirmed="1", reason=REASON)


def sends(client: Any, people: list[Any]) -> Any:
    return posted(client, USERS, asking_page_of(people[0]), **ticked(*people, reason=REASON, confirmed="1"))


@pytest.mark.parametrize("is_one", [True, False])
def test_lockouts_that_are_lifted_twice_at_once_are_lifted_once_each(is_one: bool) -> None:
    """``is_one``: a double click of one member of staff, else two of them."""
    people = [UserFactory.create() for _ in range(4)]
    for user in people:
        locked(user.username)
    client = superuser()
    answers = at_once(partial(lifts, client, people), partial(lifts, again(client) if is_one else superuser(), people))
    assert told(answers) == 4
    lifted = AuditEvent.objects.filter(action=Action.UNLOCKED).values_list("user_key", flat=True)
    assert Counter(lifted) == Counter(map(accounts.key_of, people))
    assert all(sign_in(user.username, PASSWORD) for user in people)


@pytest.mark.parametrize("is_one", [True, False])
def test_links_that_are_sent_twice_at_once_leave_one_that_works_and_every_mail_is_counted(is_one: bool) -> None:
    people = [UserFactory.create() for _ in range(4)]
    client = superuser()
    answers = at_once(partial(sends, client, people), partial(sends, again(client) if is_one else superuser(), people))
    work()
    mailed = Email.objects.filter(kind=EmailKind.RESET)
    assert told(answers) == ResetRequest.objects.count() == mailed.count() == 8
    live = ResetToken.objects.filter(state=TokenState.LIVE).values_list("user_key", flat=True)
    assert Counter(live) == Counter(map(accounts.key_of, people))


def test_past_the_cap_of_whoever_presses_twice_nothing_more_is_sent(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (6, timedelta(hours=1))}}
    people = [UserFactory.create() for _ in range(4)]
    client = superuser()
    answers = at_once(partial(sends, client, people), partial(sends, again(client), people))
    assert told(answers) == ResetRequest.objects.count() == 6
