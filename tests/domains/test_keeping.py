"""What was found is kept: rows that the task writes, when it looks again, and what happens without dnspython."""

import sys
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

import recovery.domains
from recovery import allowing, diagnosis, domains, outbox, tasks
from recovery.exceptions import Misconfigured
from recovery.models import Email, SendingDomain
from recovery.reasons import EmailKind, EmailState, Judgement
from tests.domains.conftest import Dns
from tests.domains.zones import DOMAIN, GOOD, KEY, changed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def without_dnspython(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "dns" or name.startswith(("dns.", "recovery.domains.wire"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(recovery.domains, "wire", raising=False)
    monkeypatch.setitem(sys.modules, "dns", None)  # type: ignore[arg-type]


def test_the_task_keeps_what_it_found_of_each_audience_and_route(dns: Dns, settings: Any) -> None:
    dns(changed({KEY: None}))
    door = {"BASE_URL": "https://portal.example"}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"portal": door}}
    tasks.check_domains()
    rows = list(SendingDomain.objects.order_by("audience"))
    assert [(row.audience, row.route, row.domain) for row in rows] == [
        ("default", "default", DOMAIN),
        ("portal", "default", DOMAIN),
    ]
    assert {row.judgement for row in rows} == {Judgement.PROBLEM}
    assert rows[0].networks == ["192.0.2.0/24"]
    [key] = [each for each in rows[0].findings if each["part"] == "dkim"]
    assert (key["judgement"], key["reason"]) == ("problem", "dkim_missing")


def test_within_the_hour_nobody_asks_again_unless_staff_do(dns: Dns, django_user_model: Any) -> None:
    server = dns(GOOD)
    tasks.check_domains()
    first = len(server.asked)
    tasks.check_domains()
    assert len(server.asked) == first
    domains.ask_again(actor=django_user_model.objects.create_user("agent"))
    tasks.check_domains()
    assert len(server.asked) == 2 * first
    tasks.check_domains()
    assert len(server.asked) == 2 * first
    SendingDomain.objects.update(checked_at=timezone.now() - domains.EVERY - timedelta(minutes=1))
    tasks.check_domains()
    assert len(server.asked) == 3 * first


def test_an_audience_that_is_gone_leaves_no_row(dns: Dns, settings: Any) -> None:
    dns(GOOD)
    before = settings.RECOVERY
    settings.RECOVERY = {**before, "AUDIENCES": {"portal": {"BASE_URL": "https://portal.example"}}}
    domains.refresh()
    settings.RECOVERY = before
    domains.refresh()
    assert [row.audience for row in SendingDomain.objects.all()] == ["default"]


def test_configured_servers_are_listed_in_the_place_of_those_of_spf(dns: Dns, settings: Any) -> None:
    dns(GOOD)
    settings.RECOVERY = {**settings.RECOVERY, "SENDING_IPS": ["192.0.2.17"]}
    domains.refresh()
    assert SendingDomain.objects.get().networks == ["192.0.2.17"]


def test_the_text_for_a_recipients_it_names_senders_domains_keys_and_servers(dns: Dns) -> None:
    dns(GOOD)
    domains.refresh()
    asked, _, listed = allowing.text_of(list(SendingDomain.objects.all())).partition("\n\n")
    assert "no advertising" in asked
    assert listed.split("\n") == [
        "Senders:", "  Example <accounts@mail.example.org>", "Domains:", f"  {DOMAIN}",
        "Signed with DKIM:", f"  {DOMAIN}", "Servers:", "  192.0.2.0/24",
    ]  # fmt: skip
    assert allowing.text_of([]) == ""


def test_the_diagnosis_of_a_delivered_mail_names_the_servers_too(dns: Dns) -> None:
    dns(GOOD)
    domains.refresh()
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, ["a@example.com"])
    Email.objects.update(state=EmailState.DELIVERED, route="default", handed_over_at=timezone.now(), esp="postmark")
    [subject] = diagnosis.find(str(email.pk))
    told = diagnosis.explain(subject)
    assert any("Its servers: 192.0.2.0/24." in finding.sentence for finding in told.findings)


@pytest.mark.usefixtures("without_dnspython")
def test_without_dnspython_it_is_said_how_to_get_it_and_the_task_stays_quiet() -> None:
    assert not domains.is_installed()
    with pytest.raises(Misconfigured, match=r"pip install 'django-account-recovery\[dns\]'"):
        domains.refresh()
    tasks.check_domains()
    assert not SendingDomain.objects.exists()
