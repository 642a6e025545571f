"""What the two forms take, refuse, and tell the browser."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail

from recovery.forms import LONGEST_PASSWORD, ForgotForm, NewPasswordForm
from recovery.models import AuditEvent, ResetToken
from recovery.reasons import Action, TokenState
from tests.asking import FORGOT, NEW_PASSWORD, ask, browser, follow, links, set_password, work
from tests.factories import UserFactory

GOOD = ["ada", "ada@example.com", "ada lovelace", "ädä@exämple.com", "o'neill@example.com", "+49 30 1234", "a@b@c",
        "DOMAIN\\ada", "<ada>", "ada,lovelace", "x" * 254, "名前", "\U0001f92f"]  # fmt: skip
BAD = {
    "": "required",
    "   ": "required",
    "x" * 255: "max_length",
    "a\x00b": "null_characters_not_allowed",
    "a\nb": "unprintable",
    "a\x7fb": "unprintable",
    "a\u200eb": "unprintable",
    "a\u2028b": "unprintable",
    "a\ud800b": "unprintable",
    "a@b.c, d@e.f": "several",
    "a@b.c d@e.f": "several",
    "a@b.c;d@e.f": "several",
    "<a@b.c> <d@e.f>": "several",
}


@pytest.mark.parametrize("typed", GOOD)
def test_any_name_or_address_may_be_typed(typed: str) -> None:
    form = ForgotForm({"identifier": typed})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["identifier"] == typed


@pytest.mark.parametrize(("typed", "code"), BAD.items(), ids=[f"{code} {n}" for n, code in enumerate(BAD.values())])
def test_what_can_mean_nobody_is_refused_with_a_sentence(typed: str, code: str) -> None:
    form = ForgotForm({"identifier": typed})
    [error] = form.errors.as_data()["identifier"]
    assert error.code == code
    [sentence] = form.errors["identifier"]
    assert sentence.endswith(".")
    assert str(form["identifier"]).encode(), "what was typed is shown again, and can be"


def test_blanks_around_it_are_not_part_of_it() -> None:
    form = ForgotForm({"identifier": "  ada@example.com\t"})
    assert form.is_valid()
    assert form.cleaned_data["identifier"] == "ada@example.com"


@pytest.mark.parametrize("wanted", ["\x00", "\ud800", "x" * 5000, "//evil.example", ["a", "b"], None])
def test_a_hidden_field_that_is_no_good_refuses_nobody(wanted: Any) -> None:
    form = ForgotForm({"identifier": "ada", "next": wanted})
    assert form.is_valid()
    assert str(ForgotForm({"identifier": "", "next": wanted})["next"]).encode()


def test_the_field_tells_phones_and_password_managers_what_it_is() -> None:
    body = browser().get(FORGOT).content.decode()
    for attribute in ('autocomplete="username email"', 'autocapitalize="none"', 'spellcheck="false"', "autofocus",
                      'type="text"', 'inputmode="email"', 'name="identifier"', "required"):  # fmt: skip
        assert attribute in body, attribute


@pytest.mark.django_db
def test_an_error_is_tied_to_its_field_and_what_was_typed_stays() -> None:
    body = ask(browser(), "a@b.c, d@e.f").content.decode()
    assert 'role="alert"' in body
    assert 'aria-invalid="true"' in body
    assert 'aria-describedby="id_identifier_error"' in body
    assert 'id="id_identifier_error"' in body
    assert 'value="a@b.c, d@e.f"' in body


@pytest.mark.django_db
def test_markup_that_was_typed_is_shown_as_letters() -> None:
    body = ask(browser(), '"><script>alert(1)</script>@a@b,').content.decode()
    assert "<script>alert" not in body
    assert "&lt;script&gt;" in body


def judged(password: str, **more: str) -> NewPasswordForm:
    user = get_user_model()(username="amelie.lovelace", email="amelie@example.com")
    return NewPasswordForm(user, {"new_password1": password, **more})


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("", ["required"]),
        ("short", ["password_too_short"]),
        ("password", ["password_too_common", "password_too_short"]),
        ("1029384756473829", ["password_entirely_numeric"]),
        ("amelie.lovelace", ["password_too_similar"]),
        ("x" * (LONGEST_PASSWORD + 1), ["too_long"]),
        ("a lone \ud800 surrogate", ["unprintable"]),
        ("a NUL \x00 in it, long", ["null_characters_not_allowed"]),
    ],
)
def test_a_password_against_the_sites_rules_is_refused_by_their_codes(password: str, codes: list[str]) -> None:
    form = judged(password)
    assert not form.is_valid()
    assert form.error_codes == codes


@pytest.mark.parametrize(
    "password", [NEW_PASSWORD, "  blanks around it  ", "pässwörter ünd mehr", "\U0001f92f" * 12, "qz " * 1300]
)
def test_any_other_password_is_taken_as_it_is(password: str) -> None:
    form = judged(password)
    assert form.is_valid(), form.errors
    assert form.cleaned_data["new_password1"] == password


def test_a_second_field_must_agree_where_there_is_one() -> None:
    assert judged(NEW_PASSWORD, new_password2=NEW_PASSWORD).is_valid()
    assert judged(NEW_PASSWORD).is_valid()
    assert judged(NEW_PASSWORD, new_password2=NEW_PASSWORD + " ").error_codes == ["mismatch"]


@pytest.mark.django_db
def test_refused_passwords_are_on_the_trail_by_code_and_leave_the_link_alive() -> None:
    user = UserFactory.create()
    client = browser()
    ask(client, user.email)
    work()
    form = follow(client, links(mail.outbox[0])[0])
    for password in ("short", "password", ""):
        response = set_password(client, form, password)
        assert response.status_code == 200
        assert 'role="alert"' in response.content.decode()
        assert 'autocomplete="new-password"' in response.content.decode()
    events = AuditEvent.objects.filter(action=Action.PASSWORD_REFUSED).order_by("occurred_at")
    assert [event.detail["codes"] for event in events] == [
        ["password_too_short"],
        ["password_too_common", "password_too_short"],
        ["required"],
    ]
    assert ResetToken.objects.get().state == TokenState.LIVE
    assert set_password(client, form).status_code == 302
