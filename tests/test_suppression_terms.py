"""Who is mailed no more after what came back: for how long, for which mail, and what ends it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery import delivery, feedback, outbox, resets, suppressions
from recovery.addresses import normalise
from recovery.bounces import Evidence
from recovery.models import AuditEvent, Bounce, Email, Suppression
from recovery.reasons import Action, BounceClass, EmailKind, EmailReason, EmailState, Lift
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, mailed_link
from tests.reporting import report
from tests.webhooks.faults import emails_that_cannot_change

pytestmark = pytest.mark.django_db(transaction=True)

ADA = "Ada@Reader.example"
KEY = normalise(ADA)
DAY = timedelta(days=1)


def mail(kind: str = EmailKind.RESET, to: str = ADA) -> Email:
    (email,) = outbox.queue(kind, [to], user_key="7")
    Email.objects.filter(pk=email.pk).update(state=EmailState.HANDED_OVER, handed_over_at=timezone.now())
    return email


def tell(email: Email, kind: str, *, status: str = "", stream: str = "", ago: timedelta = timedelta()) -> None:
    told = {"esp": "postmark", "kind": kind, "recipient": email.recipient}
    evidence = Evidence(**told, status=status, stream=stream) if kind != "delivered" else None
    at = timezone.now() - ago
    feedback.ingest([report(email, kind, evidence=evidence, occurred_at=at, event_id=f"{email.pk} {kind} {at}")])


def hard(email: Email, **facts: Any) -> None:
    tell(email, "bounced", status="5.1.1", **facts)
    assert Bounce.objects.filter(email=email).latest("recorded_at").bounce_class == BounceClass.HARD


def terms() -> list[timedelta]:
    rows = Suppression.objects.order_by("since")
    return [row.until - row.since for row in rows if row.until]


@pytest.mark.attack(71)
def test_the_first_hard_bounce_stops_mail_for_a_week_and_each_further_one_for_longer() -> None:
    for days in (7, 30, 90, 365, 365):
        hard(mail())
        assert suppressions.of([KEY]) == {KEY: "bounced"}
        assert terms()[-1] == days * DAY
        let_pass((days + 1) * DAY)
        assert suppressions.of([KEY]) == {}, "never for good"


@pytest.mark.parametrize(
    ("before", "stopped"),
    [
        ([], False),
        ([(23, ADA, "5.4.4")], False),
        ([(25, ADA, "5.4.4")], True),
        ([(49, ADA, "5.4.4"), (25, ADA, "5.4.4")], True),
        ([(25, "bob@reader.example", "5.4.4")], False),
        ([(25, ADA, "4.4.4")], False),
    ],
)
def test_a_domain_that_cannot_be_found_is_excused_for_a_day(before: list[tuple[int, str, str]], stopped: bool) -> None:
    for hours, address, status in before:
        tell(mail(to=address), "bounced", status=status, ago=timedelta(hours=hours))
    tell(mail(), "bounced", status="5.4.4")
    assert Bounce.objects.latest("occurred_at").rule == "enhanced:5.4.4" + (":again" if stopped else "")
    assert (KEY in suppressions.of([KEY])) is stopped


def test_several_bounces_of_one_spell_are_one_suppression() -> None:
    for email in (mail(), mail(), mail(EmailKind.PASSWORD_CHANGED)):
        hard(email)
    assert terms() == [7 * DAY]


def test_it_says_which_bounce_it_follows_from_and_the_trail_has_it() -> None:
    hard(mail())
    row, bounce = Suppression.objects.get(), Bounce.objects.get()
    assert (row.bounce_key, row.source, row.since) == (bounce.pk, "test", bounce.occurred_at)
    [event] = AuditEvent.objects.filter(action=Action.SUPPRESSED)
    assert event.detail == {"suppression": str(row.pk), "why": "bounced", "source": "test"}


@pytest.mark.parametrize("status", ["5.7.1", "4.2.2", "5.2.2", ""])
def test_what_is_not_hard_stops_nothing(status: str) -> None:
    tell(mail(), "bounced", status=status)
    assert not Suppression.objects.exists()


def test_a_complaint_stops_mail_of_that_kind_only() -> None:
    tell(mail(EmailKind.PASSWORD_CHANGED), "complained")
    assert suppressions.held([KEY]) == {KEY: {EmailKind.PASSWORD_CHANGED: "complained"}}
    assert suppressions.of([KEY]) == {}
    assert suppressions.of([KEY], kind=EmailKind.PASSWORD_CHANGED) == {KEY: "complained"}


def test_a_complaint_is_over_in_the_end_and_no_delivery_lifts_it() -> None:
    email = mail()
    tell(email, "complained", ago=DAY)
    tell(mail(), "delivered")
    assert suppressions.of([KEY]) == {KEY: "complained"}
    let_pass(30 * DAY)
    assert suppressions.of([KEY]) == {}


def test_what_came_back_about_the_sites_other_mail_never_stops_recovery_mail() -> None:
    hard(mail(EmailKind.SITE))
    tell(mail(EmailKind.SITE), "complained")
    tell(mail(EmailKind.SITE), "unsubscribed")
    assert suppressions.of([KEY]) == {}
    assert suppressions.of([KEY], kind=EmailKind.SITE)


@pytest.mark.parametrize("kind", ["complained", "bounced"])
def test_a_stream_that_is_marketing_stops_nothing(kind: str, settings: Any) -> None:
    settings.RECOVERY = settings.RECOVERY | {"MARKETING_STREAMS": ["newsletter"]}
    tell(mail(), kind, status="5.1.1", stream="newsletter")
    assert Bounce.objects.count() == 1
    assert not Suppression.objects.exists()
    tell(mail(), kind, status="5.1.1", stream="outbound")
    assert Suppression.objects.count() == 1


def told_early(status: str, *, subtype: str = "", stream: str = "", ago: timedelta = timedelta()) -> Email:
    """A bounce is told before the hand-over is noted, by the provider's id alone, and is matched to its mail."""
    (email,) = outbox.queue(EmailKind.RESET, [ADA], user_key="7")
    said = {"esp": "postmark", "kind": "bounced", "recipient": ADA}
    evidence = Evidence(**said, status=status, provider_type=subtype, stream=stream)
    at = timezone.now() - ago
    named = {"email_id": None, "message_id": "early", "event_id": "early"}
    feedback.ingest([report(email, "bounced", evidence=evidence, occurred_at=at, **named)])
    assert not Suppression.objects.exists()
    left = {"state": EmailState.HANDED_OVER, "handed_over_at": timezone.now(), "esp": "test", "esp_message_id": "early"}
    Email.objects.filter(pk=email.pk).update(**left)
    assert feedback.match_late() == 1
    return email


