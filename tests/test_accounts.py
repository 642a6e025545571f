"""Whose account is meant: other user models, twins, shared boxes, allauth's addresses, a site's own rule."""

import json
import uuid
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import call_command
from django.db.models.signals import post_save

from recovery import accounts
from recovery.accounts import Account, Address
from recovery.models import Decision, ResetToken
from recovery.reasons import Outcome
from tests.asking import NEW_PASSWORD, ask, asked, browser, follow, links, recipients, set_password, statements, work
from tests.factories import PASSWORD, UserFactory
from tests.people.models import Badge, Caller, Customer, Member, Subscriber, Tenant

pytestmark = pytest.mark.django_db

PEOPLE: dict[Any, dict[str, Any]] = {
    Member: {"login": "amelie", "contact": "amelie@example.com"},
    Tenant: {"house": 7, "flat": "3b", "name": "amelie", "email": "amelie@example.com"},
    Subscriber: {"email": "amelie@example.com"},
}
NAMES = [(Member, "amelie"), (Member, "amelie@example.com"), (Member, "AMELIE@EXAMPLE.COM"), (Tenant, "amelie"),
         (Tenant, "Amelie@example.com"), (Subscriber, "amelie@example.com")]  # fmt: skip


def live_with(settings: Any, model: Any) -> None:
    """A site whose users are ``model``; allauth's rows point at Django's own."""
    settings.AUTH_USER_MODEL = model._meta.label
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if not app.startswith("allauth")]
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("allauth")]


def made(model: Any, **facts: Any) -> Any:
    user = model(**{**PEOPLE.get(model, {}), **facts})
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.mark.parametrize(("model", "name"), NAMES)
def test_any_user_model_gets_its_link_and_its_new_password(settings: Any, model: Any, name: str) -> None:
    live_with(settings, model)
    user = made(model)
    client = browser()
    ask(client, name)
    work()
    assert recipients() == ["amelie@example.com"]
    form = follow(client, links(mail.outbox[0])[0])
    assert user.get_username() in client.get(form).content.decode()
    assert set_password(client, form).status_code == 302
    work()
    user = model.objects.get(pk=user.pk)
    assert user.check_password(NEW_PASSWORD)
    assert ResetToken.objects.get().user_key == accounts.key_of(user)
    assert accounts.by_key(accounts.key_of(user)) == user


@pytest.mark.parametrize("model", PEOPLE)
def test_an_inactive_person_of_any_user_model_is_not_mailed(settings: Any, model: Any) -> None:
    live_with(settings, model)
    made(model, is_active=False)
    ask(browser(), "amelie@example.com")
    work()
    assert asked().outcome == Outcome.INACTIVE
    assert not mail.outbox


@pytest.mark.parametrize(("model", "value"), [(Customer, 4213), (Badge, uuid.UUID(int=4213))])
@pytest.mark.parametrize("typed", ["abcdef", "9" * 60, "4e400", ""])
def test_where_names_are_numbers_anything_may_be_asked_for(
    settings: Any, model: Any, value: Any, typed: str, capsys: Any
) -> None:
    live_with(settings, model)
    made(model, **{model.USERNAME_FIELD: value})
    ask(browser(), typed or str(value))
    work()
    assert asked().outcome == (Outcome.NO_ACCOUNT if typed else Outcome.NO_ADDRESS)
    with pytest.raises(SystemExit):
        call_command("recovery_diagnose", typed or str(value), json=True)
    assert json.loads(capsys.readouterr().out)["leading"]["code"] == ("unknown_account" if typed else "no_address")


@pytest.mark.parametrize("model", [Customer, Badge])
def test_nobody_is_looked_for_in_vain(settings: Any, model: Any, django_assert_num_queries: Any) -> None:
    live_with(settings, model)
    with django_assert_num_queries(0):
        assert accounts.find("abcdef") == []


