"""What was mended stays the cause of then, says so, and offers what is left to do now; the provider's list as well."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from recovery import outbox, resets, suppressions, sweep
from recovery.diagnosis import Finding
from recovery.diagnosis.wording import moment
from recovery.models import AuditEvent, Email, Suppression
from recovery.provider_lists import calling
from recovery.reasons import Action, Cause, EmailKind, Fix
from tests.admin.posting import REASON, posted
from tests.admin.staff import superuser
from tests.asking import asked
from tests.diagnosis.callers_of_mail import both_failed, pressed_spam, was_stopped_by_staff, was_suppressed
from tests.diagnosis.calling import Caller
from tests.diagnosis.listed import WithList
from tests.diagnosis.stage import Stage, explained, newest_email
from tests.joining import invited
from tests.provider_lists.standins import listening


@pytest.fixture
def listed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[WithList]:
    """Grace's address is on the list of a provider that sends nothing there."""
    monkeypatch.setattr(calling, "LONGEST_PAUSE", 0.01)
    with listening(WithList()) as standin:
        standin.held["grace@reader.example"] = {"outbound": "HardBounce"}
        stage.at(standin.url, WithList.key)
        yield standin


def refused(stage: Stage, **facts: Any) -> tuple[Any, str, Email]:
    user = stage.reader(email="grace@reader.example", **facts)
    reference = stage.asks(user)
    return user, reference, newest_email()


def lifted_at(email: Email) -> AuditEvent:
    posted(superuser(), f"/admin/recovery/email/{email.pk}/at-provider/", reason=REASON)
    return AuditEvent.objects.filter(action=Action.PROVIDER_LIFTED).latest("occurred_at")


def notice_to(user: Any, address: str) -> Email:
    """A mail that no request asked for."""
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, [address], user_key=str(user.pk))
    return email


def leads(ident: Any) -> Finding:
    return explained(ident).leading


def is_listed(finding: Finding, email: Email) -> bool:
    return (finding.code, finding.fix, finding.fix_target) == (
        Cause.ON_PROVIDERS_LIST, Fix.LIFT_AT_PROVIDER, ("recovery.email", str(email.pk)),
    )  # fmt: skip


@pytest.mark.parametrize("at", ["its own page", "the page of a notice", "the page of a suppression"])
def test_what_staff_took_off_the_providers_list_is_told_with_its_moment_and_a_new_link_is_left(
    at: str, stage: Stage, listed: WithList
) -> None:
    user, reference, email = refused(stage)
    assert is_listed(leads(reference), email)
    if at == "the page of a suppression":
        row = suppressions.add(user.email, reason="staff", source="desk", kind=EmailKind.NEW_DEVICE)
        posted(superuser(), f"/admin/recovery/suppression/{row.pk}/lift/", reason=REASON, at_provider="on")
        line = AuditEvent.objects.get(action=Action.PROVIDER_LIFTED)
    elif at == "the page of a notice":
        line = lifted_at(notice_to(user, user.email))
    else:
        notice_to(user, user.email)
        line = lifted_at(email)
        assert line.email_id == email.pk
    for ident in (reference, user, str(email.pk)):
        found = leads(ident)
        assert (found.code, found.fix, found.fix_target) == (
            Cause.ON_PROVIDERS_LIST, Fix.SEND_NEW_LINK, ("auth.user", str(user.pk)),
        )  # fmt: skip
        assert moment(line.occurred_at) in found.sentence
        assert "off that list" not in found.sentence
        assert [each.model for each in found.evidence] == ["recovery.emailevent", "recovery.auditevent"]
        assert (found.evidence[-1].pk, found.evidence[-1].at) == (str(line.pk), line.occurred_at)


def test_of_a_mail_to_several_accounts_each_is_told_of_the_lift(stage: Stage, listed: WithList) -> None:
    other = stage.reader(email="grace@reader.example")
    user, _reference, email = refused(stage)
    lifted_at(email)
    assert [leads(each).fix_target for each in (user, other)] == [("auth.user", str(each.pk)) for each in (user, other)]


def test_what_is_still_on_the_list_or_not_known_to_be_off_it_is_to_be_lifted(stage: Stage, listed: WithList) -> None:
    user, reference, email = refused(stage)
    listed.held[user.email] = {"SpamComplaint": "asked"}  # which only the person takes back
    assert lifted_at(email).detail["left"] == ["main"]
    assert is_listed(leads(reference), email)
    listed.fails = [500] * 20
    assert lifted_at(email).detail["left"] == ["main"]
    assert is_listed(leads(reference), email)


