"""The provider's own list: shown, lifted, looked at again, whatever the provider answers at first."""

from collections.abc import Iterator
from typing import Any

import pytest

from recovery import provider_lists
from recovery.provider_lists import calling
from recovery.reasons import Action
from tests.factories import StaffFactory
from tests.following import trail
from tests.provider_lists import standins
from tests.provider_lists.standins import KEY, StandIn

pytestmark = pytest.mark.django_db

ADA = "ada+x@reader.example"
LISTED = {
    "postmark": "HardBounce",
    "sendgrid": "bounces",
    "mailgun": "bounces",
    "brevo": "hardBounce",
    "amazon_ses": "BOUNCE",
}
BACKENDS = {"amazon_ses": "amazon_ses", "brevo": "brevo", "mailgun": "mailgun", "postmark": "postmark"} | {
    "sendgrid": "sendgrid"
}
FOREIGN = {"postmark": "SpamComplaint", "sendgrid": "global", "mailgun": "unsubscribes", "brevo": "unsubscribedViaMA"}
"""What only the person, or the provider, takes back."""


def settings_of(esp: str, url: str, key: str = KEY) -> dict[str, Any]:
    if esp == "amazon_ses":
        params = {"aws_access_key_id": "AKID", "aws_secret_access_key": key, "region_name": "eu-west-1"}
        return {"AMAZON_SES_CLIENT_PARAMS": {**params, "endpoint_url": url}}
    name = "SERVER_TOKEN" if esp == "postmark" else "API_KEY"
    api = url if esp == "postmark" else f"{url}/v3"
    domain = {"MAILGUN_SENDER_DOMAIN": "mail.site.example"} if esp == "mailgun" else {}
    return {f"{esp.upper()}_{name}": key, f"{esp.upper()}_API_URL": api, **domain}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "LONGEST_PAUSE", 0.01)


@pytest.fixture(params=sorted(LISTED))
def provider(request: pytest.FixtureRequest, settings: Any) -> Iterator[Any]:
    cls = next(each for each in StandIn.__subclasses__() if vars(each)["esp"] == request.param)
    with standins.listening(cls()) as standin:
        settings.ANYMAIL = settings_of(request.param, standin.url)
        backend = f"anymail.backends.{BACKENDS[request.param]}.EmailBackend"
        settings.RECOVERY = settings.RECOVERY | {"ROUTES": [{"NAME": "main", "BACKEND": backend}]}
        yield standin


def test_an_address_that_is_not_listed_has_nothing_there(provider: Any) -> None:
    provider.held["bob@reader.example"] = {LISTED[provider.esp]: "no such user"}
    [looked] = provider_lists.show(ADA)
    assert (looked.route, looked.esp, looked.entries, looked.unknown) == ("main", provider.esp, [], "")


def test_what_is_listed_is_shown_and_lifted_and_looked_at_again(provider: Any) -> None:
    provider.held[ADA] = {LISTED[provider.esp]: "no such user"}
    [looked] = provider_lists.show(ADA)
    [entry] = looked.entries
    assert entry.can_be_lifted
    assert entry.why
    assert entry.since is not None
    assert entry.since.year == 2026
    [after] = provider_lists.lift(ADA, actor=StaffFactory.create(), reason="the mailbox is back")
    assert (after.entries, after.unknown) == ([], "")
    assert provider.asked[-1].method == "GET"
    assert len(provider.deleted) == 1
    [asked], [tried] = trail(Action.PROVIDER_LIFT_ASKED), trail(Action.PROVIDER_LIFTED)
    assert (asked["routes"], tried["left"], tried["clear"]) == (["main"], [], ["main"])


@pytest.mark.parametrize("fails", [[429], [500], [503, 502], [0], [0, 429]], ids=str)
def test_what_fails_at_first_is_asked_again_and_done_once(provider: Any, fails: list[int]) -> None:
    provider.held[ADA] = {LISTED[provider.esp]: "no such user"}
    actor = StaffFactory.create()
    provider_lists.lift(ADA, actor=actor, reason="how many calls it takes")
    calls = len(provider.asked)
    for before in range(calls):  # whichever call it hits: showing, lifting, looking again
        provider.held[ADA] = {LISTED[provider.esp]: "no such user"}
        provider.deleted.clear()
        provider.fails = [*[-1] * before, *fails]
        [after] = provider_lists.lift(ADA, actor=actor, reason="again")
        assert (after.entries, after.unknown) == ([], ""), before
        assert len(provider.deleted) == 1


@pytest.mark.parametrize("status", [429, 500, 0])
def test_what_cannot_be_learned_is_unknown_and_never_fine(provider: Any, status: int) -> None:
    provider.held[ADA] = {LISTED[provider.esp]: "no such user"}
    provider.fails = [status] * 20
    [looked] = provider_lists.show(ADA)
    assert looked.unknown
    [looked] = provider_lists.lift(ADA, actor=StaffFactory.create(), reason="try")
    assert looked.unknown
    assert provider.deleted == []
    [tried] = trail(Action.PROVIDER_LIFTED)
    assert (tried["left"], tried["clear"]) == (["main"], [])


def test_a_wrong_key_is_said_and_not_tried_again(provider: Any, settings: Any) -> None:
    settings.ANYMAIL = settings_of(provider.esp, provider.url, "another key")
    [looked] = provider_lists.show(ADA)
    assert looked.unknown == "HTTP 401"
    assert len(provider.asked) == 1
    assert "another key" not in repr(looked)


@pytest.mark.parametrize("provider", sorted(FOREIGN), indirect=True)
def test_a_persons_own_opt_out_is_shown_and_left_alone(provider: Any) -> None:
    provider.held[ADA] = {FOREIGN[provider.esp]: "asked"}
    [looked] = provider_lists.lift(ADA, actor=StaffFactory.create(), reason="try")
    assert [entry.can_be_lifted for entry in looked.entries] == [False]
    assert provider.deleted == []


@pytest.mark.parametrize("provider", ["brevo"], indirect=True)
def test_brevos_list_is_read_page_by_page(provider: Any) -> None:
    provider.held = {f"r{n}@reader.example": {"hardBounce": 1} for n in range(150)} | {ADA: {"hardBounce": 1}}
    [looked] = provider_lists.show(ADA)
    assert len(looked.entries) == 1
    assert len(provider.asked) == 2


@pytest.mark.parametrize("provider", ["postmark"], indirect=True)
def test_of_two_routes_to_one_account_one_is_asked_by_and_both_are_clear(provider: Any, settings: Any) -> None:
    [main] = settings.RECOVERY["ROUTES"]
    settings.RECOVERY = settings.RECOVERY | {"ROUTES": [main, {**main, "NAME": "spare"}]}
    provider.held[ADA] = {LISTED[provider.esp]: "no such user"}
    [looked] = provider_lists.lift(ADA, actor=StaffFactory.create(), reason="the mailbox is back")
    assert looked.route == "main"
    assert trail(Action.PROVIDER_LIFTED)[0]["clear"] == ["main", "spare"]


def test_a_site_without_such_a_provider_asks_nobody(settings: Any) -> None:
    assert provider_lists.show(ADA) == []