def test_a_user_model_without_addresses_has_nobody_to_mail(settings: Any) -> None:
    live_with(settings, Caller)
    made(Caller, phone="+49 30 1234")
    ask(browser(), "+49 30 1234")
    work()
    assert asked().outcome == Outcome.NO_ADDRESS


def test_a_composite_key_travels_as_a_list_and_comes_back(settings: Any) -> None:
    live_with(settings, Tenant)
    user = made(Tenant)
    key = accounts.key_of(user)
    assert json.loads(key) == ["7", "3b"]
    assert accounts.by_key(key) == user
    for strange in ("", "[]", "7", '["7"]', '["x", "y"]', "null", "{"):
        assert accounts.by_key(strange) is None, strange


@pytest.mark.parametrize("key", ["", "0", "-1", "x", "9" * 30, "1.5", "[1]", "\x31\u0661"])
def test_a_key_of_nobody_is_nobody(key: str) -> None:
    UserFactory.create()
    assert accounts.by_key(key) is None


def test_several_accounts_on_one_address_are_one_mail_with_a_link_each() -> None:
    family = UserFactory.create_batch(3, email="family@example.com")
    ask(browser(), "family@example.com")
    work()
    [message] = mail.outbox
    assert len(set(links(message))) == 3
    assert all(member.username in message.body for member in family)
    assert asked().outcome == Outcome.SENT
    client = browser()
    assert set_password(client, follow(client, links(message)[1])).status_code == 302
    changed = [get_user_model().objects.get(pk=member.pk).check_password(NEW_PASSWORD) for member in family]
    assert changed.count(True) == 1


def test_a_name_that_is_anothers_address_leads_each_to_their_own_box() -> None:
    owner = UserFactory.create(email="ada@example.com")
    squatter = UserFactory.create(username="ada@example.com", email="squatter@example.com")
    ask(browser(), "ada@example.com")
    work()
    assert recipients() == [owner.email, squatter.email]
    for user, message in zip((owner, squatter), mail.outbox, strict=True):
        [link] = links(message)
        assert ResetToken.objects.get(selector=link.split("/")[3]).user_key == str(user.pk)


@pytest.mark.parametrize("typed", ["", "  "])
@pytest.mark.parametrize("finder", ["recovery.accounts.find", "tests.test_accounts.only_members"])
def test_nothing_means_nobody_whoever_looks(settings: Any, finder: str, typed: str) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ACCOUNTS": finder}
    UserFactory.create(email="", first_name=typed)
    assert accounts.of_identifier(typed) == []


def addressed(user: Any, email: str, *, verified: bool, primary: bool = False) -> None:
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=primary)


class TestWithAllauth:
    """Where allauth keeps rows for a user, they say which addresses there are and which are verified."""

    def test_a_verified_second_address_gets_the_mail_that_was_asked_for_it(self) -> None:
        user = UserFactory.create(email="ada@example.com")
        addressed(user, "ada@example.com", verified=True, primary=True)
        addressed(user, "ada@work.example", verified=True)
        ask(browser(), "ada@work.example")
        work()
        assert recipients() == ["ada@work.example"]

    def test_an_unverified_address_gets_none_and_neither_do_the_others(self) -> None:
        user = UserFactory.create(email="ada@example.com")
        addressed(user, "ada@example.com", verified=True, primary=True)
        addressed(user, "ada@typo.example", verified=False)
        ask(browser(), "ada@typo.example")
        work()
        assert asked().outcome == Outcome.UNVERIFIED_ADDRESS
        assert not mail.outbox

    def test_asked_for_by_name_the_primary_gets_it_and_an_unverified_primary_yields(self) -> None:
        user = UserFactory.create(email="ada@example.com")
        addressed(user, "ada@example.com", verified=False, primary=True)
        addressed(user, "ada@work.example", verified=True)
        addressed(user, "ada@home.example", verified=True)
        ask(browser(), user.username)
        work()
        assert recipients() == ["ada@work.example"]

    def test_who_claims_anothers_address_without_proof_stands_in_nobodys_way(self) -> None:
        owner, thief = UserFactory.create(email="ada@example.com"), UserFactory.create()
        addressed(thief, thief.email, verified=True, primary=True)
        addressed(thief, "ada@example.com", verified=False)
        ask(browser(), "ada@example.com")
        work()
        assert asked().outcome == Outcome.PARTLY_SENT
        [message] = mail.outbox
        assert recipients() == [owner.email]
        assert len(links(message)) == 1
        assert dict(Decision.objects.values_list("user_key", "outcome")) == {
            str(owner.pk): Outcome.SENT,
            str(thief.pk): Outcome.UNVERIFIED_ADDRESS,
        }

    def test_the_users_own_field_no_longer_counts(self) -> None:
        user = UserFactory.create(email="old@example.com")
        addressed(user, "new@example.com", verified=True, primary=True)
        ask(browser(), user.username)
        work()
        assert recipients() == ["new@example.com"]


