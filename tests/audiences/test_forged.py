"""Nothing that a request brings names a door: no host that the settings do not have, no header, parameter or cookie."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.core import mail

from recovery import audiences
from tests.asking import asked
from tests.audiences.site import FORGOT, SIGN_IN, at, host_of, is_of, joins, links, mailed_link
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

HOSTS_OF_NOBODY = ("evil.example", "portal.example.evil.example", "xportal.example", "portal.example:8443")
PARAMETERS = ("audience", "door", "host", "next", "base_url", "site")
HEADERS = ("HTTP_X_FORWARDED_HOST", "HTTP_X_HOST", "HTTP_FORWARDED", "HTTP_X_FORWARDED_SERVER", "HTTP_ORIGIN")


@pytest.fixture
def user() -> Any:
    return joins(UserFactory.create(), "site", "portal")


@pytest.mark.attack(15)
@pytest.mark.parametrize("value", ["portal", "club", "partner", "gone", "https://evil.example", "<b>", "club\x00"])
def test_no_parameter_chooses(value: str, user: Any) -> None:
    named, person = dict.fromkeys(PARAMETERS, value), at("site.example")
    for path in (FORGOT, SIGN_IN, "/recovery/sent/ZZZZ-ZZZZ/", "/recovery/reset/done/", "/recovery/reset/a/b/c/"):
        page = person.get(path, named)
        assert is_of("site", page), path
        assert "<b>" not in page.content.decode()
    query = urlencode(named)
    person.post(f"{FORGOT}?{query}", {"identifier": user.email, **named, "next": ""})
    assert asked().audience == "site"
    link = mailed_link()
    assert host_of(link) == "site.example"
    assert is_of("site", person.get(f"{person.get(f'{link}?{query}').url}?{query}"))


@pytest.mark.attack(15)
@pytest.mark.parametrize("value", ["portal.example", "evil.example"])
def test_no_header_beside_the_host_chooses(value: str, user: Any) -> None:
    person = at("site.example", **dict.fromkeys(HEADERS, value))
    assert is_of("site", person.get(FORGOT))
    person.post(FORGOT, {"identifier": user.email})
    assert host_of(mailed_link()) == "site.example"


@pytest.mark.attack(15)
@pytest.mark.parametrize("host", ["evil.example", "portal.example.evil.example", "portal.example@evil.example", "a b"])
def test_a_host_that_the_site_does_not_allow_gets_nothing(host: str, user: Any) -> None:
    assert at(host).post(FORGOT, {"identifier": user.email}).status_code == 400
    assert not mail.outbox


@pytest.mark.attack(15)
@pytest.mark.parametrize("host", HOSTS_OF_NOBODY)
@pytest.mark.parametrize("header", ["HTTP_HOST", "HTTP_X_FORWARDED_HOST"])
def test_a_host_that_no_door_has_is_the_default_door_even_where_all_are_allowed(
    host: str, header: str, user: Any, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.USE_X_FORWARDED_HOST = True
    person = at("library.example", **{header: host})
    page = person.get(FORGOT)
    assert is_of("default", page)
    assert "evil" not in page.content.decode()
    person.post(FORGOT, {"identifier": user.email})
    assert asked().audience == "default"
    assert host_of(mailed_link()) == "library.example"
    message = mail.outbox[-1]
    for part in (message.body, message.alternatives[0][0], message.message().as_string()):
        assert "evil" not in part


def test_a_forwarded_host_counts_where_the_site_says_that_its_proxy_sets_it(user: Any, settings: Any) -> None:
    settings.USE_X_FORWARDED_HOST = True
    assert is_of("portal", at("site.example", HTTP_X_FORWARDED_HOST="portal.example").get(FORGOT))


@pytest.mark.parametrize("host", ["PORTAL.example", "portal.example:443", "portal.example:80"])
def test_a_host_is_known_in_either_case_and_with_its_usual_port(host: str) -> None:
    assert is_of("portal", at(host).get(FORGOT))


@pytest.mark.parametrize(
    "path", ["/partners/recovery/forgot/", "/recovery/forgot/", "/x/partner/recovery/forgot/", "/"]
)
def test_a_path_is_a_door_s_from_its_beginning_and_in_whole_parts(path: str) -> None:
    assert audiences.at(host="library.example", path=path) == "default"
    assert audiences.at(host="library.example", path="/partner") == "partner"
    assert audiences.at(host="portal.example", path="/partner/recovery/forgot/") == "portal"


@pytest.mark.attack(15)
def test_a_cookie_of_the_sent_page_counts_as_it_was_signed_alone(user: Any) -> None:
    person = at("site.example")
    sent = person.post(FORGOT, {"identifier": user.email}).url
    person.cookies["recovery_asked"] = person.cookies["recovery_asked"].value.replace("site", "club")
    page = person.get(sent)
    assert is_of("site", page)
    person.cookies["recovery_asked"] = "club"
    assert is_of("site", person.get(sent))
    assert not person.get(sent).context["can_resend"]


@pytest.mark.attack(15)
def test_the_mark_of_a_link_that_was_led_home_leads_nobody_anywhere(user: Any) -> None:
    """It keeps a link where it is opened: the page is that of the link's door, as is all mail."""
    at("portal.example").post(FORGOT, {"identifier": user.email})
    link = mailed_link()
    reader = at("site.example")
    for mark in ("?moved", "?moved=https://evil.example/"):
        form = reader.get(link.removeprefix("https://portal.example") + mark).url
        assert form.endswith("/?moved")
        assert is_of("portal", reader.get(form))
    assert len(links()) == 1
