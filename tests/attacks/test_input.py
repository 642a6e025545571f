"""Hostile input at every page: what cannot be right, raw bytes, headers, paths, sizes (case 17)."""

from typing import Any

import pytest
from django.core import mail

from recovery.models import ResetRequest
from tests.asking import FORGOT, NEW_PASSWORD, ask, browser, follow, links, recipients, set_password, work

pytestmark = pytest.mark.django_db
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
