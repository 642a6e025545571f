"""A case reaches its targets once, whatever they answer: the same key for each try, waits in between, never doubled."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from recovery import cases, sweep
from recovery.cases import telling
from recovery.models import CaseTelling, SupportCase
from recovery.reasons import Alarm, CaseNews, TellingState
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass
from tests.ladder import asks, fails
from tests.targets.stand_ins import (
    AGENT,
    AGENT_NAME,
    KEY_FIELD,
    ORG_ID,
    SECRET,
    TOKEN,
    Notified,
    Salesforce,
    StandIn,
    Webhook,
    Zendesk,
)

pytestmark = pytest.mark.django_db(transaction=True)

SERVERS: dict[str, type[StandIn]] = {
    "zendesk": Zendesk,
    "salesforce": Salesforce,
    "webhook": Webhook,
    "apprise": Notified,
}
SAYING_WHY = ("zendesk", "salesforce", "webhook")
"""Apprise says yes or no and nothing else."""


def notified(url: str, password: str) -> str:
    at = url.removeprefix("http://")
    return f"json://{AGENT_NAME}:{password}@{at}/notify?+Idempotency-Key={{key}}"


def options(name: str, url: str, **more: Any) -> dict[str, Any]:
    given: dict[str, dict[str, Any]] = {
        "zendesk": {"SUBDOMAIN": "example", "EMAIL": AGENT, "API_TOKEN": TOKEN, "BASE_URL": url},
        "salesforce": {
            "ORG_ID": ORG_ID,
            "KEY_FIELD": KEY_FIELD,
            "URL": f"{url}/servlet/servlet.WebToCase",
            "FIELDS": {"origin": "Web"},
        },
        "webhook": {"URL": f"{url}/hook", "SECRET": SECRET},
        "apprise": {"URL": notified(url, TOKEN)},
    }
    return {"TARGET": f"recovery.cases.targets.{name}", **given[name], **more}


@pytest.fixture(params=SERVERS)
def target(request: pytest.FixtureRequest, settings: Any) -> Iterator[Any]:
    """A stand-in that the settings name."""
    if request.param == "apprise":
        pytest.importorskip("apprise")
    with SERVERS[request.param].running() as (server, url):
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [options(request.param, url)]}
        yield server


def opened() -> SupportCase:
    fails(asks(UserFactory.create(username="ada", email="ada.lovelace@example.com")))
    return SupportCase.objects.get()


def later(hours: float = 0.3) -> None:
    let_pass(timedelta(hours=hours))
    sweep.sweep()


def test_a_case_is_told_once(target: Any) -> None:
    case = opened()
    later()
    assert len(target.taken) == len(target.asked) == 1
    assert str(case.pk) in json.dumps(target.taken)
    assert CaseTelling.objects.get().stage == TellingState.TOLD


@pytest.mark.parametrize(
    "faults", [[429], [503], [500, 502, 504], ["gone"], ["silent"], ["silent", 503, "silent"]], ids=str
)
def test_what_fails_is_tried_again_under_the_same_key_and_never_doubled(target: Any, faults: list[Any]) -> None:
    target.faults[:] = faults
    case = opened()
    for _ in range(len(faults) + 2):
        later(1.1)
    assert len(target.taken) == 1
    assert CaseTelling.objects.get().stage == TellingState.TOLD
    keys = {each.get("idempotency-key") or each.get("webhook-id") for each in target.asked} - {None}
    assert keys <= {str(case.pk)}


def test_zendesk_is_asked_first_when_it_may_have_forgotten_the_key(settings: Any) -> None:
    with Zendesk.running() as (server, url):
        server.remembers_keys = False  # type: ignore[misc]
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [options("zendesk", url)]}
        server.faults[:] = ["silent"]
        opened()
        later(3)
        assert len(server.taken) == 1


saying_why = pytest.mark.parametrize("target", SAYING_WHY, indirect=True)


@saying_why
def test_a_pause_that_the_target_asks_for_is_kept_up_to_an_hour(target: Any) -> None:
    target.faults[:] = [429]
    before = timezone.now() - timedelta(seconds=1)
    opened()
    [row] = CaseTelling.objects.all()
    assert before < row.next_try_at - timedelta(seconds=120) <= timezone.now()
    CaseTelling.objects.update(next_try_at=timezone.now() + timedelta(seconds=120))  # however long this test takes
    sweep.sweep()
    assert len(target.asked) == 1
    let_pass(timedelta(minutes=3))
    assert cases.tell_due(seconds=0) == 0, "no time is left to begin another try"


@saying_why
@pytest.mark.parametrize("pause", [str(10**9), "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_and_no_longer(target: Any, pause: str) -> None:
    target.faults[:], target.pause = [429], pause
    opened()
    assert CaseTelling.objects.get().next_try_at <= timezone.now() + timedelta(hours=1)


def test_a_case_is_not_redirected_to_where_nobody_configured_it(settings: Any) -> None:
    with Webhook.running() as (server, url), Webhook.running() as (elsewhere, other):
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [options("webhook", url)]}
        server.faults[:] = [f"{other}/hook"]
        opened()
        assert elsewhere.asked == []
        assert CaseTelling.objects.get().stage == TellingState.WAITING


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("zendesk", {"API_TOKEN": "stolen"}),
        ("webhook", {"SECRET": SECRET[:-8] + "AAAAAAA="}),
        ("salesforce", {"ORG_ID": "0"}),
    ],
)
def test_a_wrong_key_keeps_the_news_sounds_an_alarm_and_goes_out_when_it_is_mended(
    name: str, wrong: dict[str, str], settings: Any, heard: list[Any]
) -> None:
    with SERVERS[name].running() as (server, url):
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [options(name, url, **wrong)]}
        opened()
        assert server.taken == []
        assert CaseTelling.objects.get().stage == TellingState.WAITING
        assert heard == [(Alarm.CASE_NOT_TOLD, name)]
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [options(name, url)]}
        later()
        assert len(server.taken) == 1


@saying_why
def test_what_is_refused_for_good_is_given_up_with_an_alarm(target: Any, heard: list[Any]) -> None:
    target.faults[:] = [422]
    opened()
    later()
    assert CaseTelling.objects.get().stage == TellingState.GIVEN_UP
    assert len(target.asked) == 1
    assert [alarm for alarm, _ in heard] == [Alarm.CASE_NOT_TOLD]


def test_a_wrong_password_in_apprises_url_keeps_the_news_until_it_is_mended(settings: Any) -> None:
    pytest.importorskip("apprise")
    with Notified.running() as (server, url):
        target = "recovery.cases.targets.apprise"
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [{"TARGET": target, "URL": notified(url, "guess")}]}
        opened()
        assert server.taken == []
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [{"TARGET": target, "URL": notified(url, TOKEN)}]}
        later()
        assert len(server.taken) == 1


def test_after_a_day_it_is_given_up(target: Any) -> None:
    target.faults[:] = [503] * 9
    opened()
    later(25)
    assert CaseTelling.objects.get().stage == TellingState.GIVEN_UP


def test_that_a_case_was_closed_is_told_after_that_it_was_opened(settings: Any) -> None:
    with Zendesk.running() as (server, url):
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [options("zendesk", url)]}
        server.faults[:] = [429]
        case = opened()
        assert cases.close(case, actor=StaffFactory.create(), reason="called back")
        assert len(server.asked) == 1
        later(1.1)
        later(1.1)
        server.faults[:] = ["silent"]
        later(1.1)
        [ticket] = server.taken
        assert ticket["status"] == "solved"
        assert len(ticket["comments"]) == 2


@pytest.mark.parametrize("name", ["zendesk", "webhook"])
def test_a_lost_answer_closes_nothing_twice(name: str, settings: Any) -> None:
    with SERVERS[name].running() as (server, url):
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [options(name, url)]}
        case = opened()
        server.faults[:] = ["silent"] if name == "webhook" else [None, "silent"]  # it is looked for first
        cases.close(case, actor=StaffFactory.create(), reason="called back")
        for _ in range(3):
            later(1.1)
        told = server.taken if name == "webhook" else server.taken[0]["comments"]
        assert len(told) == 2


def test_two_workers_do_not_tell_it_twice(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = telling._answer

    def meanwhile(row: CaseTelling) -> Any:
        assert cases.tell_due() == 0
        return answer(row)

    monkeypatch.setattr(telling, "_answer", meanwhile)
    opened()
    assert len(target.asked) == 1


def test_a_worker_that_died_is_followed_by_another(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """The process is gone."""

    def die(row: CaseTelling) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(telling, "_answer", die)
        with pytest.raises(Killed):
            opened()
    sweep.sweep()
    assert target.taken == []
    later(0.1)
    assert len(target.taken) == 1


def test_a_case_says_no_token_no_full_address_and_no_client_address(target: Any) -> None:
    opened()
    sent = json.dumps(target.taken)
    link = mail.outbox[-1].body.split("/reset/")[1].split("/")
    for secret in ("ada.lovelace@example.com", "127.0.0.1", link[0], link[1].strip(), TOKEN, SECRET):
        assert secret not in sent, secret
    assert "bounced" in sent


def test_the_admin_target_tells_nobody(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [{"TARGET": "recovery.cases.targets.admin"}]}
    opened()
    assert not CaseTelling.objects.exists()
    assert len(mail.outbox) == 1


def test_a_target_that_left_the_settings_is_given_up(target: Any, settings: Any) -> None:
    target.faults[:] = [503]
    opened()
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": []}
    later()
    assert CaseTelling.objects.get().stage == TellingState.GIVEN_UP


def test_without_apprise_the_log_says_what_to_install(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    given = {"TARGET": "recovery.cases.targets.apprise", "URL": "json://127.0.0.1/"}
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}
    opened()
    assert CaseTelling.objects.get().stage == TellingState.WAITING
    assert "pip install" in CaseTelling.objects.get().detail


@pytest.mark.parametrize("news", CaseNews)
def test_each_word_is_heard_by_the_targets_that_can_say_it(news: CaseNews) -> None:
    hears = {name: news in __import__(f"recovery.cases.targets.{name}", fromlist=["HEARS"]).HEARS for name in SERVERS}
    assert hears["webhook"]
    assert hears["zendesk"]
    assert hears["salesforce"] == (news == CaseNews.OPENED)
