"""Rows by SQL of our own are those that the site's own manager gives, and no others."""

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from recovery import accounts
from tests.people.models import Guest, Librarian, Reader

pytestmark = pytest.mark.django_db

OLD, NEW = make_password("an older horse 4"), "right-horse-7-battery"


def changed(user: Any) -> bool:
    user.set_password(NEW)
    return accounts.replace_password(user, old_hash=OLD, password=NEW)


@pytest.mark.parametrize(
    ("model", "hidden"), [(Librarian, "has_left"), (Guest, "is_gone")], ids=["by its manager", "by its queryset"]
)
def test_who_is_hidden_by_the_site_is_nobody_and_gets_no_password(settings: Any, model: Any, hidden: str) -> None:
    settings.AUTH_USER_MODEL = model._meta.label
    gone = model(email="gone@example.com", password=OLD, **{hidden: True})
    gone.save()
    assert accounts.by_key(str(gone.pk)) is None
    assert not changed(gone)


def test_a_user_whose_columns_lie_in_two_tables_is_read_and_changed_whole(settings: Any) -> None:
    settings.AUTH_USER_MODEL = "people.Librarian"
    librarian = Librarian(email="here@example.com", password=OLD)
    librarian.save()
    found = accounts.by_key(str(librarian.pk))
    assert isinstance(found, Librarian)
    assert (found.email, found.has_left) == ("here@example.com", False)
    assert changed(found)
    assert Librarian.objects.get().check_password(NEW)


def test_a_user_of_a_plain_manager_in_two_tables_is_read_whole(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard for inherited tables alone: here the manager is Django's own."""
    settings.AUTH_USER_MODEL = "people.Librarian"
    monkeypatch.setattr(type(Librarian.objects), "get_queryset", type(Reader.objects).get_queryset)
    librarian = Librarian(email="here@example.com", password=OLD)
    librarian.save()
    found = accounts.by_key(str(librarian.pk))
    assert isinstance(found, Librarian)
    assert found.email == "here@example.com"


def test_an_account_without_an_address_gets_its_password_too(settings: Any) -> None:
    settings.AUTH_USER_MODEL = "people.Reader"
    reader = Reader(email=None, password=OLD)
    reader.save()
    assert changed(reader)
    assert Reader.objects.get().check_password(NEW)


def test_an_account_whose_address_changed_meanwhile_gets_no_password(settings: Any) -> None:
    settings.AUTH_USER_MODEL = "people.Reader"
    reader = Reader(email=None, password=OLD)
    reader.save()
    Reader.objects.update(email="new@example.com")
    assert not changed(reader)


@pytest.mark.parametrize("key", ["", "nobody", "[1, 2]", "9" * 40])
def test_a_key_that_no_account_can_have_is_nobodys(key: str) -> None:
    assert accounts.by_key(key) is None


@pytest.mark.parametrize(
    ("model", "typed", "key"),
    [
        ("auth.User", " 007 ", "7"),
        ("auth.User", "amelie@example.com", None),
        ("people.Member", "0B5C9A0E-7D8E-4C7C-9E0B-3F1A2B3C4D5E", "0b5c9a0e-7d8e-4c7c-9e0b-3f1a2b3c4d5e"),
        ("people.Member", "amelie", None),
        ("people.Tenant", '["7","3b"]', '["7", "3b"]'),
        ("people.Tenant", '["7"]', None),
        ("people.Tenant", "7", None),
        ("people.Librarian", "7", "7"),
        ("people.Librarian", "7\0", None),
    ],
)
def test_what_is_typed_is_a_key_only_if_the_user_model_can_have_it(
    settings: Any, model: str, typed: str, key: str | None
) -> None:
    settings.AUTH_USER_MODEL = model
    assert accounts.as_key(typed) == key
