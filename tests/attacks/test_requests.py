"""Forged hosts, other methods, posts from other sites and ways to other sites (cases 15 and 16)."""

from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.test import Client

from recovery.models import Email, EmailEvent, LimitCounter, Objection, ResetRequest
from tests.asking import FORGOT, ask, asked, browser, follow, links, set_password, work

pytestmark = pytest.mark.django_db
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


NOBODYS = UUID(int=1)  # the same in every process that collects these tests
READS = ["forgot/", "sent/AAAA-AAAA/", "sent/x/", "reset/done/", f"reset/{'a' * 22}/", f"reset/{'a' * 22}/{'b' * 43}/",
         "reset/x/y/z/", "change-password/", "not-me/done/", f"not-me/{NOBODYS}/", f"not-me/{NOBODYS}/{'b' * 43}/",
         "not-me/x/y/"]  # fmt: skip


@pytest.mark.attack(16)
@pytest.mark.parametrize("method", ["get", "head", "options"])
@pytest.mark.parametrize("path", READS)
def test_reading_a_page_writes_no_row(path: str, method: str) -> None:
    getattr(browser(), method)(f"/recovery/{path}")
    assert not any(model.objects.exists() for model in (ResetRequest, Email, EmailEvent, LimitCounter, Objection))


@pytest.mark.attack(16)
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize("path", READS)
def test_other_methods_are_refused_or_dead(path: str, method: str) -> None:
    response = getattr(browser(), method)(f"/recovery/{path}")
    assert response.status_code in {403, 405}


@pytest.mark.attack(16)
@pytest.mark.parametrize(
    "path", ["forgot/", "sent/AAAA-AAAA/", f"reset/{'a' * 22}/", "reset/done/", f"not-me/{NOBODYS}/"]
)
def test_another_site_cannot_post_here(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(
        f"/recovery/{path}", {"identifier": "ada@example.com", "new_password1": "x", "again": "1", "code": "12345678"}
    )
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
