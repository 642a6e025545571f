"""How staff retry, set aside, release and cancel a mail: with a reason, the right, and the person in their scope."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from recovery import accounts, delivery, outbox
from recovery.models import AuditEvent, Email
from recovery.reasons import STAFF_VERBS, EmailKind, EmailReason, EmailState, EmailVerb
from tests.admin.pages import SCRIPT, listed, reset_for
from tests.admin.posting import REASON, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.backends import Unreachable
from tests.factories import UserFactory
from tests.following import provider

pytestmark = pytest.mark.django_db

RIGHTS = ("recovery.view_email", "recovery.steer_email")
STARTS = {
    EmailVerb.RETRY: EmailState.DEFERRED,
    EmailVerb.SET_ASIDE: EmailState.QUEUED,
    EmailVerb.RELEASE: EmailState.WITHHELD,
    EmailVerb.STOP: EmailState.QUEUED,
}
ENDS = {
    EmailVerb.RETRY: EmailState.QUEUED,
    EmailVerb.SET_ASIDE: EmailState.WITHHELD,
    EmailVerb.RELEASE: EmailState.QUEUED,
    EmailVerb.STOP: EmailState.CANCELLED,
}
each_verb = pytest.mark.parametrize("verb", sorted(STAFF_VERBS))


def notice_to(user: Any, state: str = EmailState.QUEUED, **facts: Any) -> Email:
    """A mail without a link to this person, in this state."""
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, [user.email], user_key=accounts.key_of(user))
    Email.objects.filter(pk=email.pk).update(state=state, **facts)
    email.refresh_from_db()
    return email


def page_of(email: Email) -> str:
    return listed("email", f"{email.pk}/change/")


def steering(email: Email, verb: str) -> str:
    return listed("email", f"{email.pk}/steer/{verb}/")


def state_of(email: Email) -> str:
    email.refresh_from_db()
    return email.state


@each_verb
def test_the_button_asks_for_a_reason_and_then_does_it_with_a_line_in_the_trail(verb: EmailVerb, ada: Any) -> None:
    email = notice_to(ada, STARTS[verb])
    client = staff(*RIGHTS)
    assert steering(email, verb) in client.get(page_of(email)).content.decode()
    asking = client.get(steering(email, verb)).content.decode()
    assert "csrfmiddlewaretoken" in asking[asking.index('id="content-main"') :]
    answer = posted(client, steering(email, verb), reason=REASON)
    assert answer.redirect_chain == [(page_of(email), 302)]
    assert said(answer)[0].startswith("success: ")
    assert state_of(email) == ENDS[verb]
    [line] = AuditEvent.objects.filter(email_id=email.pk)
    assert (line.reason, line.user_key) == (REASON, accounts.key_of(ada))
    assert line.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", EmailState.values)
def test_a_page_offers_the_verbs_that_lead_somewhere_and_no_other_is_done(state: str, ada: Any) -> None:
    email = notice_to(ada, state)
    client = staff(*RIGHTS)
    offered = {verb for verb in STAFF_VERBS if steering(email, verb) in client.get(page_of(email)).content.decode()}
    assert offered == set(outbox.verbs_for(email))
    for verb in STAFF_VERBS - offered:
        assert client.get(steering(email, verb))["Location"] == page_of(email)
        answer = posted(client, steering(email, verb), page_of(email), reason=REASON)
        assert said(answer)[0].startswith("warning: Nothing was done")
    assert state_of(email) == state
    assert not AuditEvent.objects.exists()


@each_verb
def test_opening_the_page_or_asking_for_its_head_changes_nothing(verb: EmailVerb, ada: Any) -> None:
    email = notice_to(ada, STARTS[verb])
    client = staff(*RIGHTS)
    client.get(steering(email, verb), {"reason": REASON})
    client.head(steering(email, verb))
    assert state_of(email) == STARTS[verb]
    assert not AuditEvent.objects.exists()


@each_verb
@pytest.mark.parametrize("reason", [None, "", "   ", "\x00", "x" * 501])
def test_without_a_reason_nothing_is_done(verb: EmailVerb, reason: str | None, ada: Any) -> None:
    email = notice_to(ada, STARTS[verb])
    answer = posted(staff(*RIGHTS), steering(email, verb), **({} if reason is None else {"reason": reason}))
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert state_of(email) == STARTS[verb]


@each_verb
@pytest.mark.parametrize("right", [*RIGHTS, "recovery.see_addresses", "recovery.send_reset"])
def test_one_right_alone_is_not_enough_by_button_page_or_post(verb: EmailVerb, right: str, ada: Any) -> None:
    email = notice_to(ada, STARTS[verb])
    client = staff(right)
    if right == "recovery.view_email":
        assert "/steer/" not in client.get(page_of(email)).content.decode()
    assert client.get(steering(email, verb)).status_code == 403
    assert posted(client, steering(email, verb), "/admin/password_change/", reason=REASON).status_code == 403
    assert state_of(email) == STARTS[verb]


def test_whoever_is_not_signed_in_as_staff_is_sent_to_the_sign_in(ada: Any) -> None:
    email = notice_to(ada)
    person = Client()
    person.force_login(ada)
    for client in (Client(), person):
        assert "/login/" in client.post(steering(email, "stop"), {"reason": REASON})["Location"]
    assert state_of(email) == EmailState.QUEUED


def test_a_post_from_another_site_is_refused(ada: Any) -> None:
    email = notice_to(ada)
    assert superuser().post(steering(email, "stop"), {"reason": REASON}).status_code == 403
    assert state_of(email) == EmailState.QUEUED


def test_a_second_click_is_told_that_the_mail_had_moved_on(ada: Any) -> None:
    email = notice_to(ada)
    client = staff(*RIGHTS)
    posted(client, steering(email, "stop"), reason=REASON)
    answer = posted(client, steering(email, "stop"), page_of(email), reason=REASON)
    assert said(answer) == [
        "warning: Nothing was done: the mail had moved on. It is cancelled now: its link was dead, or staff stopped it."
    ]
    assert AuditEvent.objects.filter(email_id=email.pk).count() == 1


def test_mail_of_a_person_out_of_scope_looks_like_not_existing(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    outside, inside = notice_to(ada), notice_to(UserFactory())
    for client in (staff(*RIGHTS), superuser()):
        assert client.get(steering(outside, "stop")).status_code == 404
        assert client.get(steering(inside, "stop")).status_code == 200
        form = steering(inside, "stop")
        assert posted(client, steering(outside, "stop"), form, reason=REASON).status_code == 404
    assert state_of(outside) == EmailState.QUEUED


@pytest.mark.parametrize("verb", ["claim", "hand_over", "report", "nonsense"])
def test_what_only_workers_do_is_no_page(verb: str, ada: Any) -> None:
    assert superuser().get(steering(notice_to(ada), verb)).status_code == 404


def test_the_addresses_of_the_page_are_masked_without_the_right(ada: Any) -> None:
    email = notice_to(ada)
    masked = staff(*RIGHTS).get(steering(email, "stop")).content.decode()
    assert ada.email not in masked
    assert "a•••e@e•••e.com" in masked
    seen = staff(*RIGHTS, "recovery.see_addresses").get(steering(email, "stop")).content.decode()
    assert ada.email in seen


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (EmailVerb.RETRY, "under the same key, and may arrive twice"),
        (EmailVerb.SET_ASIDE, "It may have left already."),
        (EmailVerb.STOP, "cancelling does not call it back"),
    ],
)
def test_the_page_says_of_a_doubted_mail_that_it_may_have_left(verb: EmailVerb, words: str, ada: Any) -> None:
    doubted = notice_to(ada, EmailState.UNKNOWN, doubt_count=1)
    client = staff(*RIGHTS)
    assert words in client.get(steering(doubted, verb)).content.decode()
    surely_here = notice_to(ada, STARTS[verb])
    assert "may have left" not in client.get(steering(surely_here, verb)).content.decode()


def test_the_page_says_where_the_provider_sends_a_key_once(ada: Any, settings: Any) -> None:
    route = {"NAME": "main", "BACKEND": "tests.backends.Unreachable", "KEY_HEADER": "Idempotency-Key"}
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [route]}
    doubted = notice_to(ada, EmailState.UNKNOWN, doubt_count=1, route="main")
    assert "sends a key once" in staff(*RIGHTS).get(steering(doubted, "retry")).content.decode()


def test_a_retried_mails_timeline_names_who_put_it_back_and_why(ada: Any, settings: Any) -> None:
    with provider(f"{Unreachable.__module__}.{Unreachable.__name__}", settings):
        reset_for(ada)
    email = Email.objects.get()
    client = staff(*RIGHTS, "auth.view_user")
    posted(client, steering(email, "retry"), reason=REASON)
    delivery.deliver(email.pk)
    assert len(mail.outbox) == 1
    steps = client.get(page_of(email)).context["timeline"]
    assert [step["word"] for step in steps] == [
        "queued", "sending", "deferred", "retried", "sending", "handed over",
    ]  # fmt: skip
    assert steps[2]["detail"].startswith("the provider could not be reached or had an error · main · ")
    retried = steps[3]
    assert (retried["by"].value, retried["detail"]) == ("staff", REASON)
    member = client.user  # type: ignore[attr-defined]
    assert f">{member.username}</a>" in retried["actor"]
    [of_request] = [
        step
        for step in superuser().get(listed("resetrequest", f"{email.request_id}/change/")).context["timeline"]
        if step["word"] == "retried"
    ]
    assert REASON in of_request["detail"]
    assert member.username in of_request["actor"]


def test_script_in_a_reason_is_shown_as_text(ada: Any) -> None:
    email = notice_to(ada)
    client = staff(*RIGHTS)
    assert SCRIPT not in posted(client, steering(email, "stop"), reason=SCRIPT).content.decode()
    assert AuditEvent.objects.get().reason == SCRIPT


def if_released(email: Email) -> str:
    body = staff("recovery.view_email").get(page_of(email)).content.decode()
    return body.split("If released:")[1].split('class="form-row')[0] if "If released:" in body else ""


def test_a_mail_that_is_held_back_says_whether_it_would_help_if_released(ada: Any) -> None:
    past = timezone.now() - timedelta(minutes=1)
    held = {"reason": EmailReason.LEVEL_NONE}
    assert "would still help" in if_released(notice_to(ada, EmailState.WITHHELD, **held))
    assert "too late" in if_released(notice_to(ada, EmailState.WITHHELD, send_by=past, **held))
    assert "its text was not kept" in if_released(notice_to(ada, EmailState.WITHHELD, kind=EmailKind.SITE, **held))
    assert "its link is dead" in if_released(notice_to(ada, EmailState.WITHHELD, kind=EmailKind.RESET, **held))
    assert not if_released(notice_to(ada))


def test_what_would_not_help_is_not_offered_for_release(ada: Any) -> None:
    late = notice_to(ada, EmailState.WITHHELD, send_by=timezone.now() - timedelta(minutes=1))
    client = staff(*RIGHTS)
    assert steering(late, "release") not in client.get(page_of(late)).content.decode()
    posted(client, steering(late, "release"), page_of(late), reason=REASON)
    assert state_of(late) == EmailState.WITHHELD


def test_the_sites_other_mail_is_shown_with_its_subject_and_nothing_can_be_done_with_it(ada: Any) -> None:
    subject = "Your loan, ada.lovelace@example.com"
    email = notice_to(ada, EmailState.WITHHELD, kind=EmailKind.SITE, subject=subject)
    client = staff(*RIGHTS)
    for path in (page_of(email), listed("email")):
        body = client.get(path).content.decode()
        assert "Your loan, a•••e@e•••e.com" in body
        assert "/steer/" not in body
    assert subject in staff(*RIGHTS, "recovery.see_addresses").get(listed("email")).content.decode()
