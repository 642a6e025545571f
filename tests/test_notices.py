"""Mail after a security event: to every verified address, with no link that changes anything and no other address."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from recovery import delivery, notices, outbox
from recovery.models import Email, ResetRequest
from recovery.origin import Origin
from recovery.reasons import EmailKind
from tests.asking import FIREFOX, ask, asked, browser
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

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
        assert "192.0.2.77" not in text
        links = set(re.findall(r"https?://[^\s\"<]+", text))
        assert links <= {"https://library.example/recovery/forgot/"}


def test_a_notice_speaks_the_language_of_the_request() -> None:
    user = UserFactory.create()
    [message] = sent(changed(user, request=request_of(user, "de"), origin=ORIGIN))
    assert "Passwort" in message.subject


def test_of_a_changed_address_the_old_and_the_new_one_are_told_and_neither_of_the_other() -> None:
    user = UserFactory.create(email="new@example.com")
    emails = notices.address_changed(user, old="old@example.org", new="new@example.com")
    first, second = sent(emails)
    assert (first.to, second.to) == (["old@example.org"], ["new@example.com"])
    assert not any("new@example.com" in text for text in texts(first))
    assert not any("old@example.org" in text for text in texts(second))
    assert [email.context["old"] for email in emails] == [True, False]


@pytest.mark.parametrize(("old", "new", "told"), [("", "new@example.com", 1), ("old@example.org", "", 1), ("", "", 0)])
def test_an_address_that_is_none_is_not_mailed(old: str, new: str, told: int) -> None:
    emails = notices.address_changed(UserFactory.create(), old=old, new=new)
    assert len(emails) == told
    assert {email.kind for email in emails} <= {EmailKind.ADDRESS_CHANGED}