@pytest.mark.parametrize(("stream", "stopped"), [("newsletter", False), ("outbound", True), ("", True)])
def test_what_was_told_early_keeps_the_stream_that_it_came_over(stream: str, stopped: bool, settings: Any) -> None:
    settings.RECOVERY = settings.RECOVERY | {"MARKETING_STREAMS": ["newsletter"]}
    email = told_early("5.1.1", stream=stream)
    assert [(row.email, row.stream) for row in Bounce.objects.all()] == [(email, stream)]
    assert Suppression.objects.exists() is stopped


def test_what_was_told_early_and_was_no_failure_becomes_none() -> None:
    """What the provider posted said so, and is not at hand any more when the mail is found."""
    told_early("", subtype="manualsuppression")
    assert not Bounce.objects.exists()
    assert not Suppression.objects.exists()


def test_what_was_told_early_and_is_excused_no_more_says_so() -> None:
    tell(mail(), "bounced", status="5.4.4", ago=timedelta(hours=25))
    told_early("5.4.4")
    row = Bounce.objects.latest("occurred_at")
    assert (row.bounce_class, row.rule) == (BounceClass.HARD, "enhanced:5.4.4:again")
    assert Suppression.objects.get().bounce_key == row.pk


@pytest.mark.parametrize("kind", ["unsubscribed", "opened", "autoresponded"])
def test_an_opt_out_is_no_complaint(kind: str) -> None:
    tell(mail(), kind)
    assert not Suppression.objects.exists()


def test_whoever_wants_no_marketing_is_mailed_a_link(settings: Any) -> None:
    settings.RECOVERY = settings.RECOVERY | {"MARKETING_STREAMS": ["newsletter"]}
    person = UserFactory.create(email=ADA)
    tell(mail(EmailKind.SITE), "complained")
    tell(mail(EmailKind.SITE), "unsubscribed")
    tell(mail(), "complained", stream="newsletter")
    tell(mail(), "unsubscribed")
    assert suppressions.of([KEY], kind=EmailKind.SITE) == {KEY: "complained"}
    assert mailed_link(person)
    email = Email.objects.exclude(request=None).get()
    assert (email.recipient, email.state) == (ADA, EmailState.HANDED_OVER)


