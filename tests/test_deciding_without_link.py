"""The two mails that carry no link: sign-in elsewhere, and an address that nobody stored."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from recovery.models import Email, ResetToken
from recovery.reasons import EmailKind, Gate, Outcome
from tests.asking import ask, asked, browser, links, recipients, work
from tests.factories import UserFactory
from tests.following import let_pass
from tests.gates import CLOSED_BY, asks, unknown

pytestmark = pytest.mark.django_db


class TestWithoutAPasswordHere:
    """People who sign in elsewhere are told so, where the site names the way."""

    def test_they_are_told_where_and_get_no_link(self) -> None:
        user = UserFactory.create(password=None)
        asks(user)
        [message] = mail.outbox
        assert message.to == [user.email]
        assert "the city card" in message.body
        assert not links(message)
        assert Email.objects.get().kind == EmailKind.NO_PASSWORD
        assert not ResetToken.objects.exists()

    def test_without_a_named_way_they_get_no_mail(self, settings: Any) -> None:
        settings.RECOVERY = {**settings.RECOVERY, "NO_PASSWORD_SIGN_IN": None}
        asks(UserFactory.create(password=None))
        assert asked().outcome == Outcome.NO_PASSWORD
        assert not mail.outbox

    def test_their_inbox_has_the_accounts_cap(self) -> None:
        user = UserFactory.create(password=None)
        for _ in range(8):
            asks(user)
        assert recipients() == [user.email] * 5

    @pytest.mark.parametrize("facts", [{"is_active": False}, {"email": ""}])
    def test_inactive_and_unreachable_people_get_none(self, facts: dict[str, Any]) -> None:
        asks(UserFactory.create(password=None, **facts))
        assert not mail.outbox

    def test_an_unverified_address_gets_none(self) -> None:
        user = UserFactory.create(password=None)
        EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
        asks(user)
        assert not mail.outbox


class TestUnknownAddresses:
    """The one mail to an address that nobody stored."""

    def test_by_default_there_is_none(self) -> None:
        unknown()
        assert asked().outcome == Outcome.NO_ACCOUNT
        assert not mail.outbox
        assert not Email.objects.exists()

    @pytest.fixture
    def told(self, settings: Any) -> None:
        settings.RECOVERY = {**settings.RECOVERY, "UNKNOWN_ACCOUNT_MAIL": True}

    @pytest.mark.usefixtures("told")
    def test_where_the_site_wants_it_one_goes_out_without_a_word_of_the_askers(self) -> None:
        client = browser(HTTP_USER_AGENT="Buy at https://spam.example Firefox", HTTP_REFERER="https://spam.example/")
        client.post("/recovery/forgot/", {"identifier": "win.spam@example.com", "next": "/spam/"})
        work()
        assert recipients() == ["win.spam@example.com"]
        [message] = mail.outbox
        assert "spam" not in message.subject + message.body + message.alternatives[0][0]
        assert not links(message)
        assert Email.objects.get().kind == EmailKind.UNKNOWN_ACCOUNT

    @pytest.mark.usefixtures("told")
    def test_one_a_day_in_whatever_spelling(self) -> None:
        for number, spelling in enumerate(["nobody@example.com", "NOBODY@example.com", " nobody@Example.com"]):
            ask(browser(REMOTE_ADDR=f"192.0.2.{number}"), spelling)
            work()
        assert recipients() == ["nobody@example.com"]
        let_pass(timedelta(hours=24))
        unknown()
        assert len(mail.outbox) == 2

    @pytest.mark.usefixtures("told")
    @pytest.mark.parametrize("typed", ["nobody", "a@b", "nobody@", "a b@example.com", "a@b@c.example", '"x y"@ex', "@"])
    def test_what_is_no_address_gets_none(self, typed: str) -> None:
        ask(browser(), typed)
        work()
        assert not mail.outbox

    @pytest.mark.usefixtures("told")
    @pytest.mark.parametrize("gate", [Gate.ACTIVE, Gate.VERIFIED_ADDRESS], ids=lambda gate: gate.value)
    def test_an_account_that_may_not_be_mailed_is_not_called_unknown(self, gate: Gate) -> None:
        user = CLOSED_BY[gate][0]()
        ask(browser(), user.email)
        work()
        assert not mail.outbox

    @pytest.mark.usefixtures("told")
    def test_a_throttled_ask_gets_none(self, settings: Any) -> None:
        settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"source": (0, timedelta(hours=1))}}
        unknown()
        assert asked().outcome == Outcome.THROTTLED
        assert not mail.outbox
