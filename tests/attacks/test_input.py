"""Hostile input at the forgot page: recipients, twins, headers, hosts, methods, sizes (cases 10, 11, 13, 15 to 17)."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from recovery.models import Email, EmailEvent, LimitCounter, ResetRequest
from tests.asking import FORGOT, NEW_PASSWORD, ask, asked, browser, follow, links, recipients, set_password, work
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

EVIL = "evil@evil.example"


@pytest.fixture
def victim() -> Any:
    return UserFactory.create(username="mike", email="mike@example.org")


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


FORGED = {
    "Host": {"HTTP_HOST": "evil.example"},
    "Host with a port": {"HTTP_HOST": "evil.example:8080"},
    "X-Forwarded-Host": {"HTTP_X_FORWARDED_HOST": "evil.example"},
    "both": {"HTTP_HOST": "library.example", "HTTP_X_FORWARDED_HOST": "evil.example, library.example"},
    "Forwarded": {"HTTP_FORWARDED": "host=evil.example;proto=http", "HTTP_X_HOST": "evil.example"},
    "other names": {
        "HTTP_X_ORIGINAL_HOST": "evil.example",
        "HTTP_X_FORWARDED_SERVER": "evil.example",
        "HTTP_X_HTTP_HOST_OVERRIDE": "evil.example",
        "HTTP_X_FORWARDED_PROTO": "http",
        "HTTP_X_FORWARDED_PORT": "666",
        "HTTP_X_REWRITE_URL": "https://evil.example/",
        "HTTP_REFERER": "https://evil.example/",
    },
    "server name": {"SERVER_NAME": "evil.example", "SERVER_PORT": "666"},
    "script name": {"SCRIPT_NAME": "/evil.example"},
    "user part": {"HTTP_HOST": "library.example:x@evil.example"},
    "markup in the port": {"HTTP_HOST": 'library.example:"><a href="//evil.example">'},
    "markup": {"HTTP_X_FORWARDED_HOST": "evil.example/?"},
}


@pytest.mark.attack(15)
@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
def test_a_forged_host_reaches_no_link_no_mail_and_no_redirect(
    settings: Any, victim: Any, headers: dict[str, str]
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.USE_X_FORWARDED_HOST = True
    settings.USE_X_FORWARDED_PORT = True
    client = browser(**headers)
    response = ask(client, victim.email)
    assert response.status_code in {302, 400}
    if response.status_code == 400:
        return
    assert response.url.startswith(("/recovery/sent/", "/evil.example/recovery/sent/"))
    assert "evil" not in client.get(f"/recovery/{response.url.partition('/recovery/')[2]}").content.decode().replace(
        "/evil.example/", "/"
    )
    work()
    [message] = mail.outbox
    raw = message.message().as_string()
    assert "evil" not in raw + message.body + message.alternatives[0][0]
    [link] = links(message)
    done = set_password(client, follow(client, link).partition("/evil.example")[2] or follow(client, link))
    assert done.status_code == 302
    work()
    assert "evil" not in mail.outbox[-1].message().as_string()


@pytest.mark.attack(15)
def test_a_request_line_with_a_host_of_its_own_does_not_decide_either(settings: Any, victim: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    browser().generic("POST", "https://evil.example/recovery/forgot/", f"identifier={victim.email}",
                      content_type="application/x-www-form-urlencoded")  # fmt: skip
    work()
    [message] = mail.outbox
    assert all(link.startswith("/recovery/reset/") for link in links(message))
    assert "evil" not in message.message().as_string()


READS = ["forgot/", "sent/AAAA-AAAA/", "sent/x/", "reset/done/", f"reset/{'a' * 22}/", f"reset/{'a' * 22}/{'b' * 43}/",
         "reset/x/y/z/", "change-password/"]  # fmt: skip


@pytest.mark.attack(16)
@pytest.mark.parametrize("method", ["get", "head", "options"])
@pytest.mark.parametrize("path", READS)
def test_reading_a_page_writes_no_row(path: str, method: str) -> None:
    getattr(browser(), method)(f"/recovery/{path}")
    assert not any(model.objects.exists() for model in (ResetRequest, Email, EmailEvent, LimitCounter))


@pytest.mark.attack(16)
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("path", READS)
def test_other_methods_are_refused_or_dead(path: str, method: str) -> None:
    response = getattr(browser(), method)(f"/recovery/{path}")
    assert response.status_code in {403, 405}


@pytest.mark.attack(16)
@pytest.mark.parametrize("path", ["forgot/", "sent/AAAA-AAAA/", f"reset/{'a' * 22}/", "reset/done/"])
def test_another_site_cannot_post_here(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(f"/recovery/{path}", {"identifier": "ada@example.com", "new_password1": "x", "again": "1"})
    assert response.status_code == 403
    assert not ResetRequest.objects.exists()


@pytest.mark.attack(16)
def test_the_pages_guard_themselves_where_the_site_has_no_guard(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("CsrfViewMiddleware")]
    response = Client(enforce_csrf_checks=True).post(FORGOT, {"identifier": "ada@example.com"})
    assert response.status_code == 403
    assert not ResetRequest.objects.exists()


@pytest.mark.attack(16)
def test_the_pages_carry_what_a_post_needs(victim: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    token = client.get(FORGOT).context["csrf_token"]
    assert client.post(FORGOT, {"identifier": victim.email, "csrfmiddlewaretoken": str(token)}).status_code == 302


ELSEWHERE = ["//evil.example", "///evil.example", "https://evil.example/", "javascript:alert(1)", "/\\evil.example",
             "\\/evil.example", "http:///evil.example", "/x\r\nLocation: //evil.example", "evil.example",
             "data:text/html,x", "\x00//evil.example", " //evil.example", "/" + "x" * 300]  # fmt: skip


@pytest.mark.attack(16)
@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_nobody_is_led_to_another_site_afterwards(victim: Any, wanted: str, settings: Any) -> None:
    client = browser()
    assert "evil" not in client.get(FORGOT, {"next": wanted}).content.decode()
    response = client.post(FORGOT, {"identifier": victim.email, "next": wanted})
    assert response.status_code == 302
    assert asked().next_url == ""
    work()
    done = set_password(client, follow(client, links(mail.outbox[0])[0]))
    assert done.url == "/recovery/reset/done/"
    page = client.get("/recovery/reset/done/", {"next": wanted})
    assert "evil" not in page.content.decode()
    assert 'href="/accounts/login/"' in page.content.decode()


@pytest.mark.attack(16)
def test_a_path_of_this_site_survives_until_the_sign_in(victim: Any) -> None:
    client = browser()
    page = client.get(FORGOT, {"next": "/loans/?sort=due"})
    assert 'value="/loans/?sort=due"' in page.content.decode()
    client.post(FORGOT, {"identifier": victim.email, "next": "/loans/?sort=due"})
    work()
    done = set_password(client, follow(client, links(mail.outbox[0])[0]))
    assert "/accounts/login/?next=%2Floans%2F%3Fsort%3Ddue" in client.get(done.url).content.decode()


SENTENCES = {
    "empty": ("", "Type the email address or user name"),
    "blank": (" \t ", "Type the email address or user name"),
    "10 000 characters": ("a" * 10_000 + "@example.com", "That is too long"),
    "NUL": ("mike\x00@example.org", "characters that no address or name has"),
    "NUL alone": ("\x00", "characters that no address or name has"),
    "line feed": ("mike@example.org\nBcc: x", "characters that no address or name has"),
    "CRLF": ("mike@example.org\r\nBcc: evil@evil.example", "characters that no address or name has"),
    "escape": ("mike\x1b[31m", "characters that no address or name has"),
    "two addresses": ("mike@example.org, ada@example.com", "Type one address only"),
    "two addresses, spaced": ("mike@example.org ada@example.com", "Type one address only"),
}


@pytest.mark.attack(17)
@pytest.mark.parametrize(("typed", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
def test_what_cannot_be_right_is_answered_with_a_sentence(victim: Any, typed: str, sentence: str) -> None:
    response = ask(browser(), typed)
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert not ResetRequest.objects.exists()


MULTIPART = "multipart/form-data; boundary=cut"


def multipart(**fields: bytes) -> bytes:
    parts = [b'--cut\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
             for name, value in fields.items()]  # fmt: skip
    return b"".join(parts) + b"--cut--\r\n"


RAW_BYTES: dict[str, tuple[bytes, str]] = {
    "bad UTF-8": (b"identifier=%FF%FEmike%C0%80", "application/x-www-form-urlencoded"),
    "CESU surrogates": (b"identifier=%ED%A0%80mike", "application/x-www-form-urlencoded"),
    "another charset": (b"identifier=mike", "application/x-www-form-urlencoded; charset=utf-16"),
    "unknown charset": (b"identifier=mike", "application/x-www-form-urlencoded; charset=martian"),
    "lone surrogate": (multipart(identifier=b"mike+2AA-"), MULTIPART + "; charset=utf-7"),
    "lone surrogate in next": (multipart(identifier=b"mike", next=b"/+2AA-"), MULTIPART + "; charset=utf-7"),
    "lone surrogate, several": (multipart(identifier=b"a@b, c@d +3AA-"), MULTIPART + "; charset=utf-7"),
    "no boundary": (b"--cut\r\n", "multipart/form-data"),
    "cut off": (multipart(identifier=b"mike")[:40], MULTIPART),
    "no content": (b"", MULTIPART),
    "a file": (b'--cut\r\nContent-Disposition: form-data; name="identifier"; filename="x"\r\n\r\nmike\r\n--cut--\r\n',
               MULTIPART),
    "5000 fields": (b"&".join(b"f%d=1" % n for n in range(5000)), "application/x-www-form-urlencoded"),
    "3 MB": (b"identifier=" + b"a" * 3_000_000, "application/x-www-form-urlencoded"),
    "1 MB": (b"identifier=" + b"a" * 1_000_000, "application/x-www-form-urlencoded"),
    "NUL in next": (b"identifier=mike&next=/%00", "application/x-www-form-urlencoded"),
    "long next": (b"identifier=mike&next=/" + b"a" * 100_000, "application/x-www-form-urlencoded"),
}  # fmt: skip


@pytest.mark.attack(17)
@pytest.mark.parametrize(("body", "content_type"), RAW_BYTES.values(), ids=RAW_BYTES.keys())
@pytest.mark.parametrize("path", ["forgot/", "sent/AAAA-AAAA/", f"reset/{'a' * 22}/", "reset/done/"])
def test_hostile_bytes_are_an_answer_and_never_an_error(victim: Any, path: str, body: bytes, content_type: str) -> None:
    response = browser().generic("POST", f"/recovery/{path}", body, content_type=content_type)
    assert response.status_code < 500
    work()
    assert set(recipients()) <= {victim.email}


@pytest.mark.attack(17)
@pytest.mark.parametrize("headers", [
    {"HTTP_USER_AGENT": "\x00\udcff" + "x" * 100_000},
    {"HTTP_ACCEPT_LANGUAGE": "\x00" + "de," * 5_000},
    {"HTTP_X_FORWARDED_FOR": "\x00" + "1," * 5_000, "REMOTE_ADDR": "not an address"},
    {"HTTP_COOKIE": "recovery_asked=\x00\xff; recovery_token=\x00; csrftoken=\xff"},
    {"HTTP_SEC_FETCH_MODE": "\x00", "HTTP_SEC_PURPOSE": "\udcff", "HTTP_REFERER": "\x00\udcff"},
], ids=["user agent", "language", "addresses", "cookies", "fetch metadata"])  # fmt: skip
def test_hostile_headers_are_stored_as_what_a_database_can_hold(
    settings: Any, victim: Any, headers: dict[str, str]
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TRUSTED_PROXIES": 1}
    client = browser(**headers)
    assert client.get(FORGOT).status_code == 200
    assert ask(client, victim.email).status_code == 302
    work()
    assert recipients() == [victim.email]
    link = links(mail.outbox[0])[0]
    assert client.get(link).status_code == 302


HOSTILE_PATHS = [
    "sent/%00/",
    "sent/%ED%A0%80/",
    f"sent/{'A' * 5_000}/",
    "reset/%00/",
    f"reset/%00{'a' * 21}/",
    f"reset/{'a' * 21}%00/{'b' * 43}/",
    f"reset/{'a' * 22}/{'b' * 42}%00/",
    "reset/%FF%FE/%00/",
    "reset/ſ/K/",
    f"reset/{'a' * 5_000}/",
    f"reset/{'a' * 22}/{'b' * 5_000}/",
    "reset/%0d%0aSet-Cookie:x=y/z/",
]


@pytest.mark.attack(17)
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_hostile_paths_are_dead_links_and_never_an_error(path: str, method: str) -> None:
    response = getattr(browser(), method)(
        f"/recovery/{path}", {"new_password1": NEW_PASSWORD} if method == "post" else {}
    )
    assert response.status_code < 500
    if response.status_code == 302:
        assert response.url.startswith(("/recovery/reset/", "/recovery/forgot/"))


@pytest.mark.attack(17)
@pytest.mark.parametrize("path", ["forgot/", "reset/done/"])
def test_a_query_in_a_charset_of_the_attackers_choice_is_no_error(path: str) -> None:
    response = browser().get(f"/recovery/{path}?next=/%2B2AA-", CONTENT_TYPE="text/html; charset=utf-7")
    assert response.status_code == 200


@pytest.mark.attack(17)
def test_a_megabyte_of_password_is_refused_before_it_is_hashed(victim: Any) -> None:
    client = browser()
    ask(client, victim.email)
    work()
    form = follow(client, links(mail.outbox[0])[0])
    response = set_password(client, form, "long " * 200_000)
    assert response.status_code == 200
    assert "That password is too long" in response.content.decode()
    for password in (b"a NUL \x00 in the middle of it", b"a lone surrogate +2AA- of mine"):
        body = multipart(new_password1=password)
        response = client.generic("POST", form, body, content_type=MULTIPART + "; charset=utf-7")
        assert response.status_code == 200
        assert 'role="alert"' in response.content.decode()
    assert set_password(client, form).status_code == 302
