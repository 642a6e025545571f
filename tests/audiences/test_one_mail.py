"""One mail for all accounts of an address: each with a link to its own door, and every door that it opens."""

import re
from typing import Any

import pytest
from django.core import mail

from recovery import rendering
from recovery.models import Email, ResetToken
from tests.asking import NEW_PASSWORD, set_password, work
from tests.audiences.site import DOORS, SIGN_IN, asks_at, at, is_of, joins, links, mailed_link, staff_send
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

SHARED = "family@example.com"


@pytest.fixture
def people() -> dict[str, Any]:
    """Three accounts of one address."""
    return {
        "both": joins(UserFactory.create(username="both", email=SHARED), "site", "portal"),
        "only": joins(UserFactory.create(username="only", email=SHARED), "portal"),
        "none": UserFactory.create(username="none", email=SHARED),
    }


def said_of(name: str, body: str) -> str:
    """What a mail says of one account, up to the next one."""
    return re.split(r"Choose a new password for|The links work", body.split(f"for {name}:")[1])[0]


def test_each_account_has_a_link_to_its_own_door_and_the_mail_says_where_else_it_gets_in(
    people: dict[str, Any],
) -> None:
    asks_at("site", SHARED)
    work()
    [message] = mail.outbox
    assert message.from_email == "desk@site.example", "where it was asked, which is the door of one of them"
    both, only, none = (said_of(name, message.body) for name in ("both", "only", "none"))
    assert "https://site.example/recovery/reset/" in both
    assert "The same password is also for: The Portal." in both
    assert "leads to" not in both
    assert "https://portal.example/recovery/reset/" in only
    assert "This link leads to The Portal." in only
    assert "also for" not in only
    assert "https://library.example/recovery/reset/" in none
    assert "This link leads to The Library." in none
    assert Email.objects.count() == 1
    html = str(message.alternatives[0][0])
    for said in ("This link leads to The Portal.", "also for: The Portal.", "https://portal.example/recovery/reset/"):
        assert said in html


def test_every_one_of_those_links_sets_the_password_at_its_own_door(people: dict[str, Any]) -> None:
    asks_at("site", SHARED)
    work()
    for link in links():
        reader = at(link.split("/")[2])
        form = reader.get(link).url
        name = reader.get(form).context["username"]
        door = {"both": "site", "only": "portal", "none": "default"}[name]
        assert is_of(door, reader.get(form))
        assert set_password(reader, form).status_code == 302
        for host in ("site.example", "portal.example", "library.example"):
            signed_in = at(host).post(SIGN_IN, {"username": name, "password": NEW_PASSWORD})
            assert signed_in.status_code == 302, (name, host)


def test_where_nobody_is_of_the_door_that_was_asked_at_the_first_of_theirs_signs(people: dict[str, Any]) -> None:
    people["both"].delete()
    people["none"].delete()
    asks_at("site", SHARED)
    mailed_link()
    assert mail.outbox[-1].from_email == "desk@portal.example"


def test_an_account_of_one_door_alone_is_told_nothing_of_others(people: dict[str, Any]) -> None:
    staff_send(people["only"])
    mailed_link()
    assert "leads to" not in mail.outbox[-1].body
    assert "also for" not in mail.outbox[-1].body
    assert "doors" not in Email.objects.get().context


def test_a_door_that_was_closed_since_is_not_named(people: dict[str, Any], settings: Any) -> None:
    staff_send(people["both"])
    work()
    email = Email.objects.get()
    assert "also for: The Portal." in rendering.preview_of(email).text
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"site": DOORS["site"]}}
    assert "also for" not in rendering.preview_of(email).text
    assert ResetToken.objects.count() == 1


def test_the_mail_to_an_address_that_nobody_has_is_of_the_door_that_was_asked(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "UNKNOWN_ACCOUNT_MAIL": True}
    asks_at("portal", "stranger@example.com")
    work()
    assert mail.outbox[-1].from_email == "desk@portal.example"
