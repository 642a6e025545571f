"""What counts as one name; and that no name, however odd, locks anybody else or breaks anything."""

import uuid
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from recovery import backends, lockouts
from recovery.models import Lockout, LoginCounter
from recovery.origin import Origin
from tests import hash_spy
from tests.factories import PASSWORD
from tests.people.models import Badge, Caller, Customer, Member
from tests.signing_in import LIMIT, WRONG, fail, lockouts_of, sign_in

pytestmark = pytest.mark.django_db

SPELLINGS = ("ada", "ADA", " ada ", "Ａda", "\tAda\n")
ODD = ("", " ", "\0", "x" * 10_000, "\ud800", "\u202eada", "%s", "'; --", "[]", "null")


@pytest.mark.attack(8)
def test_spellings_of_a_name_are_one(ada: Any) -> None:
    for spelling in SPELLINGS:
        assert authenticate(username=spelling, password=WRONG) is None
    assert hash_spy.hashed() == LIMIT
    assert not sign_in("ada")
    [lockout] = lockouts_of(ada)
    assert lockout.failure_count == LIMIT


@pytest.mark.attack(8)
def test_the_owner_is_known_however_the_name_is_spelled_at_last(ada: Any) -> None:
    for spelling in reversed(SPELLINGS):
        authenticate(username=spelling, password=WRONG)
    ada.refresh_from_db()
    assert len(lockouts_of(ada)) == 1


@pytest.mark.attack(53)
@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_an_odd_name_is_counted_for_itself_alone(ada: Any, name: str) -> None:
    for _ in range(LIMIT + 3):
        assert authenticate(username=name, password=WRONG) is None
    assert hash_spy.hashed() == LIMIT
    assert sign_in("ada")
    assert Lockout.objects.get().user_key == ""


@pytest.mark.attack(53)
@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_an_odd_name_breaks_no_page(ada: Any, name: str) -> None:
    for _ in range(LIMIT + 3):
        assert not sign_in(name.encode(errors="ignore").decode(), WRONG)
    assert sign_in("ada")


@pytest.mark.attack(53)
@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"username": None},
        {"password": WRONG},
        {"username": None, "password": WRONG},
        {"username": "ada"},
        {"username": "ada", "password": None},
        {"token": "ada"},
    ],
)
def test_without_a_name_or_a_password_nothing_is_judged_and_nothing_counted(ada: Any, credentials: Any) -> None:
    for _ in range(LIMIT + 3):
        assert authenticate(**credentials) is None
    assert hash_spy.hashed() == 0
    assert not LoginCounter.objects.exists()
    assert sign_in("ada")


@pytest.mark.attack(53)
@pytest.mark.parametrize("name", [7, 1.5, True, ["ada"], {"ada": 1}, b"ada"])
def test_what_is_no_text_is_a_name_like_any_other(ada: Any, name: Any) -> None:
    for _ in range(LIMIT + 3):
        assert authenticate(username=name, password=WRONG) is None
    assert sign_in("ada")


@pytest.mark.parametrize(("model", "field"), [(Member, "login"), (Caller, "phone")])
def test_user_models_that_call_the_name_otherwise_are_counted_too(settings: Any, model: Any, field: str) -> None:
    settings.AUTH_USER_MODEL = model._meta.label
    person = model(**{field: "0049123"})
    person.set_password(PASSWORD)
    person.save()
    hash_spy.forget()
    for credential in (field, "username"):
        assert authenticate(**{credential: "0049123", "password": PASSWORD}) == person
    for number in range(LIMIT + 3):
        assert authenticate(**{(field, "username")[number % 2]: "0049123", "password": WRONG}) is None
    assert hash_spy.hashed() == 2 + LIMIT
    assert authenticate(**{field: "0049123", "password": PASSWORD}) is None
    assert len(lockouts_of(person)) == 1


BADGE = uuid.UUID("12345678123456781234567812345678")


@pytest.mark.attack(8, 58)
@pytest.mark.parametrize(
    ("model", "value", "spellings"),
    [
        (Customer, 42, ("42", "042", " 42", "+42", "4_2", "0042", "４２", "00042")),
        (Badge, BADGE, (str(BADGE), BADGE.hex, f"{{{BADGE}}}", BADGE.urn, "1-" + BADGE.hex[1:], BADGE.hex + "-")),
    ],
)
def test_what_the_column_takes_for_one_name_is_one(settings: Any, model: Any, value: Any, spellings: Any) -> None:
    settings.AUTH_USER_MODEL = model._meta.label
    person = model(**{model.USERNAME_FIELD: value})
    person.set_password(PASSWORD)
    person.save()
    hash_spy.forget()
    assert authenticate(username=spellings[1], password=PASSWORD) == person
    for spelling in (*spellings, "nobody"):
        assert authenticate(username=spelling, password=WRONG) is None
    for _ in range(LIMIT):
        assert authenticate(username="no number", password=WRONG) is None
    assert hash_spy.hashed() == 1 + LIMIT + 1 + LIMIT
    assert authenticate(username=str(value), password=PASSWORD) is None
    assert len(lockouts_of(person)) == 1


@pytest.mark.attack(53)
@pytest.mark.parametrize(("model", "value"), [(Customer, 42), (Badge, BADGE)])
def test_who_has_a_number_for_a_name_is_locked_and_let_in_again_like_anybody(
    settings: Any, model: Any, value: Any, capsys: Any
) -> None:
    settings.AUTH_USER_MODEL = model._meta.label
    person = model(**{model.USERNAME_FIELD: value})
    person.set_password(PASSWORD)
    person.save()
    for _ in range(LIMIT):
        assert authenticate(username=str(value), password=WRONG) is None
    assert authenticate(username=value, password=PASSWORD) is None
    call_command("recovery_unlock", str(value), reason="She called from her desk.")
    assert capsys.readouterr().out == "standing 1, lifted 1\n"
    assert authenticate(username=value, password=PASSWORD) == person
    shut = lockouts.lock(person, actor=person, reason="The phone was stolen.")
    assert authenticate(username=value, password=PASSWORD) is None
    assert lockouts.lift(shut, actor=person, reason="It was found.")
    assert authenticate(username=str(value), password=PASSWORD) == person
    assert lockouts.check_password(person, PASSWORD, origin=Origin())


@pytest.mark.attack(53)
@pytest.mark.parametrize("model", [Customer, Badge])
@pytest.mark.parametrize("name", [10**30, -7, 1.5, float("nan"), "9" * 5000, "1e400", "abc", "\0", "\ud800", ["ada"]])
def test_what_the_column_cannot_hold_is_a_name_of_nobody_s(settings: Any, model: Any, name: Any) -> None:
    settings.AUTH_USER_MODEL = model._meta.label
    for credential in ("username", model.USERNAME_FIELD):
        for _ in range(LIMIT):
            assert authenticate(**{credential: name, "password": WRONG}) is None
    assert Lockout.objects.get().user_key == ""


def test_a_positional_name_is_counted_too(ada: Any) -> None:
    backend = backends.ModelBackend()
    for _ in range(LIMIT):
        assert backend.authenticate(None, "ada", WRONG) is None
    assert not sign_in("ada")


def test_names_that_are_numbers_in_the_table_break_nothing(ada: Any) -> None:
    fail("7", LIMIT + 1)
    assert sign_in("ada")
