"""Staff see when a person may ask again, pass that limit with a reason, and the trail says which one."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery import resets
from recovery.models import AuditEvent, LimitCounter, ResetRequest
from recovery.reasons import Action, Kind, Outcome
from tests.admin.posting import REASON, RIGHTS, USERS, asking_page_of, page_of, posted, ticked
from tests.admin.staff import staff
from tests.asking import ask, browser, statements, work
from tests.factories import UserFactory
from tests.gates import mailed_often
from tests.joining import invited

pytestmark = pytest.mark.django_db
SAID = "too often; free again at"


def bombed(typed: str) -> None:
    for number in range(6):
        ask(browser(REMOTE_ADDR=f"203.0.113.{number}"), typed)


def test_a_person_whose_address_was_asked_for_too_often_is_shown_with_the_end_of_it(ada: Any, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    bombed(ada.email.upper())
    ends = timezone.localtime(LimitCounter.objects.latest("window_ends_at").window_ends_at)
    client = staff(*RIGHTS)
    for path in (page_of(ada), asking_page_of(ada)):
        page = client.get(path).content.decode()
        assert SAID in page
        assert f"{ends:%H:%M %Z}</time> (name or address)" in page
    assert "A link that you send passes this limit." in client.get(page_of(ada)).content.decode()
    assert "Your link passes the limit" in client.get(asking_page_of(ada)).content.decode()
    posted(client, asking_page_of(ada), reason=REASON)
    assert work()[-1] == Outcome.SENT
    event = AuditEvent.objects.get(action=Action.REQUESTED, reason=REASON)
    assert event.detail == {"kind": "admin", "passed": ["address"]}


@pytest.mark.parametrize("by", ["username", "email"])
def test_either_of_name_and_address_counts(ada: Any, by: str) -> None:
    bombed(getattr(ada, by))
    assert list(resets.held_up([ada])) == [str(ada.pk)]


def test_the_cap_of_the_account_is_shown_as_such_and_its_passing_is_on_the_trail() -> None:
    user = mailed_often()
    client = staff(*RIGHTS)
    assert "</time> (account)" in client.get(asking_page_of(user)).content.decode()
    posted(client, asking_page_of(user), reason=REASON)
    assert work() == [Outcome.SENT]
    assert AuditEvent.objects.get(action=Action.REQUESTED, reason=REASON).detail == {
        "kind": "admin",
        "passed": ["account"],
    }


def test_of_somebody_who_did_not_ask_too_often_nothing_is_said(ada: Any) -> None:
    for number in range(4):
        ask(browser(REMOTE_ADDR=f"203.0.113.{number}"), ada.email)
    client = staff(*RIGHTS)
    for path in (page_of(ada), asking_page_of(ada)):
        assert SAID not in client.get(path).content.decode()
    posted(client, asking_page_of(ada), reason=REASON)
    assert AuditEvent.objects.get(action=Action.REQUESTED, reason=REASON).detail == {"kind": "admin"}


def test_when_the_hour_is_over_it_is_no_longer_said(ada: Any) -> None:
    bombed(ada.email)
    LimitCounter.objects.update(window_ends_at=timezone.now() - timedelta(seconds=1))
    assert resets.held_up([ada]) == {}


def test_whoever_may_send_nothing_is_not_told(ada: Any) -> None:
    bombed(ada.email)
    assert SAID not in staff("auth.view_user").get(page_of(ada)).content.decode()
    assert SAID in staff("auth.view_user", "recovery.activate").get(page_of(ada)).content.decode()


def test_of_many_people_each_is_told_apart_and_their_counters_are_read_at_once() -> None:
    people: list[Any] = [UserFactory.create() for _ in range(20)]
    sharing: Any = UserFactory.create(email=people[0].email)
    bombed(people[0].email)
    bombed(people[1].username)
    page = posted(staff(*RIGHTS), USERS, page_of(people[0]), **ticked(*people, sharing)).content.decode()
    assert page.count(SAID) == 3
    with statements() as found:
        held = resets.held_up(people)
    assert sum("recovery_limitcounter" in text for text in found.texts) == 1
    assert set(held) == {str(people[0].pk), str(people[1].pk)}


def test_an_activation_link_passes_it_too_and_says_so(ada: Any) -> None:
    user = invited()
    bombed(user.email)
    client = staff("auth.view_user", "recovery.activate")
    path = f"{USERS}{user.pk}/send-activation-link/"
    assert SAID in client.get(path).content.decode()
    posted(client, path, reason=REASON)
    assert ResetRequest.objects.get(reason=REASON).kind == Kind.ACTIVATION
    assert AuditEvent.objects.get(action=Action.REQUESTED, reason=REASON).detail == {
        "kind": "activation",
        "passed": ["address"],
    }
