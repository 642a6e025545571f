"""What a worker decides: every gate, every outcome, caps, and the two mails that carry no link."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail

from recovery import resets
from recovery.exceptions import NotAllowed
from recovery.models import AuditEvent, Decision, Email, ResetRequest, ResetToken
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, EmailState, Gate, Kind, Outcome, TokenState
from recovery.sweep import sweep
from tests.asking import ask, asked, browser, follow, links, recipients, set_password, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass

pytestmark = pytest.mark.django_db

OFFICE = Origin(ip="192.0.2.77", user_agent="Firefox", language="en")


def asks(user: Any) -> None:
    """Somebody asks for the account, now by address, now by name, from a place that never asked before: no limit
    of the page is reached before the account's own."""
    count = ResetRequest.objects.count()
    ask(browser(REMOTE_ADDR=f"198.51.{count}.1"), user.email if user.email and count % 2 else user.username)
    work()


def unverified() -> Any:
    user = UserFactory.create()
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    return user


def mailed_before() -> Any:
    user = UserFactory.create()
    asks(user)
    return user


def mailed_often() -> Any:
    user = UserFactory.create()
    for _ in range(5):
        asks(user)
        let_a_minute_pass()
    return user


def let_a_minute_pass() -> None:
    """The cool-down ends, the hour of the cap goes on."""
    past = timedelta(seconds=61)
    for token in ResetToken.objects.all():
        ResetToken.objects.filter(pk=token.pk).update(issued_at=token.issued_at - past)


CLOSED_BY: dict[Gate, tuple[Callable[[], Any], Outcome]] = {
    Gate.ACTIVE: (lambda: UserFactory.create(is_active=False), Outcome.INACTIVE),
    Gate.HAS_PASSWORD: (lambda: UserFactory.create(password=None), Outcome.NO_PASSWORD),
    Gate.HAS_ADDRESS: (lambda: UserFactory.create(email=""), Outcome.NO_ADDRESS),
    Gate.VERIFIED_ADDRESS: (unverified, Outcome.UNVERIFIED_ADDRESS),
    Gate.COOLDOWN: (mailed_before, Outcome.COOLDOWN),
    Gate.ACCOUNT_LIMIT: (mailed_often, Outcome.THROTTLED),
}


@pytest.mark.parametrize("gate", Gate)
def test_a_closed_gate_ends_the_walk_and_is_written_down(gate: Gate) -> None:
    make, outcome = CLOSED_BY[gate]
    user = make()
    links_before = ResetToken.objects.count()
    asks(user)
    decision = asked().decisions.get()
    assert (decision.outcome, asked().outcome) == (outcome, outcome)
    assert decision.user_key == str(user.pk)
    walked = list(Gate)[: list(Gate).index(gate) + 1]
    assert [step["gate"] for step in decision.gates] == [word.value for word in walked]
    assert [step["open"] for step in decision.gates] == [True] * (len(walked) - 1) + [False]
    assert decision.closed_gate == {"gate": gate.value, "open": False}
    assert ResetToken.objects.count() == links_before
    assert not Email.objects.filter(request=asked(), kind=EmailKind.RESET).exists()


def test_with_all_gates_open_there_is_a_link_and_a_mail() -> None:
    user = UserFactory.create()
    asks(user)
    decision = asked().decisions.get()
    assert [step["gate"] for step in decision.gates] == [gate.value for gate in Gate]
    assert decision.closed_gate is None
    assert decision.address == user.email
    token = ResetToken.objects.get()
    assert (token.address, token.user_key, token.state) == (user.email, str(user.pk), TokenState.LIVE)
    email = Email.objects.get()
    assert (email.recipient, email.state, email.user_key) == (user.email, EmailState.HANDED_OVER, str(user.pk))


def nobody_worked() -> None:
    ask(browser(), "ada@example.com")


def some_of_them() -> None:
    UserFactory.create(email="family@example.com")
    UserFactory.create(email="family@example.com", is_active=False)
    ask(browser(), "family@example.com")
    work()


def too_late() -> None:
    ask(browser(), UserFactory.create().email)
    let_pass(timedelta(minutes=31))
    sweep()


def to_the_end() -> None:
    client = browser()
    ask(client, UserFactory.create().email)
    work()
    assert set_password(client, follow(client, links(mail.outbox[0])[0])).status_code == 302


def unknown() -> None:
    ask(browser(), "nobody@example.com")
    work()


def of(gate: Gate) -> Callable[[], None]:
    return lambda: asks(CLOSED_BY[gate][0]())


STORIES: dict[Outcome, Callable[[], None]] = {
    Outcome.RECEIVED: nobody_worked,
    Outcome.SENT: lambda: asks(UserFactory.create()),
    Outcome.PARTLY_SENT: some_of_them,
    Outcome.THROTTLED: of(Gate.ACCOUNT_LIMIT),
    Outcome.NO_ACCOUNT: unknown,
    Outcome.INACTIVE: of(Gate.ACTIVE),
    Outcome.NO_PASSWORD: of(Gate.HAS_PASSWORD),
    Outcome.UNVERIFIED_ADDRESS: of(Gate.VERIFIED_ADDRESS),
    Outcome.NO_ADDRESS: of(Gate.HAS_ADDRESS),
    Outcome.COOLDOWN: of(Gate.COOLDOWN),
    Outcome.EXPIRED: too_late,
    Outcome.COMPLETED: to_the_end,
}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_about_and_is_on_the_trail(outcome: Outcome) -> None:
    STORIES[outcome]()
    request = asked()
    assert request.outcome == outcome
    words = {event.detail.get("outcome") for event in AuditEvent.objects.filter(request_id=request.pk)}
    decided = Outcome.SENT if outcome == Outcome.COMPLETED else outcome
    assert decided in words
    assert (request.decided_at is None) == (outcome == Outcome.RECEIVED)
    if outcome not in {Outcome.RECEIVED, Outcome.EXPIRED}:
        assert request.decisions.exists()


