"""Mail after a change: to every address that may be mailed, with no link that changes anything and no other address."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from recovery import delivery, notices, outbox, resets, suppressions
from recovery.models import AuditEvent, Email, ResetRequest
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, EmailReason, EmailState
from tests.asking import FIREFOX, ask, asked, browser
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import is_unchanged, mailed_link, trail, works
from tests.ladder import BACKUPS, added, signed_in, with_backup
from tests.objecting import THIEF, newest_to, subjects_to

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = Origin(ip="192.0.2.77", user_agent=FIREFOX["HTTP_USER_AGENT"], language="en")


def changed(user: Any, *, request: ResetRequest, origin: Origin) -> list[Email]:
    emails = notices.password_changed(user, request=request, origin=origin)
    outbox.write(emails)
    return emails


def sent(emails: list[Email]) -> list[Any]:
    for email in emails:
        delivery.deliver(email.pk)
    return mail.outbox


def texts(message: Any) -> list[str]:
    return [message.subject, message.body, *[str(part.content) for part in message.alternatives]]


def request_of(user: Any, language: str = "en") -> ResetRequest:
    ask(browser(HTTP_ACCEPT_LANGUAGE=language), user.email)
    return asked()


def test_every_verified_address_is_told_of_a_new_password_and_no_other() -> None:
    user = UserFactory.create()
    for address, verified in (
        ("first@example.com", True),
        ("second@example.com", True),
        ("unproven@example.com", False),
    ):
        EmailAddress.objects.create(user=user, email=address, verified=verified, primary=address.startswith("first"))
    emails = changed(user, request=request_of(user), origin=ORIGIN)
    assert [message.to for message in sent(emails)] == [["first@example.com"], ["second@example.com"]]


def test_an_account_without_an_address_is_told_nothing() -> None:
    user = UserFactory.create()
    request = request_of(user)
    user.email = ""
    assert changed(user, request=request, origin=ORIGIN) == []


def test_a_notice_says_what_with_whose_and_has_no_link_that_changes_anything() -> None:
    user = UserFactory.create()
    [message] = sent(changed(user, request=request_of(user), origin=ORIGIN))
    for text in texts(message)[1:]:
        assert user.username in text
        assert "Firefox (Linux)" in text
        assert "192.0.2.77" in text
        [link] = set(re.findall(r"https?://[^\s\"<]+", text))
        assert link.startswith("https://library.example/recovery/not-me/")
        browser().get(link.removeprefix("https://library.example"), follow=True)
    assert is_unchanged(user)


def test_a_notice_speaks_the_language_of_its_owner_and_not_of_the_request(settings: Any) -> None:
    user = UserFactory.create()
    settings.RECOVERY = {**settings.RECOVERY, "LANGUAGE_OF": f"{__name__}.german"}
    [message] = sent(changed(user, request=request_of(user, "fr"), origin=ORIGIN))
    assert "Passwort" in message.subject


def german(user: Any) -> str:
    return "de"


def test_of_a_changed_address_the_old_and_the_new_one_are_told_and_neither_of_the_other() -> None:
    user = UserFactory.create(email="new@example.com")
    emails = notices.address_changed(user, old="old@example.org", new="new@example.com")
    first, second = sent(emails)
    assert (first.to, second.to) == (["old@example.org"], ["new@example.com"])
    assert "/not-me/" in first.body
    assert "/not-me/" not in second.body
    assert not any("new@example.com" in text for text in texts(first))
    assert not any("old@example.org" in text for text in texts(second))
    assert [email.context["old"] for email in emails] == [True, False]


@pytest.mark.parametrize(("old", "new", "told"), [("", "new@example.com", 1), ("old@example.org", "", 1), ("", "", 0)])
def test_an_address_that_is_none_is_not_mailed(old: str, new: str, told: int) -> None:
    emails = notices.address_changed(UserFactory.create(email=new), old=old, new=new)
    assert len(emails) == told
    assert {email.kind for email in emails} <= {EmailKind.ADDRESS_CHANGED}


SPARE = "spare@example.net"


def test_a_change_by_the_persons_own_form_is_told_to_all_ends_links_and_is_on_the_trail() -> None:
    user = UserFactory.create(email="old@example.org")
    with_backup(user, SPARE)
    link = mailed_link(user)
    EmailAddress.objects.create(user=user, email="new@example.com", verified=True, primary=True)
    EmailAddress.objects.create(user=user, email="second@example.com", verified=True)
    assert resets.address_changed(user, old="old@example.org", new="new@example.com", origin=THIEF) == 1
    for address, is_asked in (
        ("old@example.org", True), ("new@example.com", False), ("second@example.com", True), (SPARE, True)
    ):  # fmt: skip
        text = newest_to(address).body
        assert "was changed" in text
        assert "Firefox (Linux)" in text
        assert ("/not-me/" in text) is is_asked, address
        others = {"old@example.org", "new@example.com", "second@example.com", SPARE} - {address}
        assert not [other for other in others if other in text]
        assert (THIEF.ip in text) == (address == "second@example.com")
    assert not works(link, user)
    [event] = AuditEvent.objects.filter(action=Action.ADDRESS_CHANGED)
    assert (event.actor_key, event.detail) == ("", {"links_ended": 1, "told": 4})


def test_a_change_by_staff_names_who_and_why() -> None:
    user, staff = UserFactory.create(email="new@example.com"), StaffFactory.create()
    resets.address_changed(user, old="old@example.org", new="new@example.com", actor=staff, reason="typo")
    [event] = AuditEvent.objects.filter(action=Action.ADDRESS_CHANGED)
    assert (event.actor_key, event.reason) == (str(staff.pk), "typo")


def test_the_other_backup_addresses_are_told_of_one_that_comes_and_one_that_goes() -> None:
    user = UserFactory.create()
    first, second = with_backup(user, SPARE), with_backup(user, "second@example.net")
    client = signed_in(user)
    added(client, "third@example.net")
    assert {message.to[0] for message in mail.outbox if "was added" in message.subject} == {
        user.email, SPARE, "second@example.net",
    }  # fmt: skip
    mail.outbox.clear()
    client.post(f"{BACKUPS}{first.pk}/remove/", {"password": PASSWORD})
    assert "/not-me/" in newest_to(user.email).body
    assert "/not-me/" in newest_to(second.address).body
    told = newest_to(SPARE)
    assert "No more mail of that account comes here" in told.body
    assert "/not-me/" not in told.body
    assert subjects_to("third@example.net") == []


def test_a_backup_address_that_was_never_usable_hears_nothing_of_its_end() -> None:
    user = UserFactory.create()
    fresh = with_backup(user, SPARE, waited=False)
    signed_in(user).post(f"{BACKUPS}{fresh.pk}/remove/", {"password": PASSWORD})
    assert subjects_to(SPARE) == []
    assert [row["told"] for row in trail(Action.BACKUP_REMOVED)] == [1]


def test_a_backup_address_that_is_also_a_main_one_gets_one_copy() -> None:
    user = UserFactory.create()
    with_backup(user, SPARE)
    EmailAddress.objects.create(user=user, email=SPARE.upper(), verified=True, primary=True)
    EmailAddress.objects.create(user=user, email=user.email, verified=True)
    emails = notices.new_device(user, origin=THIEF)
    assert [email.recipient for email in emails] == [SPARE.upper(), user.email]


def test_an_address_to_which_mail_came_back_gets_no_copy_and_the_log_says_why() -> None:
    user = UserFactory.create()
    with_backup(user, SPARE)
    suppressions.add(user.email, reason="bounced", source="postmark")
    notices.new_device(user, origin=THIEF)
    assert subjects_to(user.email) == []
    assert len(subjects_to(SPARE)) == 1
    withheld = Email.objects.get(kind=EmailKind.NEW_DEVICE, recipient=user.email)
    assert (withheld.state, withheld.reason) == (EmailState.WITHHELD, EmailReason.SUPPRESSED)


@pytest.mark.attack(42)
def test_of_a_takeover_an_address_hears_that_did_not_get_the_link() -> None:
    user = UserFactory.create()
    with_backup(user, SPARE)
    assert works(mailed_link(user), user)
    told = newest_to(SPARE)
    assert "was changed" in told.subject
    assert "help@riverside-library.example" in told.body
    assert [url for url in re.findall(r"https?://\S+", told.body) if "/not-me/" not in url] == []
    assert "was changed" in newest_to(user.email).subject
