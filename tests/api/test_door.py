"""The door of every call: methods, origins, bodies, headers, and each problem by its code (cases 16, 17, 76, 115)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import translation

from recovery.models import ResetRequest
from recovery.reasons import Problem
from tests.admin.staff import staff
from tests.api.calling import API, ask, code, complete, key, mailed_token, member, post, problem, program, staff_post
from tests.factories import UserFactory
from tests.following import failing

pytestmark = pytest.mark.django_db

CALLS = [url.name for url in get_resolver("recovery.api.urls").url_patterns if url.name]
POSTS = [name for name in CALLS if name not in ("metrics", "problem", "openapi")]


def path_of(name: str) -> str:
    kwargs = {"resend": {"reference": "AAAA-AAAA"}, "problem": {"code": "malformed"}}.get(name)
    return reverse(f"recovery_api:{name}", kwargs=kwargs)


@pytest.mark.attack(16)
@pytest.mark.parametrize("name", CALLS)
def test_other_methods_are_refused_and_change_nothing(name: str) -> None:
    client = program()
    allowed = {"GET", "HEAD", "OPTIONS"} if name not in POSTS else {"POST", "OPTIONS"}
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"):
        if method not in allowed:
            response = client.generic(method, path_of(name), b"{}", content_type="application/json")
            assert response.status_code == 405
            assert set(response.headers["Allow"].split(", ")) == allowed
    assert not ResetRequest.objects.exists()


FOREIGN = {
    "another site": {"HTTP_ORIGIN": "https://evil.example"},
    "another port": {"HTTP_ORIGIN": "http://testserver:8000"},
    "another scheme": {"HTTP_ORIGIN": "https://testserver"},
    "a page that hides its own": {"HTTP_ORIGIN": "null"},
    "an origin that begins like ours": {"HTTP_ORIGIN": "http://testserver.evil.example"},
    "a sibling, by fetch metadata": {"HTTP_SEC_FETCH_SITE": "same-site"},
    "a stranger, by fetch metadata": {"HTTP_SEC_FETCH_SITE": "cross-site"},
}


@pytest.mark.attack(16)
@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_page_of_a_strange_site_cannot_post(headers: dict[str, str]) -> None:
    for name in POSTS:
        response = program().post(path_of(name), b'{"identifier": "ada"}', content_type="application/json", **headers)
        assert code(response) == "origin_refused", name
        assert "Access-Control-Allow-Origin" not in response.headers
    assert code(program().options(path_of("ask"), **headers)) == "origin_refused"
    assert not ResetRequest.objects.exists()


def test_a_page_of_this_site_and_a_program_may_post() -> None:
    ours = {"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "same-origin"}
    for headers in ({}, ours, {**ours, "HTTP_HOST": "TestServer"}):
        response = ask(program(), "ada", **headers)
        assert response.status_code == 202
        assert "Access-Control-Allow-Origin" not in response.headers


def test_a_page_of_a_listed_site_may_post_and_gets_what_its_browser_needs_but_no_credentials(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "API_ORIGINS": ["https://app.example.org"]}
    origin = {"HTTP_ORIGIN": "https://app.example.org", "HTTP_SEC_FETCH_SITE": "cross-site"}
    asked = program().options(path_of("ask"), **origin, HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST")
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Methods"] == "POST"
    assert {"Content-Type", "Idempotency-Key"} <= set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    for response in (asked, ask(program(), "ada", **origin), program().get(path_of("openapi"), **origin)):
        assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert "Origin" in response.headers["Vary"]
    strange = program().get(path_of("openapi"), HTTP_ORIGIN="https://evil.example")
    assert "Access-Control-Allow-Origin" not in strange.headers


BODIES: dict[str, tuple[bytes, str]] = {
    "blanks": (b" ", "malformed"),
    "no JSON": (b"identifier=ada", "malformed"),
    "a list": (b'["ada"]', "malformed"),
    "null": (b"null", "malformed"),
    "bad UTF-8": (b'{"identifier": "\xff\xfe"}', "malformed"),
    "UTF-16": ('{"identifier": "ada"}'.encode("utf-16"), "malformed"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "malformed"),
    "NaN": (b'{"identifier": NaN}', "malformed"),
    "a huge number": (b'{"identifier": ' + b"9" * 5000 + b"}", "malformed"),
    "deep as a well": (b'{"identifier": ' + b"[" * 60_000, "malformed"),
    "trailing text": (b'{"identifier": "ada"} x', "malformed"),
    "a field twice": (b'{"identifier": "ada", "identifier": "eve"}', "malformed"),
    "too much": (b'{"identifier": "' + b"a" * 65_536 + b'"}', "too_large"),
    "a prototype": (b'{"__proto__": {"identifier": "ada"}}', "invalid"),
}


@pytest.mark.attack(17, 76)
@pytest.mark.parametrize(("body", "wanted"), BODIES.values(), ids=BODIES.keys())
def test_what_is_no_small_object_of_json_is_refused(body: bytes, wanted: str) -> None:
    assert code(post(program(), "requests/", body)) == wanted
    assert not ResetRequest.objects.exists()


class Endless:
    """A body that goes on for as long as somebody reads it, or says how much of it there is."""

    most = 0

    def read(self, size: int = -1) -> bytes:
        self.most = max(self.most, size)
        return b" " * min(size, 200_000)

    readline = read


@pytest.mark.attack(76)
def test_of_a_body_without_end_no_more_is_read_than_a_call_may_send() -> None:
    body = Endless()
    facts = {"wsgi.input": body, "CONTENT_LENGTH": str(10**9)}
    response = program().generic("POST", path_of("ask"), b"{}", content_type="application/json", **facts)
    assert code(response) == "too_large"
    assert 0 < body.most <= 64 * 1024 + 1


NEEDED = {"ask": ["identifier"], "resend": ["resend_token"], "look": ["token"], "complete": ["token", "new_password"]}


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_missing_is_named_and_so_is_the_beginning_of_what_no_call_knows(name: str) -> None:
    response = program().post(path_of(name), json.dumps({"x" * 300: 1}), content_type="application/json")
    found = [(error["field"], error["code"]) for error in problem(response)["errors"]]
    assert found == [("x" * 100, "unknown"), *((field, "required") for field in NEEDED[name])]


@pytest.mark.attack(16)
@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", ""],
)
def test_what_a_form_of_a_strange_page_could_send_is_refused(kind: str) -> None:
    assert code(post(program(), "requests/", b'{"identifier": "ada"}', content_type=kind)) == "wrong_content_type"


@pytest.mark.attack(115)
def test_every_answer_has_the_strict_headers_is_not_kept_and_sets_no_cookie() -> None:
    client = program()
    answers = [client.get(path_of(name)) if name not in POSTS else client.post(path_of(name)) for name in CALLS]
    for response in [*answers, ask(client, "ada"), client.get(f"{API}nothing/here"), client.options(path_of("ask"))]:
        assert "no-store" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert not response.cookies


def test_what_is_no_call_is_a_problem_too() -> None:
    assert code(program().get(f"{API}problems/unheard_of/")) == "not_found"
    for path in ("nothing/", "requests/7KQ2-M4XP/", "staff/", "/"):
        assert "meant" not in problem(program().get(API + path)), path
        for method in ("GET", "POST", "PUT", "DELETE", "TRACE"):
            assert code(program().generic(method, API + path)) == "not_found", (method, path)


def test_a_call_whose_slashes_are_wrong_is_not_made_and_told_its_path() -> None:
    for path in ("requests", "/requests/", "/requests", "requests/7KQ2-M4XP/resend", "links/complete", "staff/reset//"):
        found = problem(post(program(), path, {"identifier": "ada"}))
        assert (found["code"], found["meant"]) == ("not_found", f"{API}{path.strip('/')}/"), path
    assert not ResetRequest.objects.exists()


def test_a_listed_page_that_calls_what_is_no_call_may_read_that(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "API_ORIGINS": ["https://app.example.org"]}
    page = {"HTTP_ORIGIN": "https://app.example.org"}
    before = program().options(f"{API}requests", **page, HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST")
    assert before.status_code == 204
    response = post(program(), "requests", {"identifier": "ada"}, **page)
    assert code(response) == "not_found"
    for each in (before, response):
        assert each.headers["Access-Control-Allow-Origin"] == "https://app.example.org"


def test_problems_speak_the_language_of_the_caller_and_codes_do_not() -> None:
    with translation.override("de"):
        german = str(Problem.MALFORMED.label)
    response = post(program(HTTP_ACCEPT_LANGUAGE="de"), "requests/", b"{")
    assert problem(response)["title"] == german
    assert code(response) == "malformed"


def too_many(settings: Any) -> Any:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"source": (0, timedelta(hours=1))}}
    return ask(program(), "ada")


@pytest.mark.parametrize(("window", "told"), [(timedelta(milliseconds=1500), "2"), (timedelta(microseconds=1), "1")])
def test_whoever_waits_as_long_as_they_are_told_does_not_come_too_early(
    window: timedelta, told: str, settings: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"source": (0, window)}}
    assert ask(program(), "ada").headers["Retry-After"] == told


def staff_limit(settings: Any) -> Any:
    client = member(settings, "recovery.send_reset")
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (0, timedelta(hours=1))}}
    return staff_post(client, "reset", {"user": str(UserFactory.create().pk)})


def too_early(settings: Any) -> Any:
    first = ask(program(), "ada").json()
    return post(program(), f"requests/{first['reference']}/resend/", {"resend_token": first["resend_token"]})


def key_reused(settings: Any) -> Any:
    headers = key()
    ask(program(), "ada", **headers)
    return ask(program(), "eve", **headers)


def key_in_use(settings: Any) -> Any:
    headers = key()
    with failing('UPDATE "recovery_apicall"'), pytest.raises(OperationalError):
        ask(program(), "ada", **headers)
    return ask(program(), "ada", **headers)


def csrf_failed(settings: Any) -> Any:
    return staff_post(staff("recovery.diagnose"), "diagnose", {"said": "ada"})


EACH: dict[Problem, Any] = {
    Problem.MALFORMED: lambda settings: post(program(), "requests/", b"{"),
    Problem.INVALID: lambda settings: post(program(), "requests/", {}),
    Problem.WRONG_CONTENT_TYPE: lambda settings: post(program(), "requests/", b"{}", content_type="text/plain"),
    Problem.TOO_LARGE: lambda settings: post(program(), "requests/", b" " * 70_000),
    Problem.WRONG_METHOD: lambda settings: program().get(f"{API}requests/"),
    Problem.NOT_FOUND: lambda settings: program().get(f"{API}nothing/"),
    Problem.ORIGIN_REFUSED: lambda settings: ask(program(), "ada", HTTP_ORIGIN="https://evil.example"),
    Problem.CSRF_FAILED: csrf_failed,
    Problem.NOT_AUTHENTICATED: lambda settings: staff_post(program(), "diagnose", {"said": "ada"}),
    Problem.NOT_ALLOWED: lambda settings: staff_post(member(settings), "diagnose", {"said": "ada"}),
    Problem.TOO_MANY_ASKS: too_many,
    Problem.STAFF_LIMIT: staff_limit,
    Problem.TOO_EARLY: too_early,
    Problem.RESEND_REFUSED: lambda settings: post(program(), "requests/AAAA-AAAA/resend/", {"resend_token": "x"}),
    Problem.LINK_REFUSED: lambda settings: complete(program(), "x"),
    Problem.PASSWORD_REFUSED: lambda settings: complete(program(), mailed_token(UserFactory.create()), "short"),
    Problem.KEY_MALFORMED: lambda settings: ask(program(), "ada", HTTP_IDEMPOTENCY_KEY="1"),
    Problem.KEY_REUSED: key_reused,
    Problem.KEY_IN_USE: key_in_use,
}
WAITING = (Problem.TOO_MANY_ASKS, Problem.STAFF_LIMIT, Problem.TOO_EARLY, Problem.KEY_IN_USE)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("word", Problem)
def test_every_code_is_given_by_some_call_and_its_type_leads_to_what_it_means(word: Problem, settings: Any) -> None:
    response = EACH[word](settings)
    found = problem(response)
    assert found["code"] == word.value
    assert found["title"] == str(word.label)
    assert found["detail"]
    assert ("Retry-After" in response.headers) == (word in WAITING)
    assert ("WWW-Authenticate" in response.headers) == (found["status"] == 401)
    page = program().get(found["type"])
    assert page.status_code == 200
    assert page.json().items() <= found.items()


def test_the_api_works_for_a_site_that_lets_nobody_in_without_signing_in(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert ask(program(), "ada").status_code == 202
    assert staff_post(program(), "diagnose", {"said": "ada"}).status_code == 401


def test_a_session_of_a_visitor_is_neither_read_nor_needs_a_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory.create())
    response = ask(client, "ada", HTTP_ORIGIN="http://testserver")
    assert response.status_code == 202
    assert "Cookie" not in response.headers["Vary"]
    assert json.loads(response.content)["reference"]
