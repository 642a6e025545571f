"""What a mail looks like to staff: without the link and the code, on a page that can load and run nothing."""

import re
from typing import Any

import pytest
from django.core import mail

from recovery import accounts, notices, outbox, sweep
from recovery.models import Email
from recovery.reasons import EmailKind
from tests.admin.pages import ORIGIN, SCRIPT, listed, reset_for
from tests.admin.staff import ALL_BUT_ADA, staff, superuser, viewer
from tests.asking import links
from tests.ladder import added, signed_in

pytestmark = pytest.mark.django_db


def page_of(email: Email, part: str = "preview") -> str:
    return listed("email", f"{email.pk}/{part}/")


def shown(client: Any, email: Email) -> str:
    """Everything of both pages."""
    return "".join(client.get(page_of(email, part)).content.decode() for part in ("preview", "preview/html"))


def test_the_link_of_a_reset_is_nowhere_in_it(ada: Any) -> None:
    email = reset_for(ada).emails.get()
    [link] = links(mail.outbox[-1])
    selector, verifier = link.split("/")[3:5]
    seen = shown(superuser(), email)
    assert "#•••" in seen
    assert selector not in seen
    assert verifier not in seen
    assert "ada" in seen


def test_the_code_of_a_backup_address_and_of_an_objection_is_nowhere_in_it(ada: Any) -> None:
    added(signed_in(ada), "spare@example.net")
    notices.new_device(ada, origin=ORIGIN)
    sweep.sweep()
    for kind in (EmailKind.BACKUP_CODE, EmailKind.NEW_DEVICE):
        email = Email.objects.get(kind=kind)
        seen = shown(superuser(), email)
        sent = [str(message.body) for message in mail.outbox if message.to == [email.recipient]]
        secrets = {code for body in sent for code in re.findall(r"\b\d{8}\b|/not-me/\S+", body)}
        assert secrets, kind
        assert not [secret for secret in secrets if secret in seen]
        assert "#•••" in seen, kind


@pytest.mark.parametrize("kind", [kind for kind in EmailKind if kind != EmailKind.SITE])
def test_a_mail_of_every_kind_can_be_looked_at(kind: EmailKind, ada: Any) -> None:
    [email] = outbox.queue(kind, [ada.email], user_key=accounts.key_of(ada), context=CONTEXTS.get(kind, {}))
    page = superuser().get(page_of(email))
    assert page.status_code == 200
    assert page.context["preview"] is not None
    assert page.context["preview"].subject


def test_the_html_is_a_page_that_loads_and_runs_nothing(ada: Any) -> None:
    email = reset_for(ada).emails.get()
    answer = superuser().get(page_of(email, "preview/html"))
    policy = dict(part.partition(" ")[::2] for part in answer["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "sandbox": "",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "no-store" in answer["Cache-Control"]
    page = superuser().get(page_of(email)).content.decode()
    assert re.search(rf'<iframe [^>]*src="{page_of(email, "preview/html")}"[^>]* sandbox ', page)
    assert "<script>alert" not in answer.content.decode()


def test_addresses_and_the_place_are_masked_without_the_right_to_see_them(ada: Any) -> None:
    notices.new_device(ada, origin=ORIGIN)
    email = Email.objects.get(kind=EmailKind.NEW_DEVICE)
    Email.objects.filter(pk=email.pk).update(context={**email.context, "ip": "192.0.2.7", "detail": ada.email})
    few, all_of_it = shown(viewer(), email), shown(viewer("recovery.see_addresses"), email)
    assert ada.email not in few
    assert "192.0.2.7" not in few
    assert "192.0.2.7" in all_of_it


def test_it_needs_the_right_to_the_log_and_the_person_in_reach(ada: Any, settings: Any) -> None:
    email = reset_for(ada).emails.get()
    for part in ("preview", "preview/html"):
        assert (
            staff("recovery.view_resetrequest", "recovery.see_addresses").get(page_of(email, part)).status_code == 403
        )
        assert staff("recovery.view_email").post(page_of(email, part)).status_code in (403, 405)
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    for part in ("preview", "preview/html"):
        assert staff("recovery.view_email").get(page_of(email, part)).status_code == 404


def test_a_mail_that_cannot_be_rendered_any_more_is_said_to_be_so(ada: Any) -> None:
    email = reset_for(ada).emails.get()
    Email.objects.filter(pk=email.pk).update(audience="closed")  # which the settings do not name
    page = superuser().get(page_of(email))
    assert page.status_code == 200
    assert "cannot be rendered" in page.content.decode()
    assert superuser().get(page_of(email, "preview/html")).status_code == 404


def test_of_the_sites_other_mail_there_is_nothing_to_look_at(ada: Any) -> None:
    email = Email.objects.create(kind=EmailKind.SITE, recipient=ada.email, send_by="2030-01-01T00:00Z", subject=SCRIPT)
    assert superuser().get(page_of(email)).status_code == 404
    assert page_of(email) not in superuser().get(listed("email", f"{email.pk}/change/")).content.decode()
    other = reset_for(ada).emails.get()
    assert page_of(other) in superuser().get(listed("email", f"{other.pk}/change/")).content.decode()


CONTEXTS: dict[EmailKind, dict[str, Any]] = {
    EmailKind.BACKUP_CODE: {"backup": "0190163d-8694-739b-aea5-966c26f8ad91", "code_salt": "none"},
}