def only_members(identifier: str = "", *, user: Any = None) -> list[Account]:
    """A site's own rule: the address stands elsewhere, and only some of them are verified."""
    users = [user] if user else get_user_model().objects.filter(first_name=identifier)
    return [Account(u, (Address(f"{u.username}@members.example", verified=u.last_name == "verified"),)) for u in users]


@pytest.mark.parametrize(("last_name", "outcome"), [("verified", Outcome.SENT), ("", Outcome.UNVERIFIED_ADDRESS)])
def test_a_site_may_say_itself_who_is_meant_and_what_is_verified(settings: Any, last_name: str, outcome: str) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ACCOUNTS": "tests.test_accounts.only_members"}
    user = UserFactory.create(username="ada", first_name="member 7", last_name=last_name)
    ask(browser(), "member 7")
    work()
    assert asked().outcome == outcome
    assert recipients() == ["ada@members.example"] * (outcome == Outcome.SENT)
    ask(browser(), user.email)
    work()
    assert asked().outcome == Outcome.NO_ACCOUNT


def test_receivers_of_post_save_and_password_history_learn_of_the_new_password(settings: Any) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": "tests.test_accounts.History"}]
    told: list[Any] = []

    def learn(sender: Any, instance: Any, update_fields: Any = None, **kwargs: Any) -> None:
        told.append((instance.pk, set(update_fields or ())))

    user = UserFactory.create()
    client = browser()
    ask(client, user.email)
    work()
    post_save.connect(learn, sender=type(user))
    try:
        set_password(client, follow(client, links(mail.outbox[0])[0]))
    finally:
        post_save.disconnect(learn, sender=type(user))
    assert told == [(user.pk, {"password"})]
    assert History.seen == [(NEW_PASSWORD, user.pk)]


class History:
    """A password validator that keeps a history, as several packages do."""

    seen: list[tuple[str, Any]] = []

    def validate(self, password: str, user: Any = None) -> None:
        """Everything may be a password."""

    def password_changed(self, password: str, user: Any = None) -> None:
        self.seen.append((password, user.pk))

    def get_help_text(self) -> str:
        return ""


@pytest.mark.parametrize("model", [None, *PEOPLE])
def test_the_people_of_several_keys_are_found_at_once_and_strange_keys_mean_nobody(model: Any, settings: Any) -> None:
    if model is not None:
        live_with(settings, model)
        people = [made(model)]
    else:
        people = [UserFactory.create() for _ in range(20)]
    keys = [accounts.key_of(user) for user in people]
    with statements() as found:
        assert accounts.by_keys(keys) == dict(zip(keys, people, strict=True))
    assert len(found.texts) == 1
    assert accounts.by_keys([*keys, "neither a number nor a UUID", "9" * 40]) == dict(zip(keys, people, strict=True))
    assert accounts.by_keys([]) == {}