def test_a_request_is_decided_once_however_often_it_is_rung_for() -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    assert resets.fulfil(asked().pk) == Outcome.SENT
    assert [resets.fulfil(asked().pk) for _ in range(3)] == [None] * 3
    assert recipients() == [user.email]
    assert Decision.objects.count() == AuditEvent.objects.filter(action=Action.DECIDED).count() == 1


@pytest.mark.parametrize("sweep_first", [True, False], ids=["the sweep comes first", "a late worker comes first"])
def test_what_came_too_late_is_not_decided_any_more(sweep_first: bool) -> None:
    ask(browser(), UserFactory.create().email)
    let_pass(timedelta(minutes=31))
    assert (sweep().expired if sweep_first else work()) == (1 if sweep_first else [Outcome.EXPIRED])
    assert asked().outcome == Outcome.EXPIRED
    assert work() == []
    assert not mail.outbox
    assert not ResetToken.objects.exists()


def test_within_the_cool_down_the_first_link_stands_and_is_not_doubled() -> None:
    user = mailed_before()
    asks(user)
    assert [token.state for token in ResetToken.objects.all()] == [TokenState.LIVE]
    assert recipients() == [user.email]


def test_after_the_cool_down_the_newer_link_replaces_the_older() -> None:
    user = mailed_before()
    let_a_minute_pass()
    asks(user)
    assert [token.state for token in ResetToken.objects.order_by("issued_at")] == [TokenState.REPLACED, TokenState.LIVE]
    assert recipients() == [user.email] * 2


def test_past_the_accounts_cap_the_last_link_lives() -> None:
    user = mailed_often()
    for _ in range(3):
        asks(user)
        assert asked().outcome == Outcome.THROTTLED
        let_a_minute_pass()
    assert recipients() == [user.email] * 5
    client = browser()
    assert set_password(client, follow(client, links(mail.outbox[-1])[0])).status_code == 302
    user.refresh_from_db()
    assert not user.check_password("correct horse battery staple")


def test_after_the_hour_of_the_cap_links_are_issued_again() -> None:
    user = mailed_often()
    let_pass(timedelta(hours=1))
    asks(user)
    assert asked().outcome == Outcome.SENT


def test_a_used_link_opens_no_cool_down_for_the_next() -> None:
    user = UserFactory.create()
    client = browser()
    ask(client, user.email)
    work()
    set_password(client, follow(client, links(mail.outbox[0])[0]))
    asks(user)
    assert asked().outcome == Outcome.SENT


def staff_sends(user: Any, staff: Any) -> ResetRequest:
    request = resets.send_by_staff(user, actor=staff, reason="on the phone", origin=OFFICE)
    work()
    request.refresh_from_db()
    return request


@pytest.mark.parametrize("before", [mailed_before, mailed_often])
def test_staff_pass_the_cool_down_and_the_cap(before: Callable[[], Any]) -> None:
    user, staff = before(), StaffFactory.create()
    count = len(mail.outbox)
    asks(user)
    assert asked().outcome in {Outcome.COOLDOWN, Outcome.THROTTLED}
    request = staff_sends(user, staff)
    assert (request.kind, request.outcome) == (Kind.ADMIN, Outcome.SENT)
    assert recipients()[count:] == [user.email]
    assert "support team" in mail.outbox[-1].body


@pytest.mark.parametrize(
    "gate", [Gate.ACTIVE, Gate.HAS_PASSWORD, Gate.HAS_ADDRESS, Gate.VERIFIED_ADDRESS], ids=lambda gate: gate.value
)
def test_staff_pass_no_other_gate(gate: Gate) -> None:
    make, outcome = CLOSED_BY[gate]
    assert staff_sends(make(), StaffFactory.create()).outcome == outcome
    assert not Email.objects.filter(kind=EmailKind.RESET).exists()


def test_staff_have_a_cap_of_their_own_and_the_refusal_is_on_the_trail(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (2, timedelta(hours=1))}}
    user, staff = UserFactory.create(), StaffFactory.create()
    for _ in range(2):
        assert staff_sends(user, staff).outcome == Outcome.SENT
    with pytest.raises(NotAllowed):
        staff_sends(user, staff)
    assert staff_sends(user, StaffFactory.create()).outcome == Outcome.SENT
    refused = AuditEvent.objects.get(action=Action.STAFF_REFUSED)
    assert (refused.actor_key, refused.user_key, refused.reason) == (str(staff.pk), str(user.pk), "on the phone")


def never(actor: Any, user: Any) -> bool:
    return False


def test_out_of_an_agents_scope_nothing_is_asked_for(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": "tests.test_deciding.never"}
    with pytest.raises(NotAllowed):
        staff_sends(UserFactory.create(), StaffFactory.create())
    assert not ResetRequest.objects.exists()
    assert AuditEvent.objects.get().action == Action.STAFF_REFUSED


def test_a_person_that_staff_chose_and_that_is_gone_is_no_account() -> None:
    user = UserFactory.create()
    request = resets.send_by_staff(user, actor=StaffFactory.create(), reason="", origin=OFFICE)
    get_user_model().objects.filter(pk=user.pk).delete()
    work()
    request.refresh_from_db()
    assert request.outcome == Outcome.NO_ACCOUNT


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
