"""A wrong address, staff who correct it, and the owner of the old one: nobody gets an account by it alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from recovery import notices, retention, sweep
from recovery.models import AddressCorrection, AuditEvent, CaseNote, Email, Rotation, SupportCase
from recovery.reasons import Action, CorrectionState, EmailKind, Outcome
from tests.admin.posting import REASON, USERS, form_of, page_of, posted, said
from tests.admin.staff import staff
from tests.asking import NEW_PASSWORD, ask, asked, browser, follow, links, set_password, work
from tests.factories import PASSWORD, UserFactory
from tests.following import let_pass, trail
from tests.ladder import with_backup
from tests.objecting import DONE, THIEF, code_in, link_in, newest_to, opened, says_so

pytestmark = pytest.mark.django_db(transaction=True)

AGENT = ("auth.view_user", "recovery.correct_address", "recovery.send_reset", "recovery.view_addresscorrection")
SECOND = (*AGENT, "recovery.approve_correction")
OLD, NEW, SPARE = "ada@old.example", "thief@evil.example", "spare@example.net"


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email=OLD)


def waits(settings: Any, mode: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": mode}


def proposes(client: Any, user: Any, address: str = NEW) -> Any:
    return posted(client, f"{USERS}{user.pk}/correct-address/", address=address, reason=REASON)


def row() -> AddressCorrection:
    return AddressCorrection.objects.get()


def decides(client: Any, act: str = "approve", reason: str = "she called, and I called her back") -> Any:
    return posted(client, f"/admin/recovery/addresscorrection/{row().pk}/decide/{act}/", reason=reason)


def mailed_to(address: str) -> list[Any]:
    work()
    sweep.sweep()
    return [message for message in mail.outbox if message.to == [address]]


def has(user: Any, address: str) -> bool:
    user.refresh_from_db()
    return bool(user.email == address)


@pytest.mark.attack(46)
def test_an_agent_alone_gets_no_link_to_an_address_of_their_own_by_any_door(ada: Any) -> None:
    agent = staff(*SECOND, "auth.change_user")
    proposes(agent, ada)
    posted(agent, page_of(ada), **form_of(ada, email="thief2@evil.example"))
    assert said(decides(agent)) == ["error: Somebody else must approve what you have proposed."]
    posted(agent, f"{USERS}{ada.pk}/send-reset-link/", reason=REASON)
    for typed in (NEW, "ada", OLD):
        let_pass(timedelta(minutes=2))
        ask(browser(), typed)
        work()
    assert has(ada, OLD)
    assert mailed_to(NEW) == mailed_to("thief2@evil.example") == []
    assert {message.to[0] for message in mail.outbox} == {OLD}
    assert row().state == CorrectionState.PENDING
    refused = AuditEvent.objects.filter(action=Action.STAFF_REFUSED)
    assert [each.detail["by"] for each in refused] == ["own proposal"]
    [proposal] = AuditEvent.objects.filter(action=Action.ADDRESS_PROPOSED)
    assert (proposal.actor_key, proposal.user_key, proposal.reason) == (str(agent.user.pk), str(ada.pk), REASON)  # type: ignore[attr-defined]


@pytest.mark.attack(46)
def test_an_agent_chooses_no_password_and_sees_no_link(ada: Any) -> None:
    """Nor is there any page that asks for what somebody could know of a person: nothing but a link lets anybody in."""
    agent = staff(*SECOND, *(f"recovery.view_{page}" for page in ("email", "resetrequest", "auditevent")))
    password = f"{USERS}{ada.pk}/password/"
    assert agent.get(password).status_code == 403
    typed = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert posted(agent, password, form_at="/admin/", **typed).status_code == 403
    posted(agent, f"{USERS}{ada.pk}/send-reset-link/", reason=REASON)
    work()
    [letter] = [message for message in mailed_to(OLD) if links(message)]
    request, secret = asked(), links(letter)[0].split("/")[4]
    for model, key in (("resetrequest", request.pk), ("email", request.emails.get().pk)):
        page = agent.get(f"/admin/recovery/{model}/{key}/change/")
        assert page.status_code == 200
        assert secret not in page.content.decode()
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_a_second_member_of_staff_approves_and_a_fresh_link_goes_to_the_new_address(ada: Any) -> None:
    agent, second = staff(*AGENT), staff(*SECOND)
    answer = proposes(agent, ada)
    assert said(answer) == [
        "success: The address is proposed. It takes effect when somebody else on the staff approves it."
    ]
    assert len(mailed_to(OLD)) == 1
    assert mailed_to(NEW) == []
    let_pass(timedelta(days=3))
    sweep.sweep()
    assert has(ada, OLD)

    assert said(decides(second)) == ["success: The address is corrected, and a fresh link goes to it."]
    assert has(ada, NEW)
    told, letter = sorted(mailed_to(NEW), key=lambda message: len(links(message)))
    assert "was changed" in told.subject
    [link] = links(letter)
    client = browser()
    assert set_password(client, follow(client, link)).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password(NEW_PASSWORD)
    assert [message.subject.split(" of ")[0] for message in mailed_to(OLD)] == [
        "Somebody asked to change the email address",
        "The email address",
    ]
    [ended] = AuditEvent.objects.filter(action=Action.CORRECTION_ENDED)
    assert ended.actor_key == str(second.user.pk)  # type: ignore[attr-defined]
    assert (ended.detail["end"], ended.detail["proposed_by"]) == ("done", str(agent.user.pk))  # type: ignore[attr-defined]
    assert asked().reason == ended.reason


def test_the_old_address_and_the_backup_stop_it_and_no_access_ends(ada: Any) -> None:
    with_backup(ada, SPARE)
    for reader in (OLD, SPARE):
        AddressCorrection.objects.all().delete()
        proposes(staff(*AGENT), ada)
        notice = newest_to(reader)
        client, form = opened(link_in(notice))
        page = client.get(form).content.decode()
        assert "Stop the change" in page
        assert "signed out" not in page
        assert client.post(form, {"code": code_in(notice)}).url == f"{DONE}withdrawn"
        assert "stays as it is" in browser().get(f"{DONE}withdrawn").content.decode()
        assert row().state == CorrectionState.OBJECTED
        assert said(decides(staff(*SECOND)))[0].startswith("warning: Nothing was changed")
    assert has(ada, OLD)
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert not Rotation.objects.exists()
    assert SupportCase.objects.get().user_key == str(ada.pk)
    assert "not they who asked" in CaseNote.objects.first().text  # type: ignore[union-attr]
    assert mailed_to(NEW) == []


def test_once_it_took_effect_the_same_code_disputes_it_also_after_the_thief_used_the_link(ada: Any) -> None:
    proposes(staff(*AGENT), ada)
    notice = newest_to(OLD)
    decides(staff(*SECOND))
    [letter] = [message for message in mailed_to(NEW) if links(message)]
    client = browser()
    set_password(client, follow(client, links(letter)[0]))
    assert says_so(notice).url == f"{DONE}disputed"
    sweep.sweep()
    ada.refresh_from_db()
    assert not ada.has_usable_password()
    let_pass(timedelta(minutes=2))
    ask(browser(), NEW)
    assert work() == [Outcome.DISPUTED]


def test_the_notice_of_the_change_outlives_a_link_that_went_to_the_new_address(ada: Any) -> None:
    proposes(staff(*AGENT), ada)
    decides(staff(*SECOND))
    [letter] = [message for message in mailed_to(NEW) if links(message)]
    client = browser()
    set_password(client, follow(client, links(letter)[0]))
    assert says_so(newest_to(OLD)).url == f"{DONE}disputed"


def test_stopping_a_change_is_no_reason_to_pass_over_the_next_notice(ada: Any) -> None:
    proposes(staff(*AGENT), ada)
    proposal = newest_to(OLD)
    notices.suspicious_sign_in(ada, origin=THIEF)
    suspicious = newest_to(OLD)
    says_so(proposal)
    assert says_so(suspicious).url == f"{DONE}rotated"


def test_with_a_wait_it_takes_effect_by_itself_unless_the_old_address_objects(ada: Any, settings: Any) -> None:
    waits(settings, timedelta(days=3))
    answer = proposes(staff(*AGENT), ada)
    assert said(answer) == [
        "success: The address is proposed. It takes effect after a wait, unless the old one objects."
    ]
    let_pass(timedelta(days=2, hours=23))
    sweep.sweep()
    assert has(ada, OLD)
    assert mailed_to(NEW) == []
    let_pass(timedelta(hours=2))
    assert sweep.sweep().corrected == 1
    assert has(ada, NEW)
    assert len([message for message in mailed_to(NEW) if links(message)]) == 1
    assert sweep.sweep().corrected == 0


@pytest.mark.parametrize("trouble", ["left", "no right", "out of scope", "stricter"])
def test_a_wait_gives_nothing_to_staff_who_could_not_propose_it_now(ada: Any, settings: Any, trouble: str) -> None:
    waits(settings, timedelta(days=3))
    agent: Any = staff(*AGENT)
    proposes(agent, ada)
    let_pass(timedelta(days=4))
    if trouble == "left":
        type(agent.user).objects.filter(pk=agent.user.pk).update(is_active=False)
    elif trouble == "no right":
        agent.user.user_permissions.clear()
    elif trouble == "out of scope":
        settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": "tests.admin.staff.may_act_on_all_but_ada"}
    else:
        waits(settings, "second_approver")
    sweep.sweep()
    assert has(ada, OLD)
    assert row().state == (CorrectionState.PENDING if trouble == "stricter" else CorrectionState.LAPSED)


def test_a_proposal_that_nobody_decides_on_lapses_after_a_week(ada: Any) -> None:
    proposes(staff(*AGENT), ada)
    let_pass(timedelta(days=6, hours=23))
    sweep.sweep()
    assert row().state == CorrectionState.PENDING
    let_pass(timedelta(hours=2))
    sweep.sweep()
    assert row().state == CorrectionState.LAPSED
    assert [each["end"] for each in trail(Action.CORRECTION_ENDED)] == ["lapsed"]
    decides(staff(*SECOND))
    assert has(ada, OLD)


def test_what_changed_meanwhile_is_not_overwritten(ada: Any) -> None:
    proposes(staff(*AGENT), ada)
    type(ada).objects.filter(pk=ada.pk).update(email="ada@third.example")
    decides(staff(*SECOND))
    assert has(ada, "ada@third.example")
    assert row().state == CorrectionState.OVERTAKEN
    assert mailed_to(NEW) == []


def test_a_new_password_that_is_forced_meanwhile_withdraws_it(ada: Any) -> None:
    proposes(staff(*AGENT), ada)
    posted(staff("auth.view_user", "recovery.force_rotation"), f"{USERS}{ada.pk}/force-password/", reason=REASON)
    sweep.sweep()
    assert row().state == CorrectionState.ROTATED
    decides(staff(*SECOND))
    assert has(ada, OLD)
    assert mailed_to(NEW) == []


def test_an_address_edited_in_the_persons_form_is_a_proposal_too_and_the_rest_is_saved(ada: Any) -> None:
    editor = staff("auth.view_user", "auth.change_user")
    answer = posted(editor, page_of(ada), **form_of(ada, email=NEW, first_name="Ada"))
    assert "success: The address is proposed." in said(answer)[0]
    assert has(ada, OLD)
    assert ada.first_name == "Ada"
    assert row().reason == REASON
    assert mailed_to(NEW) == []
    assert Email.objects.filter(kind=EmailKind.ADDRESS_PROPOSED, recipient=OLD).count() == 1


def test_of_one_account_one_proposal_is_pending_and_a_refused_one_makes_room(ada: Any) -> None:
    agent, second = staff(*AGENT), staff(*SECOND)
    proposes(agent, ada)
    assert said(proposes(second, ada, "ada@other.example"))[0].startswith("error: A correction of this address")
    assert said(decides(agent, "refuse")) == ["success: The correction is refused. The address stays."]
    assert row().state == CorrectionState.REFUSED
    proposes(second, ada, "ada@other.example")
    assert AddressCorrection.objects.pending().get().new_address == "ada@other.example"


def test_proposals_count_in_the_cap_of_links(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (1, timedelta(hours=1))}}
    agent = staff(*AGENT)
    proposes(agent, ada)
    other = UserFactory()
    assert said(proposes(agent, other))[0].startswith("error: Too many links sent")
    assert AddressCorrection.objects.count() == 1
    assert trail(Action.STAFF_REFUSED) == [{"by": "staff limit"}]


def test_corrections_go_with_the_requests_when_their_time_is_over(ada: Any) -> None:
    proposes(staff(*AGENT), ada)
    decides(staff(*SECOND), "refuse")
    assert retention.purge().corrections == 0
    let_pass(timedelta(days=401))
    assert retention.outlook().corrections == 1
    assert retention.purge().corrections == 1
    assert not AddressCorrection.objects.exists()
