"""A notice comes, its reader says "this was not me", and the thief is out: each kind of notice, by the public doors."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from recovery import notices, resets
from recovery.models import AuditEvent, Email, Objection, Rotation, SupportCase
from recovery.origin import Origin
from recovery.reasons import Action, CaseReason, EmailKind, Outcome, RotationSource
from tests.asking import NEW_PASSWORD, ask, browser, follow, links, set_password, work
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import let_pass, mailed_link, trail
from tests.ladder import BACKUPS, added, signed_in, with_backup
from tests.objecting import DONE, THIEF, link_in, newest_to, opened, says_so
from tests.signing_in import SIGN_IN

pytestmark = pytest.mark.django_db(transaction=True)

SPARE = "spare@example.net"


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


def a_thief_signs_in(user: Any) -> None:
    for client in (browser(), browser(REMOTE_ADDR=THIEF.ip)):
        assert client.post(SIGN_IN, {"username": user.username, "password": PASSWORD}).status_code == 302


def the_site_is_suspicious(user: Any) -> None:
    notices.suspicious_sign_in(user, origin=THIEF, detail="Lima and Berlin within an hour.")


def a_thief_guesses(user: Any) -> None:
    for number in range(6):
        browser(REMOTE_ADDR=THIEF.ip).post(SIGN_IN, {"username": user.username, "password": f"guess {number}"})


def a_thief_resets(user: Any) -> None:
    client = browser()
    set_password(client, follow(client, mailed_link(user)), "the thief's own password")


def a_thief_adds_an_address(user: Any) -> None:
    added(signed_in(user), "thief@example.net")


WAYS: dict[str, Callable[[Any], None]] = {
    EmailKind.NEW_DEVICE: a_thief_signs_in,
    EmailKind.SUSPICIOUS_SIGN_IN: the_site_is_suspicious,
    EmailKind.LOCKED: a_thief_guesses,
    EmailKind.PASSWORD_CHANGED: a_thief_resets,
    EmailKind.BACKUP_CHANGED: a_thief_adds_an_address,
}


@pytest.mark.parametrize("kind", WAYS)
def test_over_each_kind_of_notice_the_owner_ends_all_access_and_gets_in_again(user: Any, kind: str) -> None:
    WAYS[kind](user)
    user.refresh_from_db()
    thief = signed_in(user)
    assert thief.get(BACKUPS).status_code == 200
    notice = newest_to(user.email)
    assert Email.objects.filter(kind=kind, recipient=user.email).exists()

    assert says_so(notice).url == f"{DONE}rotated"
    letter = newest_to(user.email)
    user.refresh_from_db()
    assert not user.has_usable_password()
    assert thief.get(BACKUPS).status_code == 302

    client = browser()
    [link] = links(letter)
    assert set_password(client, follow(client, link)).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert [row["end"] for row in trail(Action.OBJECTED)] == ["rotated"]


@pytest.mark.parametrize("kind", WAYS)
def test_the_password_outlives_an_opened_link_and_a_wrong_code(user: Any, kind: str) -> None:
    WAYS[kind](user)
    user.refresh_from_db()
    before = user.password
    answer = says_so(newest_to(user.email), "12345678")
    assert "That is not the code of this mail" in answer.content.decode()
    newest_to(user.email)
    user.refresh_from_db()
    assert user.password == before
    assert not Rotation.objects.exists()


def test_support_finds_what_is_known_and_who_started_it(user: Any) -> None:
    a_thief_signs_in(user)
    says_so(newest_to(user.email))
    rotation = Rotation.objects.get()
    assert (rotation.source, rotation.actor_key) == (RotationSource.PERSON, "")
    assert "sign-in from a new device" in rotation.reason
    assert "Answered over a main address" in rotation.evidence
    case = SupportCase.objects.get()
    assert (case.reason, case.user_key) == (CaseReason.COMPROMISED, str(user.pk))
    said = rotation.reason + rotation.evidence
    assert user.email not in said
    assert user.username not in said
    assert THIEF.ip not in said


def test_of_two_notices_the_second_says_that_it_is_done(user: Any) -> None:
    a_thief_signs_in(user)
    first = newest_to(user.email)
    the_site_is_suspicious(user)
    second = newest_to(user.email)
    assert says_so(first).url == f"{DONE}rotated"
    assert says_so(second).url == f"{DONE}already"
    assert Rotation.objects.count() == 1
    assert "done already" in browser().get(f"{DONE}already").content.decode()


def test_what_happens_after_the_new_password_is_news_again(user: Any) -> None:
    a_thief_signs_in(user)
    says_so(newest_to(user.email))
    client = browser()
    set_password(client, follow(client, links(newest_to(user.email))[0]))
    notice = newest_to(user.email)
    assert "was changed" in notice.subject
    assert says_so(notice).url == f"{DONE}rotated"
    assert Rotation.objects.count() == 2


def test_the_reader_of_a_backup_address_starts_it_and_gets_no_link(user: Any) -> None:
    """What that gives an attacker is a denial: the link goes to the main address."""
    with_backup(user, SPARE)
    a_thief_signs_in(user)
    assert says_so(newest_to(SPARE)).url == f"{DONE}rotated"
    assert len(links(newest_to(user.email))) == 1
    told = newest_to(SPARE)
    assert "no longer works" in told.subject
    assert links(told) == []
    assert [row["by_backup"] for row in trail(Action.OBJECTED)] == [True]
    for hidden in (user.email, THIEF.ip):
        assert hidden not in str([message.body for message in mail.outbox if message.to == [SPARE]])


def changes_address(user: Any, new: str) -> None:
    """As a site's own form does."""
    old, user.email = user.email, new
    user.save()
    resets.address_changed(user, old=old, new=new, origin=THIEF)


@pytest.mark.attack(43)
def test_whoever_has_the_former_address_stops_all_links_until_support_has_decided(user: Any) -> None:
    old, new = user.email, "thief@example.net"
    changes_address(user, new)
    with pytest.raises(ValueError, match="not enough values"):
        link_in(newest_to(new))
    answer = says_so(newest_to(old))
    assert answer.url == f"{DONE}disputed"
    newest_to(new)
    user.refresh_from_db()
    assert not user.has_usable_password()
    before = len(mail.outbox)
    ask(browser(), new)
    assert work() == [Outcome.DISPUTED]
    assert len(mail.outbox) == before

    staff = StaffFactory.create()
    user.email = old
    user.save()
    resets.address_changed(user, old=new, new=old, actor=staff, reason="she proved who she is")
    resets.send_by_staff(user, actor=staff, reason="she proved who she is", origin=Origin())
    assert work() == [Outcome.SENT]
    client = browser()
    [link] = links(mail.outbox[-1])
    assert set_password(client, follow(client, link)).status_code == 302
    let_pass(timedelta(minutes=2))
    ask(browser(), old)
    assert work() == [Outcome.SENT]


def test_the_page_of_the_form_says_what_it_is_about_and_nothing_of_the_person(user: Any) -> None:
    a_thief_signs_in(user)
    client, form = opened(link_in(newest_to(user.email)))
    page = client.get(form).content.decode()
    assert "sign-in from a new device" in page
    for hidden in (user.email, user.username, THIEF.ip):
        assert hidden not in page
    assert Objection.objects.get().open_count == 1
    assert AuditEvent.objects.filter(action=Action.OBJECTION_OPENED).count() == 1
