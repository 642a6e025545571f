"""The page of sending domains, its two acts, and who may do them."""

from typing import Any

import pytest

from recovery import domains
from recovery.models import AuditEvent, Email, SendingDomain
from recovery.reasons import Action, EmailKind, EmailState
from tests.admin.pages import listed
from tests.admin.posting import REASON, posted, said
from tests.admin.staff import staff
from tests.domains.conftest import Dns
from tests.domains.zones import DMARC, DOMAIN, GOOD, KEY, changed

pytestmark = pytest.mark.django_db

PAGE = listed("sendingdomain")
CHECK, TEST_MAIL = f"{PAGE}check/", f"{PAGE}test-mail/"
VIEW = "recovery.view_sendingdomain"


def shown(client: Any) -> str:
    return client.get(PAGE).content.decode()


def test_the_page_shows_the_verdict_the_record_to_publish_and_the_text_for_it(dns: Dns) -> None:
    dns(changed({DMARC: ["v=DMARC1; p=none"], KEY: None}))
    domains.refresh()
    page = shown(staff(VIEW))
    for text in (
        DOMAIN,
        "accounts@mail.example.org",
        "192.0.2.0/24",
        "_dmarc.example.org  TXT  v=DMARC1; p=q",
    ):
        assert text in page
    assert "no key is published for this selector" in page
    assert "<textarea readonly" in page
    assert "It is no advertising." in page


def test_the_page_never_waits_for_the_dns(dns: Dns) -> None:
    server = dns(GOOD, "silent")
    assert "Nothing was looked up yet" in shown(staff(VIEW))
    assert server.asked == []


def test_only_whoever_has_the_right_sees_the_page_and_its_buttons(dns: Dns) -> None:
    assert staff().get(PAGE).status_code == 403
    assert CHECK not in shown(staff(VIEW))
    assert TEST_MAIL not in shown(staff(VIEW))
    page = shown(staff(VIEW, "recovery.check_domains", "recovery.send_test_mail"))
    assert CHECK in page
    assert TEST_MAIL in page


def test_looking_up_again_is_noted_on_the_trail_and_needs_its_right(dns: Dns) -> None:
    dns(GOOD)
    domains.refresh()
    assert posted(staff(VIEW), CHECK, PAGE).status_code == 403
    client = staff(VIEW, "recovery.check_domains")
    posted(client, CHECK, PAGE)
    row = SendingDomain.objects.get()
    assert row.asked_at is not None
    assert row.asked_at > row.checked_at
    assert "waiting for a worker" in shown(client)
    assert AuditEvent.objects.get(action=Action.DOMAINS_CHECKED).actor_key == str(client.user.pk)  # type: ignore[attr-defined]
    assert client.get(CHECK).status_code == 405


def test_a_test_mail_needs_its_right_and_a_reason_and_is_on_the_trail(settings: Any) -> None:
    assert staff(VIEW).get(TEST_MAIL).status_code == 403
    client = staff(VIEW, "recovery.send_test_mail", username="tess")
    assert client.get(TEST_MAIL).status_code == 200
    wanted = {"to": "tess@example.com", "audience": "default"}
    posted(client, TEST_MAIL, **wanted)
    assert not Email.objects.exists()
    answer = posted(client, TEST_MAIL, **wanted, reason=REASON)
    email = Email.objects.get()
    assert (email.kind, email.recipient, email.state) == (EmailKind.TEST, "tess@example.com", EmailState.QUEUED)
    line = AuditEvent.objects.get(action=Action.TEST_MAIL_SENT)
    assert (line.reason, line.email_id) == (REASON, email.pk)
    assert "its page follows it" in said(answer)[0]


def test_a_test_mail_goes_to_no_stranger(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ALARM_MAIL_TO": ["ops@example.com"]}
    client = staff(VIEW, "recovery.send_test_mail")
    posted(client, TEST_MAIL, to="stranger@example.com", audience="default", reason=REASON)
    assert not Email.objects.exists()
    posted(client, TEST_MAIL, to="ops@example.com", audience="default", reason=REASON)
    assert Email.objects.get().recipient == "ops@example.com"
