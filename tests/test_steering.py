"""What staff may do with a mail: each verb from each state, on the trail, and only what is of use is released."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from recovery import delivery, level, outbox, sweep
from recovery.models import AuditEvent, Email
from recovery.reasons import (
    STAFF_VERBS,
    Action,
    EmailKind,
    EmailReason,
    EmailState,
    EmailVerb,
    EventKind,
    MailLevel,
)
from tests.asking import ask, browser, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, notice
from tests.ways_out import raising, told

pytestmark = pytest.mark.django_db

ENDS = {
    EmailVerb.RETRY: (EmailState.QUEUED, "", EventKind.RETRIED, Action.EMAIL_RETRIED),
    EmailVerb.SET_ASIDE: (EmailState.WITHHELD, EmailReason.SET_ASIDE, EventKind.SET_ASIDE, Action.EMAIL_SET_ASIDE),
    EmailVerb.RELEASE: (EmailState.QUEUED, "", EventKind.RELEASED, Action.EMAIL_RELEASED),
    EmailVerb.STOP: (EmailState.CANCELLED, EmailReason.STAFF, EventKind.CANCELLED, Action.EMAIL_STOPPED),
}
STATE = {
    EmailState.QUEUED: {EmailVerb.SET_ASIDE, EmailVerb.STOP},
    EmailState.DEFERRED: {EmailVerb.RETRY, EmailVerb.SET_ASIDE, EmailVerb.STOP},
    EmailState.UNKNOWN: {EmailVerb.RETRY, EmailVerb.SET_ASIDE, EmailVerb.STOP},
    EmailState.WITHHELD: {EmailVerb.RELEASE, EmailVerb.STOP},
    EmailState.FAILED: {EmailVerb.RETRY},
}


def in_state(state: str, **facts: Any) -> Email:
    email = notice()
    Email.objects.filter(pk=email.pk).update(state=state, **facts)
    email.refresh_from_db()
    return email


@pytest.mark.parametrize("state", EmailState)
def test_each_state_has_its_verbs(state: EmailState) -> None:
    assert set(outbox.verbs_for(in_state(state))) == STATE.get(state, set())


@pytest.mark.parametrize(("state", "verb"), [(state, verb) for state in STATE for verb in sorted(STATE[state])])
def test_a_verb_leads_where_it_says_and_is_on_the_trail_with_its_reason(state: EmailState, verb: EmailVerb) -> None:
    email = in_state(state, attempt_count=7, strike_count=5, doubt_count=1, next_try_at=None)
    staff = StaffFactory.create()
    assert outbox.steer(email, verb, actor=staff, reason="she called")
    to, reason, event, action = ENDS[verb]
    email.refresh_from_db()
    assert (email.state, email.reason, email.events.latest("id").kind) == (to, reason, event)
    assert (email.attempt_count, email.doubt_count) == (0 if to == EmailState.QUEUED else 7, 1)
    [row] = AuditEvent.objects.filter(action=action)
    assert (row.actor_key, row.email_id, row.reason) == (str(staff.pk), email.pk, "she called")
    assert (to == EmailState.QUEUED) == Email.objects.due().exists()


@pytest.mark.parametrize("verb", sorted(STAFF_VERBS))
@pytest.mark.parametrize("state", EmailState)
def test_a_mail_that_moved_on_meanwhile_is_left_where_it_is(state: EmailState, verb: EmailVerb) -> None:
    """The page was opened a minute ago, when the verb was to be had."""
    shown = next(of for of, verbs in STATE.items() if verb in verbs)
    email = in_state(shown)
    Email.objects.filter(pk=email.pk).update(state=state)
    done = outbox.steer(email, verb, actor=StaffFactory.create(), reason="she called")
    assert done == (verb in STATE.get(state, set()))
    if not done:
        assert Email.objects.get().state == state
        assert not AuditEvent.objects.filter(action=ENDS[verb][3]).exists()


def test_the_sites_other_mail_cannot_be_steered() -> None:
    for state in EmailState:
        email = in_state(state, kind=EmailKind.SITE)
        assert outbox.verbs_for(email) == []
        assert not outbox.steer(email, EmailVerb.STOP, actor=StaffFactory.create(), reason="x")


def test_a_mail_that_failed_leaves_when_staff_put_it_back(settings: Any) -> None:
    email = in_state(EmailState.QUEUED, strike_count=delivery.MOST_TRIES - 1)
    with told(settings, raising(ValueError("a broken header"))):
        assert delivery.deliver(email.pk) == EmailState.FAILED
    email.refresh_from_db()
    assert outbox.steer(email, EmailVerb.RETRY, actor=StaffFactory.create(), reason="mended")
    assert delivery.deliver(email.pk) == EmailState.HANDED_OVER


def test_what_the_level_held_is_counted_by_use_and_only_what_helps_is_released() -> None:
    staff = StaffFactory.create()
    level.switch(MailLevel.NONE, actor=staff, reason="a wrong template")
    useful, late, dead = notice(), notice(), UserFactory.create()
    Email.objects.filter(pk=late.pk).update(send_by=timezone.now() + timedelta(minutes=1))
    outbox.queue(EmailKind.SITE, ["a@example.com"], held=EmailReason.LEVEL_NONE)
    ask(browser(), dead.email)
    work()
    assert delivery.drain().tried == 2
    [reset] = Email.objects.filter(kind=EmailKind.RESET)
    let_pass(timedelta(minutes=2))
    assert outbox.held() == outbox.Held(useful=2, too_late=1, site=1)
    assert outbox.would_help(reset)
    reset.tokens.update(state="revoked")
    assert outbox.held() == outbox.Held(useful=1, too_late=2, site=1)
    assert not outbox.would_help(reset)
    assert not outbox.would_help(late)
    level.switch(MailLevel.ALL, actor=staff, reason="mended")
    assert mail.outbox == []
    assert sweep.sweep().tried == 0  # raising the level alone releases nothing
    assert outbox.release_held(actor=staff, reason="mended") == 1
    sweep.sweep()
    assert [message.to for message in mail.outbox] == [[useful.recipient]]
    [row] = AuditEvent.objects.filter(action=Action.EMAIL_RELEASED)
    assert (row.reason, row.detail) == ("mended", {"released": 1})
    assert outbox.release_held(actor=staff, reason="again") == 0
