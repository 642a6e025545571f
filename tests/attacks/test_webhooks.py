"""Attacks on the door by which providers report back: replays, floods, a database that stops, hostile texts, robots."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import close_old_connections, connection, connections
from django.test import Client
from django.urls import reverse

from recovery import outbox, retention
from recovery.models import AuditEvent, Bounce, Email, EmailEvent, RawEvent, ResetToken, Suppression
from recovery.reasons import EmailKind, EmailState, TokenState
from tests.admin.staff import staff
from tests.asking import statements
from tests.factories import UserFactory
from tests.following import let_pass, mailed_link, row_of
from tests.together import at_once
from tests.webhooks import posts
from tests.webhooks.reported import RECIPIENT, body, hand_over

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = '<script>alert(1)</script>\r\nERROR forged line =cmd|"/C calc"!A0 javascript:alert(2)\x00'


@pytest.fixture(autouse=True)
def secrets(settings: Any) -> None:
    settings.ANYMAIL = posts.anymail("postmark") | posts.anymail("sendgrid") | posts.anymail("brevo")


@pytest.fixture
def email() -> Email:
    return outbox.queue(EmailKind.PASSWORD_CHANGED, [RECIPIENT])[0]


def sendgrid(content: str) -> posts.Post:
    """A site with a shared secret asks for it beside the signature."""
    post = posts.post("sendgrid", content)
    post.headers |= posts.basic(posts.BASIC)
    return post


def rows() -> tuple[int, ...]:
    models: Any = (EmailEvent, RawEvent, Bounce, Suppression)
    return tuple(model.objects.count() for model in models)


def event(number: int, kind: str = "bounce", **more: Any) -> dict[str, Any]:
    return {
        "email": f"r{number}@reader.example",
        "event": kind,
        "timestamp": 1795169732,
        "sg_event_id": f"e{number}",
        "sg_message_id": f"m{number}.filter",
        "anymail_id": f"m{number}",
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 no such user",
        **more,
    }


def handed_over(number: int) -> None:
    emails = outbox.queue(EmailKind.PASSWORD_CHANGED, [f"r{n}@reader.example" for n in range(number)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for n, email in enumerate(emails):
        email.state, email.esp, email.esp_message_id = EmailState.HANDED_OVER, "sendgrid", f"m{n}"
        email.handed_over_at = email.queued_at
    Email.objects.bulk_update(emails, ["state", "esp", "esp_message_id", "handed_over_at"], batch_size=500)


@pytest.mark.attack(66)
def test_both_secrets_of_a_change_are_accepted_and_no_third(settings: Any, email: Email) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": ["provider:the old one", "provider:the new one"]}
    text = body("postmark", "bounced", email)
    for secret, status in (("the old one", 200), ("the new one", 200), ("the third", 400), ("", 400)):
        post = posts.post("postmark", text)
        post.headers = posts.basic(f"provider:{secret}")
        assert post.send().status_code == status


@pytest.mark.attack(67)
def test_a_request_told_a_thousand_times_and_a_month_later_is_one_event(email: Email) -> None:
    hand_over(email, "postmark")
    post = posts.post("postmark", body("postmark", "bounced", email))
    assert post.send().status_code == 200
    before = rows()
    for _ in range(300):
        assert post.send().status_code == 200
    let_pass(timedelta(days=30))
    assert post.send().status_code == 200
    assert rows() == before


@pytest.mark.attack(67, 75)
def test_a_batch_posted_five_hundred_times_at_once_has_one_effect() -> None:
    handed_over(20)
    content = json.dumps([event(n) for n in range(20)])
    post = sendgrid(content)

    def tell() -> list[int]:
        return [post.send().status_code for _ in range(25)]

    answers = [status for told in at_once(*[tell] * 20) for status in told]
    assert answers == [200] * 500
    assert rows()[:3] == (20, 20, 20)
    assert set(Email.objects.values_list("state", flat=True)) == {EmailState.BOUNCED}
    close_old_connections()


@pytest.mark.attack(75)
def test_of_ten_thousand_events_one_that_is_malformed_is_set_aside_and_the_others_count() -> None:
    handed_over(2000)
    kinds = ["bounce", "delivered", "deferred", "open", "click"]
    events: list[Any] = [event(n % 2000, kinds[n // 2000], sg_event_id=f"e{n}") for n in range(9999)]
    events.insert(5000, {"event": {}, "email": 7})
    post = sendgrid(json.dumps(events))
    begin = time.thread_time()
    with statements() as found:
        assert post.send().status_code == 200
    seconds = time.thread_time() - begin  # its own work: whatever else the machine does takes no part in it
    assert EmailEvent.objects.count() == 9999
    [aside] = RawEvent.objects.exclude(error="")
    assert (aside.esp, json.loads(aside.content)) == ("sendgrid", {"event": {}, "email": 7})
    assert Email.objects.filter(state=EmailState.BOUNCED).count() == 2000
    told = [text for text in found.texts if not text.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))]
    assert len(told) <= 6
    assert seconds < 60, "not a measure: only that nothing is quadratic"
    assert post.send().status_code == 200
    assert EmailEvent.objects.count() == 9999
    assert RawEvent.objects.count() == 10_000


@pytest.mark.postgresql
@pytest.mark.attack(77)
def test_a_database_that_stops_in_mid_batch_leaves_nothing_and_the_next_try_converges() -> None:
    handed_over(50)
    post = sendgrid(json.dumps([event(n) for n in range(50)]))
    before = rows()

    def stop(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "UPDATE" in sql and "recovery_email" in sql:
            killer = connections.create_connection("default")
            with connection.connection.cursor() as own, killer.cursor() as cursor:
                pid = own.execute("SELECT pg_backend_pid()").fetchone()[0]
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
            killer.close()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(stop):
        assert post.send().status_code == 503
    connection.close()
    assert rows() == before
    assert post.send().status_code == 200
    assert rows()[:3] == (50, 50, 50)


@pytest.mark.attack(78)
def test_hostile_words_of_a_strangers_server_stay_words(email: Email, caplog: pytest.LogCaptureFixture) -> None:
    hand_over(email, "postmark")
    content = json.loads(body("postmark", "bounced", email))
    content |= {"Description": HOSTILE, "Details": HOSTILE, "Subject": HOSTILE}
    assert posts.post("postmark", json.dumps(content)).send().status_code == 200
    [told] = EmailEvent.objects.filter(esp="postmark")
    [bounce] = Bounce.objects.all()
    for text in (told.detail, bounce.evidence):
        assert text.isprintable()
    viewer = staff("recovery.view_email", "recovery.view_rawevent", "recovery.see_addresses")
    for page in (
        reverse("admin:recovery_email_change", args=[email.pk]),
        reverse("admin:recovery_rawevent_change", args=[RawEvent.objects.get().pk]),
        reverse("admin:recovery_rawevent_changelist"),
    ):
        answer = viewer.get(page)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode()
        assert 'href="javascript' not in answer.content.decode()
    assert "forged line" not in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.attack(78)
def test_hostile_words_of_what_is_set_aside_make_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    hostile: dict[str, Any] = {"event": {HOSTILE: HOSTILE}, "email": HOSTILE}
    assert sendgrid(json.dumps([event(1), hostile])).send().status_code == 200
    [aside] = RawEvent.objects.exclude(error="")
    assert aside.error.isprintable()
    assert "alert" not in caplog.text
    answer = staff("recovery.view_rawevent").get(reverse("admin:recovery_rawevent_change", args=[aside.pk]))
    assert "<script>alert" not in answer.content.decode()


@pytest.mark.attack(79)
def test_a_robots_opening_and_click_prove_nothing() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    email = Email.objects.get(kind=EmailKind.RESET)
    Email.objects.filter(pk=email.pk).update(esp="sendgrid", esp_message_id="m1")
    before = AuditEvent.objects.count()
    told = [event(1, kind, email=email.recipient, sg_event_id=kind) for kind in ("open", "click")]
    assert sendgrid(json.dumps(told)).send().status_code == 200
    token: ResetToken = row_of(link)
    assert (token.state, token.open_count, token.opened_at) == (TokenState.LIVE, 0, None)
    email.refresh_from_db()
    assert email.delivered_at is None, "nobody's mail server said that it has it"
    assert AuditEvent.objects.count() == before


@pytest.mark.attack(70)
def test_a_flood_of_bounces_for_nobodys_mail_stops_nobody_and_goes_with_the_raw_events(settings: Any) -> None:
    content = json.dumps([event(n) for n in range(1000)])
    assert sendgrid(content).send().status_code == 200
    assert EmailEvent.objects.filter(email=None).count() == 1000
    assert not Suppression.objects.exists()
    let_pass(timedelta(days=31))
    retention.purge()
    assert rows()[:3] == (0, 0, 0)


@pytest.mark.attack(70)
def test_of_events_about_nobodys_mail_only_so_many_an_hour_are_kept() -> None:
    assert sendgrid(json.dumps([event(n) for n in range(10_000)])).send().status_code == 200
    assert rows()[0] == 10_000
    handed_over(1)
    more = [event(n, sg_event_id=f"again{n}") for n in range(50)]
    for _ in range(2):
        assert sendgrid(json.dumps(more)).send().status_code == 200, "nobody is told that there is a cap"
        assert rows()[:2] == (10_001, 10_001)
    assert Email.objects.get().state == EmailState.BOUNCED, "what is about our own mail is stored all the same"
    other = outbox.queue(EmailKind.PASSWORD_CHANGED, [RECIPIENT])[0]
    stranger = json.loads(body("postmark", "bounced", other)) | {"MessageID": "of nobody's", "Metadata": {}}
    assert posts.post("postmark", json.dumps(stranger)).send().status_code == 200
    assert EmailEvent.objects.filter(email=None, esp="postmark").count() == 1, "each provider has its own share"
    let_pass(timedelta(hours=1))
    assert sendgrid(json.dumps(more)).send().status_code == 200
    assert rows()[0] == 10_051


@pytest.mark.attack(65)
def test_a_browser_gets_nothing_at_the_door() -> None:
    for esp in ("postmark", "sendgrid"):
        assert Client().get(reverse("recovery:webhook", args=[esp])).status_code == 405
        assert Client().post(reverse("recovery:webhook", args=[esp])).status_code == 400
