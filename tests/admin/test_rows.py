"""What the page of one request, email or entry of the trail shows."""

from datetime import timedelta
from importlib import reload
from typing import Any

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from recovery import accounts, intake, outbox, resets
from recovery.admin import readonly
from recovery.models import AuditEvent, Email, EmailEvent
from recovery.reasons import Action, EmailKind, EmailState, EventKind, Verdict
from tests.admin.pages import ORIGIN, PAGES, SCRIPT, listed, reset_for, row_of
from tests.admin.staff import superuser, viewer
from tests.factories import StaffFactory, UserFactory
from tests.following import happened

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", PAGES)
def test_script_in_what_others_wrote_is_shown_as_text(page: str) -> None:
    user: Any = UserFactory(username=SCRIPT, email="x@example.com")
    request = intake.ask(SCRIPT, origin=ORIGIN)
    resets.fulfil(request.pk)
    sent = resets.send_by_staff(user, actor=StaffFactory(), reason=SCRIPT, origin=ORIGIN)
    resets.fulfil(sent.pk)
    email = sent.emails.get()
    Email.objects.filter(pk=email.pk).update(esp=SCRIPT[:40], esp_message_id=SCRIPT)
    happened(email, EventKind.BOUNCED, detail=SCRIPT, esp=SCRIPT[:40], reject_reason=SCRIPT[:32])
    AuditEvent.objects.create(
        action=Action.LINK_OPENED, request_id=sent.pk, detail={"browser": SCRIPT, "verdict": SCRIPT}
    )
    client = superuser()
    rows = {"email": [email], "resetrequest": [request, sent], "auditevent": AuditEvent.objects.all()}[page]
    for path in (listed(page), *(listed(page, f"{row.pk}/change/") for row in rows)):
        body = client.get(path).content.decode()
        assert SCRIPT not in body
        assert "alert(1)" in body or page != "email"


def test_a_page_of_ours_carries_nothing_inline(ada: Any) -> None:
    request = reset_for(ada)
    for page in ("email", "resetrequest"):
        body = superuser().get(listed(page, f"{row_of(page, request).pk}/change/")).content.decode()
        ours = body[body.index("recovery-timeline") :]
        assert "style=" not in ours.split("</section>")[0]
        assert "<script>" not in ours.split("</section>")[0]
        assert "onclick" not in ours


def test_a_request_shows_its_timeline_its_gates_its_mail_and_the_state_of_its_link(ada: Any) -> None:
    request = reset_for(ada)
    token, email = request.tokens.get(), request.emails.get()
    whole_second = timezone.now().replace(microsecond=0) - timedelta(seconds=1)  # as providers count
    EmailEvent.objects.create(
        email=email, kind=EventKind.DELIVERED, esp="postmark", dedupe_key="1", occurred_at=whole_second
    )
    for verdict in (Verdict.PROBABLE_SCANNER, Verdict.PERSON):
        AuditEvent.objects.create(action=Action.LINK_OPENED, request_id=request.pk, detail={"verdict": verdict.value})
    answer = viewer("auth.view_user").get(listed("resetrequest", f"{request.pk}/change/"))
    words = [step["word"] for step in answer.context["timeline"]]
    assert words == ["requested", "decided", "queued", "sending", "handed over", "delivered", "opened", "opened"]
    body = answer.content.decode()
    assert "probably a mail scanner" in body
    assert "account is active" in body
    assert f"/admin/recovery/email/{email.pk}/change/" in body
    assert f"/admin/auth/user/{ada.pk}/change/" in body
    assert token.get_state_display() in body
    assert f'title="{request.requested_at:%Y-%m-%d %H:%M:%S} UTC"' in body


def test_an_email_tells_who_said_what_and_why_it_ended(ada: Any) -> None:
    [email] = outbox.queue(EmailKind.RESET, [ada.email], user_key=accounts.key_of(ada))
    EmailEvent.objects.create(
        email=email, kind=EventKind.BOUNCED, esp="postmark", dedupe_key="1", detail="mailbox is full",
        occurred_at=email.queued_at + timedelta(seconds=75),
    )  # fmt: skip
    Email.objects.filter(pk=email.pk).update(state=EmailState.BOUNCED)
    answer = viewer().get(listed("email", f"{email.pk}/change/"))
    steps = answer.context["timeline"]
    assert [(step["word"], step["by"].value) for step in steps] == [("queued", "us"), ("bounced", "provider")]
    assert steps[1]["since"].startswith("+1 min 15")
    assert "mailbox is full" in answer.content.decode()


def test_a_site_may_put_its_own_class_below_these_pages(settings: Any) -> None:
    class Own(admin.ModelAdmin):  # type: ignore[type-arg]
        """The site's own."""

    globals()["Own"] = Own
    settings.RECOVERY = {**settings.RECOVERY, "ADMIN_BASE": f"{__name__}.Own"}
    as_they_were = dict(vars(readonly))
    try:
        assert issubclass(reload(readonly).ReadOnlyAdmin, Own)
        settings.RECOVERY = {**settings.RECOVERY, "ADMIN_BASE": "no.such.Class"}
        with pytest.raises((ImportError, ImproperlyConfigured)):
            reload(readonly)
    finally:
        vars(readonly).update(as_they_were)  # the pages that there are were made of these classes


def test_what_happened_within_the_minute_happened_just_now(ada: Any) -> None:
    request = reset_for(ada)
    body = viewer().get(listed("resetrequest", f"{request.pk}/change/")).content.decode()
    assert "just now" in body
    assert "0\xa0minutes" not in body
