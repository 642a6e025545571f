"""News of a case that a target was given up on: staff put it back, and it is tried for another day."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from recovery import cases, sweep
from recovery.models import AuditEvent, CaseTelling, SupportCase
from recovery.reasons import Action, CaseNews, TellingState
from tests.admin.pages import CASE_RIGHTS as RIGHTS
from tests.admin.pages import case_of, page_of, working
from tests.admin.posting import REASON, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import StaffFactory
from tests.following import let_pass
from tests.targets.stand_ins import AGENT, SECRET, TOKEN, StandIn, Webhook, Zendesk

pytestmark = pytest.mark.django_db(transaction=True)

WEBHOOK, ZENDESK = "recovery.cases.targets.webhook", "recovery.cases.targets.zendesk"


@pytest.fixture
def hook(settings: Any) -> Iterator[StandIn]:
    with Webhook.running() as (server, url):
        given = {"TARGET": WEBHOOK, "NAME": "desk", "URL": f"{url}/hook", "SECRET": SECRET}
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}
        yield server


@pytest.fixture
def case(ada: Any, hook: StandIn) -> SupportCase:
    """Its target refused it."""
    hook.faults[:] = [422]
    row = case_of(ada)
    sweep.sweep()
    assert stages() == {CaseNews.OPENED: TellingState.GIVEN_UP}
    return row


def stages() -> dict[str, str]:
    return dict(CaseTelling.objects.values_list("news", "stage"))


def again(case: SupportCase, client: Any = None) -> list[str]:
    """What staff read who press the button and state why; whoever was woken has done their work."""
    answer = said(posted(client or superuser(), working(case, "tell-again"), reason=REASON))
    sweep.sweep()
    return answer


def is_offered(case: SupportCase) -> bool:
    return working(case, "tell-again") in superuser().get(page_of(case)).content.decode()


def test_what_a_target_was_given_up_on_is_told_again_under_the_same_key(case: SupportCase, hook: Any) -> None:
    client = staff(*RIGHTS)
    assert working(case, "tell-again") in client.get(page_of(case)).content.decode()
    assert "desk" in client.get(working(case, "tell-again")).content.decode()
    [answer] = again(case, client)
    assert answer.startswith("success: The case is being passed on again.")
    assert stages() == {CaseNews.OPENED: TellingState.TOLD}
    assert len(hook.taken) == 1
    assert {each["webhook-id"] for each in hook.asked} == {str(case.pk)}
    [line] = AuditEvent.objects.filter(action=Action.CASE_TOLD_AGAIN)
    assert (line.actor_key, line.reason) == (str(client.user.pk), REASON)  # type: ignore[attr-defined]
    assert line.detail == {"case": str(case.pk), "targets": ["desk"]}
    assert not is_offered(case)


def test_twice_it_is_put_back_once(case: SupportCase, hook: Any) -> None:
    again(case)
    [answer] = again(case)
    assert answer.startswith("warning: Nothing was done")
    assert len(hook.taken) == 1
    assert AuditEvent.objects.filter(action=Action.CASE_TOLD_AGAIN).count() == 1


def test_it_is_tried_for_another_day(case: SupportCase, hook: Any) -> None:
    let_pass(timedelta(hours=30))
    hook.faults[:] = [503]
    again(case)
    assert stages() == {CaseNews.OPENED: TellingState.WAITING}
    let_pass(timedelta(hours=1))
    sweep.sweep()
    assert stages() == {CaseNews.OPENED: TellingState.TOLD}


def test_it_needs_its_right_and_a_reason_and_looking_changes_nothing(case: SupportCase) -> None:
    path = working(case, "tell-again")
    assert staff("recovery.view_supportcase").get(path).status_code == 403
    assert staff("recovery.work_cases").get(path).status_code == 403
    assert path not in staff("recovery.view_supportcase").get(page_of(case)).content.decode()
    assert posted(superuser(), path, reason=" ").context["form"].errors
    assert superuser().get(path).status_code == 200
    assert stages() == {CaseNews.OPENED: TellingState.GIVEN_UP}
    assert not AuditEvent.objects.filter(action=Action.CASE_TOLD_AGAIN).exists()


def test_out_of_scope_there_is_no_such_case(case: SupportCase, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    assert staff(*RIGHTS).get(working(case, "tell-again")).status_code == 404


def test_a_target_that_left_the_settings_is_not_told(case: SupportCase, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": []}
    assert not is_offered(case)
    [answer] = again(case)
    assert answer.startswith("warning: Nothing was done")


def test_what_waits_or_was_told_is_left_alone(ada: Any, hook: Any) -> None:
    hook.faults[:] = [503]
    case = case_of(ada)
    sweep.sweep()
    assert not is_offered(case)
    [answer] = again(case)
    assert answer.startswith("warning: Nothing was done")
    assert not AuditEvent.objects.filter(action=Action.CASE_TOLD_AGAIN).exists()


def test_of_a_closed_case_it_is_told_that_it_was_opened_and_then_that_it_is_closed(
    case: SupportCase, hook: Any
) -> None:
    hook.faults[:] = [422]
    cases.close(case, actor=StaffFactory.create(), reason="called back")
    sweep.sweep()
    assert set(stages().values()) == {TellingState.GIVEN_UP}
    again(case)
    sweep.sweep()
    assert set(stages().values()) == {TellingState.TOLD}
    assert [each["type"] for each in hook.taken] == ["case.opened", "case.closed"]


def test_whoever_knows_that_it_is_closed_is_not_told_any_more_that_it_was_opened(case: SupportCase) -> None:
    cases.close(case, actor=StaffFactory.create(), reason="called back")
    sweep.sweep()
    assert stages() == {CaseNews.OPENED: TellingState.GIVEN_UP, CaseNews.CLOSED: TellingState.TOLD}
    assert not is_offered(case)


def test_a_ticket_that_is_there_after_all_is_found(ada: Any, settings: Any) -> None:
    """Its answer was lost, and the target forgets keys: it is looked for, as at any further try."""
    with Zendesk.running() as (server, url):
        server.remembers_keys = False  # type: ignore[misc]
        given = {"TARGET": ZENDESK, "SUBDOMAIN": "example", "EMAIL": AGENT, "API_TOKEN": TOKEN, "BASE_URL": url}
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}
        server.faults[:] = ["silent", 422]
        case = case_of(ada)
        sweep.sweep()
        let_pass(timedelta(hours=1))
        sweep.sweep()
        assert stages() == {CaseNews.OPENED: TellingState.GIVEN_UP}
        again(case)
        assert stages() == {CaseNews.OPENED: TellingState.TOLD}
        assert len(server.taken) == 1