def test_another_providers_list_or_another_address_says_nothing_of_it(stage: Stage, listed: WithList) -> None:
    user, reference, email = refused(stage)
    with listening(WithList()) as other:
        listed.fails = [500] * 20
        main, options = stage.settings.RECOVERY["ROUTES"][0], {"server_token": other.key, "api_url": other.url}
        stage.set(ROUTES=[main, {**main, "NAME": "spare", "OPTIONS": options}])
        assert lifted_at(email).detail["clear"] == ["spare"]
        listed.fails.clear()
    assert is_listed(leads(reference), email)
    stage.set(ROUTES=[main])
    assert lifted_at(notice_to(user, "other@reader.example")).detail["clear"] == ["main"]
    assert is_listed(leads(reference), email)


def test_what_is_refused_after_the_lift_is_on_the_list_again(stage: Stage, listed: WithList) -> None:
    user, reference, email = refused(stage)
    lifted_at(email)
    listed.held[user.email] = {"outbound": "HardBounce"}
    stage.rests(user)
    assert is_listed(leads(stage.asks(user)), newest_email())
    assert leads(reference).fix == Fix.SEND_NEW_LINK


def test_what_would_hold_the_new_link_back_here_is_left_to_be_lifted_first(stage: Stage, listed: WithList) -> None:
    user, reference, email = refused(stage)
    row = suppressions.add(user.email, reason="staff", source="desk")
    lifted_at(email)
    found = leads(reference)
    assert (found.code, found.fix) == (Cause.ON_PROVIDERS_LIST, Fix.LIFT_SUPPRESSION)
    assert found.fix_target == ("recovery.suppression", str(row.pk))


def test_whoever_never_had_a_password_is_sent_an_activation_once_they_are_active(stage: Stage) -> None:
    user = invited(is_active=False)
    reference = stage.asks(user)
    assert leads(reference).fix == Fix.REACTIVATE_ACCOUNT
    posted(superuser(), f"/admin/auth/user/{user.pk}/activate-account/", reason=REASON)
    found = leads(reference)
    assert (found.code, found.fix) == (Cause.INACTIVE_ACCOUNT, Fix.ACTIVATE)
    assert "make it active" not in found.sentence
    assert "send an activation link" in found.sentence


def test_a_suppression_that_ran_out_is_told_with_its_end(stage: Stage) -> None:
    user = stage.reader()
    stage.asks(user)
    stage.bounces(user)
    stage.time_passes(timedelta(hours=2))
    reference = stage.asks(user)
    stage.time_passes(timedelta(days=8))
    found = leads(reference)
    assert (found.code, found.fix) == (Cause.SUPPRESSED, Fix.SEND_NEW_LINK)
    assert moment(Suppression.objects.get().until) in found.sentence


@pytest.mark.parametrize(
    ("calls", "cause"),
    [
        (was_stopped_by_staff, Cause.SUPPRESSED_BY_STAFF),
        (was_suppressed, Cause.SUPPRESSED),
        (pressed_spam, Cause.COMPLAINED),
        (both_failed, Cause.BACKUP_FAILED),
    ],
)
def test_what_stops_mail_to_an_old_address_still_is_out_of_the_way_of_whoever_has_another(
    calls: Caller, cause: Cause, stage: Stage
) -> None:
    call = calls(stage)
    assert leads(call.who).code == cause
    call.user.email = "grace@new.example"
    call.user.save()
    found = leads(call.who)
    assert (found.code, found.fix) == (cause, Fix.SEND_NEW_LINK)
    assert found.fix_target == ("auth.user", str(call.user.pk))
    assert "out of the way by now" in found.sentence


def test_a_mail_that_was_cancelled_for_an_inactive_account_is_sent_anew_once_it_is_active(stage: Stage) -> None:
    user = stage.reader()
    reference = stage.only_asks(user)
    resets.decide(asked().pk)
    user.is_active = False
    user.save()
    sweep.sweep()
    assert (leads(reference).code, leads(reference).fix) == (Cause.INACTIVE_ACCOUNT, Fix.REACTIVATE_ACCOUNT)
    user.is_active = True
    user.save()
    assert (leads(reference).code, leads(reference).fix) == (Cause.INACTIVE_ACCOUNT, Fix.SEND_NEW_LINK)
    assert "make it active" not in leads(reference).sentence
