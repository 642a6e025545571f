"""What happened to a request or an email, told from the rows in the order in which one thing led to the next."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend as Locmem
from django.test import Client
from django.utils import timezone

from recovery import delivery, feedback, outbox, resets, sweep, timelines
from recovery.accounts import key_of
from recovery.models import Email, EmailEvent, ResetRequest, moves
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import EmailKind, EmailReason, EmailVerb, EventKind, Kind
from recovery.timelines import Party
from tests.asking import ask, asked, browser, links, set_password, statements, work
from tests.factories import StaffFactory, UserFactory
from tests.following import held_back, let_pass, mailed_link, make_due, notice, opened, story
from tests.wrapping import invite, wrap

pytestmark = pytest.mark.django_db(transaction=True)


def words(steps: list[timelines.Step]) -> list[str]:
    return [step.what for step in steps]


def told(request: ResetRequest) -> list[str]:
    return words(timelines.of_request(request))


def test_a_whole_reset_is_told_from_the_ask_to_the_notice() -> None:
    client, form = opened(mailed_link(UserFactory.create()))
    set_password(client, form, "short")
    set_password(client, form)
    steps = timelines.of_request(asked())
    assert words(steps) == [
        "requested", "decided", "queued", "sending", "handed_over", "opened", "password_refused", "completed", "queued",
    ]  # fmt: skip
    assert [step.by for step in steps[:5]] == [Party.PERSON, Party.US, Party.US, Party.US, Party.US]
    assert {step.by for step in steps[5:8]} == {Party.PERSON}
    assert steps[0].seconds == 0
    assert all(step.seconds >= 0 for step in steps)
    assert "password_too_short" in steps[6].detail


def test_a_scanner_is_not_taken_for_the_person() -> None:
    link = mailed_link(UserFactory.create())
    Client().get(link)
    opened(link)
    openings = [step.by for step in timelines.of_request(asked()) if step.what == "opened"]
    assert openings == [Party.SCANNER, Party.PERSON]


def test_a_password_over_a_dead_link_is_told_with_its_reason() -> None:
    link = mailed_link(UserFactory.create())
    (first, form), (second, _) = opened(link), opened(link)
    set_password(first, form)
    set_password(second, form)
    refused = [step for step in timelines.of_request(asked()) if step.what == "link_refused"]
    assert [step.detail for step in refused] == ["already used"]


@pytest.mark.parametrize("address", ["nobody@example.com", "inactive@example.com"])
def test_a_request_that_led_to_no_mail_says_so(address: str) -> None:
    UserFactory.create(email="inactive@example.com", is_active=False)
    ask(browser(), address)
    work()
    steps = timelines.of_request(asked())
    assert words(steps) == ["requested", "decided"]
    assert steps[1].detail


def test_a_request_past_its_limit_and_one_that_came_too_late_say_so() -> None:
    for number in range(6):
        ask(browser(REMOTE_ADDR=f"198.51.100.{number}"), "amelie@example.com")
    assert told(asked()) == ["requested", "decided"]
    let_pass(timedelta(minutes=31))
    sweep.sweep()
    first = ResetRequest.objects.earliest("requested_at")
    assert told(first) == ["requested", "decided"]
    assert "not decided" in timelines.of_request(first)[1].detail


def test_a_reset_by_staff_begins_with_staff() -> None:
    user, actor = UserFactory.create(), StaffFactory.create()
    request = resets.send_by_staff(user, actor=actor, reason="on the phone", origin=Origin())
    resets.fulfil(request.pk)
    request.refresh_from_db()
    steps = timelines.of_request(request)
    assert request.kind == Kind.ADMIN
    assert (steps[0].what, steps[0].by) == ("requested", Party.STAFF)


def test_an_activation_begins_with_the_site_or_with_staff() -> None:
    user, actor = UserFactory.create(password=None), StaffFactory.create()
    for by, asker in ((Party.US, None), (Party.STAFF, actor)):
        request = resets.activate(user, actor=asker)
        resets.fulfil(request.pk)
        request.refresh_from_db()
        steps = timelines.of_request(request)
        assert (steps[0].what, steps[0].by) == ("requested", by)


def test_an_email_tells_each_try_with_what_the_other_side_said(settings: Any) -> None:
    email = held_back(UserFactory.create(), settings)
    make_due(email)
    delivery.deliver(email.pk)
    email.refresh_from_db()
    steps = timelines.of_email(email)
    assert words(steps) == ["queued", "sending", "deferred", "sending", "handed_over"]
    assert "Connection refused" in steps[2].detail


def test_each_answer_is_told_with_the_route_the_reason_in_words_and_what_was_said(settings: Any) -> None:
    email = held_back(UserFactory.create(), settings)
    [deferred] = [step for step in timelines.of_email(email) if step.what == "deferred"]
    reason, route, said = deferred.detail.split(" · ")
    assert reason == EmailReason.PROVIDER_DOWN.label
    assert route == "main"
    assert "Connection refused" in said


def test_a_mail_whose_worker_died_says_so_and_goes_on() -> None:
    email = notice()
    with atomic(Email):
        moves.claim(owner=uuid4(), ids=[email.pk], lease=timedelta(seconds=-1))
    moves.free()
    delivery.deliver(email.pk)
    email.refresh_from_db()
    steps = timelines.of_email(email)
    assert words(steps) == ["queued", "sending", "freed", "sending", "handed_over"]
    assert steps[2].detail == EmailReason.WORKER_DIED.label
    assert {step.by for step in steps} == {Party.US}


def test_a_try_whose_note_a_report_overtook_stands_before_what_came_later() -> None:
    email = notice()
    with atomic(Email):
        moves.claim(owner=uuid4(), ids=[email.pk], lease=timedelta(minutes=1))
    told = {"esp": "postmark", "recipient": email.recipient, "occurred_at": timezone.now()}
    feedback.ingest([feedback.Report(email_id=email.pk, kind=EventKind.REJECTED, event_id="1", **told)])
    email.refresh_from_db()
    assert outbox.steer(email, EmailVerb.RETRY, actor=StaffFactory.create(), reason="she called")
    assert [word for word in story(email) if word != "rejected"] == ["queued", "sending", "retried"]


def test_mail_that_the_site_sent_itself_was_claimed_by_no_worker(settings: Any) -> None:
    wrap(settings, Locmem)
    invite("ada@example.com").send()
    [sending, _handed_over] = timelines.of_email(Email.objects.get())
    assert (sending.what, sending.label) == ("sending", "sent by the site itself")


def test_what_staff_did_with_a_mail_is_told_once_with_who_and_why() -> None:
    first, second = StaffFactory.create(), StaffFactory.create()
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, ["amelie@example.com"], user_key="1")
    for actor, verb in (
        (first, EmailVerb.SET_ASIDE),
        (second, EmailVerb.RELEASE),
        (first, EmailVerb.SET_ASIDE),
        (first, EmailVerb.RELEASE),
        (second, EmailVerb.STOP),
    ):
        email.refresh_from_db()
        assert outbox.steer(email, verb, actor=actor, reason=f"{verb} by {actor.username}")
    with statements() as told:
        steps = timelines.of_email(email)
    assert len(told.texts) == 2
    assert words(steps) == ["queued", "set_aside", "released", "set_aside", "released", "cancelled"]
    assert [step.actor_key for step in steps[1:]] == [key_of(who) for who in (first, second, first, first, second)]
    assert [step.detail for step in steps[1:3]] == [f"set_aside by {first.username}", f"release by {second.username}"]
    assert {step.by for step in steps[1:]} == {Party.STAFF}


def test_a_mail_that_was_released_with_many_others_was_released_by_staff() -> None:
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, ["amelie@example.com"], held=EmailReason.LEVEL_NONE)
    assert outbox.release_held(actor=StaffFactory.create(), reason="the import is done") == 1
    withheld, released = timelines.of_email(email)
    assert (withheld.what, withheld.detail, withheld.by) == ("withheld", EmailReason.LEVEL_NONE.label, Party.US)
    assert (released.what, released.by, released.actor_key) == ("released", Party.STAFF, "")


def test_an_answer_of_the_provider_is_told_as_it_stands() -> None:
    email = notice()
    EmailEvent.objects.create(email=email, kind=EventKind.BOUNCED, dedupe_key="1", detail="poison: no such user")
    assert timelines.of_email(email)[-1].detail == "poison: no such user"


def test_a_report_that_overtook_our_note_stands_after_the_hand_over() -> None:
    mailed_link(UserFactory.create())
    email = Email.objects.get()
    assert email.handed_over_at is not None
    early = email.handed_over_at - timedelta(seconds=1)
    EmailEvent.objects.create(email=email, kind=EventKind.DELIVERED, occurred_at=early, esp="postmark", dedupe_key="1")
    steps = timelines.of_email(email)
    assert words(steps)[-2:] == ["handed_over", "delivered"]
    assert steps[-1].by == Party.PROVIDER
    assert steps[-1].at == early
    assert steps[-1].seconds >= 0


def test_a_mail_that_the_provider_saw_opened_is_not_a_link_that_was_opened() -> None:
    mailed_link(UserFactory.create())
    email = Email.objects.get()
    for number, kind in enumerate((EventKind.OPENED, EventKind.CLICKED)):
        EmailEvent.objects.create(email=email, kind=kind, esp="postmark", dedupe_key=str(number))
    assert words(timelines.of_email(email))[-2:] == ["mail_opened", "mail_clicked"]


def test_a_request_is_told_in_as_many_statements_however_much_happened() -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    request = asked()
    with statements() as few:
        timelines.of_request(request)
    for number in range(5):
        set_password(client, form, "short")
        opened(links(mail.outbox[0])[0], REMOTE_ADDR=f"198.51.100.{number}")
    with statements() as many:
        timelines.of_request(request)
    assert len(many.texts) == len(few.texts) <= 4
    assert Email.objects.filter(kind=EmailKind.RESET).count() == 1
