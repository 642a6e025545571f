"""Hostile names and addresses at the forgot page: second recipients, twins, markup (cases 10, 11 and 13)."""

from typing import Any

import pytest
from django.core import mail

from recovery.models import Email, ResetRequest
from tests.asking import FORGOT, ask, browser, follow, links, recipients, set_password, work
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
EVIL = "evil@evil.example"
TWO_FOR_ONE = [
    {"identifier": ["mike@example.org", EVIL]},
    {"identifier": [EVIL, "mike@example.org"]},
    {"identifier": f"mike@example.org,{EVIL}"},
    {"identifier": f"mike@example.org, {EVIL}"},
    {"identifier": f"mike@example.org;{EVIL}"},
    {"identifier": f"mike@example.org {EVIL}"},
    {"identifier": f"mike@example.org>,<{EVIL}"},
    {"identifier": f"{EVIL} <mike@example.org>"},
    {"identifier": f"mike@example.org\r\nBcc:{EVIL}"},
    {"identifier": f"mike@example.org\nBcc: {EVIL}"},
    {"identifier": f"mike@example.org%0d%0aBcc:{EVIL}"},
    {"identifier": f"mike@example.org\u2028Bcc: {EVIL}"},
    {"identifier": f"mike@example.org\x00{EVIL}"},
    {"identifier[]": ["mike@example.org", EVIL]},
    {"email": EVIL, "identifier": "mike@example.org", "to": EVIL, "backup": EVIL},
]


@pytest.mark.attack(10)
@pytest.mark.parametrize("data", TWO_FOR_ONE, ids=repr)
def test_a_second_recipient_is_never_mailed(victim: Any, data: dict[str, Any]) -> None:
    response = browser().post(FORGOT, data)
    assert response.status_code in {200, 302}
    work()
    assert set(recipients()) <= {victim.email}
    for message in mail.outbox:
        assert "evil" not in message.message().as_string()


@pytest.mark.attack(10)
@pytest.mark.parametrize("body", ['["mike@example.org", "evil@evil.example"]', '{"identifier": null}', "null", "{", ""])
def test_json_is_no_form_and_is_told_to_type_something(victim: Any, body: str) -> None:
    response = browser().post(FORGOT, body, content_type="application/json")
    assert response.status_code == 200
    assert "Type the email address or user name" in response.content.decode()
    assert not ResetRequest.objects.exists()


TWINS = {
    "dotless i": "m\u0131ke@example.org",
    "dotted capital i": "m\u0130ke@example.org",
    "Kelvin sign": "mi\u212ae@example.org",
    "accent": "mike\u0301@example.org",
    "Cyrillic e": "mik\u0435@example.org",
    "ligature": "mike@example.\ufb03",
    "circled": "ⓜⓘⓚⓔ@example.org",
    "full width": "ｍｉｋｅ@example.org",
    "punycode": "mike@xn--exmple-qta.org",
    "its IDN twin": "mike@exämple.org",
    "ideographic full stop": "mike@example。org",
    "invisible": "mi\u200bke@example.org",
    "right to left": "\u202emike@example.org",
}


@pytest.mark.attack(11)
@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS.keys())
def test_a_twin_in_unicode_is_never_mailed_itself(victim: Any, twin: str) -> None:
    assert ask(browser(), twin).status_code in {200, 302}
    work()
    assert set(recipients()) <= {victim.email}
    assert set(Email.objects.values_list("recipient", flat=True)) <= {victim.email}


@pytest.mark.attack(11)
@pytest.mark.parametrize("stored", ["m\u0131ke@example.org", "mik\u0435@example.org", "mike@exämple.org"])
def test_a_twin_that_is_an_account_of_its_own_gets_its_own_mail_alone(victim: Any, stored: str) -> None:
    twin = UserFactory.create(email=stored)
    ask(browser(REMOTE_ADDR="192.0.2.1"), stored)
    work()
    ask(browser(REMOTE_ADDR="192.0.2.2"), victim.email)
    work()
    assert recipients() == [twin.email, victim.email]


NASTY = "{{7*7}}{% now 'Y' %}${7*7}%s%(x)s\r\nBcc: evil@evil.example\r\n<b>" + "\U0001f92f" * 40


@pytest.mark.attack(13)
def test_markup_headers_and_templates_in_names_stay_letters(settings: Any) -> None:
    user = UserFactory.create(username=NASTY[:150], first_name=NASTY[:150], email="ada@example.com")
    settings.RECOVERY = {**settings.RECOVERY, "SITE_NAME": NASTY, "SUPPORT_CONTACT": NASTY}
    client = browser(HTTP_USER_AGENT=f"Firefox {NASTY}", HTTP_ACCEPT_LANGUAGE=NASTY.splitlines()[0])
    page = client.get(ask(client, user.email).url)
    work()
    [message] = mail.outbox
    raw = message.message()
    assert raw["Bcc"] is None
    assert raw["To"] == "ada@example.com"
    assert "{{7*7}}{% now 'Y' %}${7*7}%s%(x)s" in message.body
    assert "{{7*7}}" in message.subject
    assert "<b>" not in message.alternatives[0][0]
    assert "<b>" not in page.content.decode()
    form = follow(client, links(message)[0])
    assert "<b>" not in client.get(form).content.decode()
    assert set_password(client, form).status_code == 302
    work()