def test_a_delivery_lifts_a_bounce_in_whatever_order_they_are_told() -> None:
    first, second = mail(), mail()
    hard(first, ago=2 * DAY)
    assert suppressions.of([KEY])
    tell(second, "delivered", ago=DAY)
    assert suppressions.of([KEY]) == {}
    row = Suppression.objects.get()
    assert (row.lift, row.lifted_by) == (Lift.DELIVERY, "")
    [event] = AuditEvent.objects.filter(action=Action.SUPPRESSION_LIFTED)
    assert event.detail == {"suppression": str(row.pk), "by": "delivery"}

    other, later = mail(to="bob@reader.example"), mail(to="bob@reader.example")
    tell(later, "delivered", ago=DAY)
    hard(other, ago=2 * DAY)
    assert suppressions.of(["bob@reader.example"]) == {}


def test_an_older_delivery_lifts_nothing() -> None:
    first, second = mail(), mail()
    hard(first, ago=DAY)
    tell(second, "delivered", ago=2 * DAY)
    assert suppressions.of([KEY])


def test_one_that_was_delivered_and_came_back_later_counts() -> None:
    email = mail()
    tell(email, "delivered", ago=2 * DAY)
    hard(email, ago=DAY)
    assert suppressions.of([KEY])


def test_told_twice_it_is_one() -> None:
    email, at = mail(), timezone.now()
    evidence = Evidence(esp="postmark", kind="bounced", recipient=ADA, status="5.1.1")
    once = report(email, "bounced", evidence=evidence, occurred_at=at)
    for _ in range(3):
        feedback.ingest([once, once])
    assert Bounce.objects.count() == Suppression.objects.count() == 1


def test_an_address_that_is_made_that_of_an_account_anew_is_mailed_again() -> None:
    hard(mail())
    suppressions.add(ADA, reason="staff", source="staff", kind=EmailKind.SITE)
    user, actor = UserFactory.create(), StaffFactory.create()
    resets.address_changed(user, old="ada@old.example", new=ADA, actor=actor, reason="she married")
    assert suppressions.of([KEY]) == {}
    assert suppressions.of([KEY], kind=EmailKind.SITE) == {KEY: "staff"}, "what staff stopped, staff lifts"
    [event] = AuditEvent.objects.filter(action=Action.SUPPRESSION_LIFTED)
    assert (event.actor_key, event.user_key) == (str(actor.pk), str(user.pk))
    assert event.detail["by"] == "address_change"


def test_nothing_is_suppressed_where_its_batch_cannot_be_stored() -> None:
    email = mail()
    with emails_that_cannot_change(), pytest.raises(Exception, match="refused"):
        hard(email)
    assert not Suppression.objects.exists()
    assert not Bounce.objects.exists()


def test_a_waiting_mail_to_a_suppressed_address_is_withheld_and_says_why() -> None:
    hard(mail())
    (email,) = outbox.queue(EmailKind.PASSWORD_CHANGED, [ADA])
    delivery.deliver(email.pk)
    email.refresh_from_db()
    assert (email.state, email.reason) == (EmailState.WITHHELD, EmailReason.SUPPRESSED)


@pytest.mark.parametrize("year", [1, 1970, 2126, 9999])
def test_a_strangers_clock_neither_costs_a_report_nor_decides_how_long(year: int) -> None:
    """Beside it, what is told of another mail is stored, and the stop lasts a week from now."""
    email, other = mail(), mail(to="bob@reader.example")
    said = Evidence(esp="postmark", kind="bounced", recipient=ADA, status="5.1.1")
    at = timezone.now().replace(year=year, month=12, day=31)
    feedback.ingest([report(email, "bounced", evidence=said, occurred_at=at), report(other, "delivered")])
    row = Suppression.objects.get()
    assert row.until is not None
    assert timedelta(days=7) - timedelta(minutes=5) < row.until - timezone.now() <= timedelta(days=7)
    other.refresh_from_db()
    assert other.state == EmailState.DELIVERED


@pytest.mark.parametrize("year", [1970, 2126])
def test_nor_whether_a_later_bounce_counts(year: int) -> None:
    email = mail()
    feedback.ingest([report(email, "delivered", occurred_at=timezone.now().replace(year=year, month=12, day=31))])
    hard(mail())
    assert terms() == [7 * DAY]
