"""Backup addresses and mails that fail, by the public doors: pages of the account, reports of a provider, sweeps."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core import mail
from django.test import Client
from django.utils import timezone

from recovery import feedback, sweep
from recovery.feedback import Report
from recovery.models import BackupAddress, Email
from recovery.reasons import EmailKind
from tests.asking import ask, browser, work
from tests.factories import PASSWORD
from tests.following import let_pass

BACKUPS = "/recovery/backup-addresses/"
WAIT = timedelta(days=7, minutes=1)


def signed_in(user: Any) -> Client:
    client = browser()
    client.force_login(user)
    return client


def added(client: Client, address: str, password: str = PASSWORD) -> Any:
    """What the page answers to somebody who adds an address; the mails that follow have left."""
    answer = client.post(BACKUPS, {"address": address, "password": password})
    sweep.sweep()
    return answer


def code_for(address: str) -> str:
    """The code in the newest mail to ``address``."""
    mails = [message for message in mail.outbox if message.to == [address]]
    [code] = re.findall(r"^(\d{8})$", mails[-1].body, re.MULTILINE)
    return str(code)


def with_backup(user: Any, address: str = "spare@example.net", *, waited: bool = True) -> BackupAddress:
    """``user`` has added and confirmed this address; and the waiting time is over."""
    client = signed_in(user)
    page = added(client, address).url
    assert client.post(page, {"code": code_for(address)}).url == BACKUPS
    if waited:
        let_pass(WAIT)
    mail.outbox.clear()
    return BackupAddress.objects.get(address=address, user_key=str(user.pk))


def asks(user: Any) -> Email:
    """``user`` asks and the mail leaves; its row."""
    ask(browser(), user.email)
    work()
    return newest_reset()


def newest_reset() -> Email:
    return Email.objects.filter(kind=EmailKind.RESET).latest("queued_at", "id")


def reported(email: Email, kind: str = "bounced", **more: Any) -> None:
    """The provider reports a failure; nobody has followed it up."""
    report = {"esp": "postmark", "recipient": email.recipient, "occurred_at": timezone.now(), "event_id": str(uuid4())}
    feedback.ingest([Report(kind=kind, email_id=email.pk, **{**report, **more})])


def fails(email: Email, kind: str = "bounced", **more: Any) -> None:
    """The provider reports a failure, and whoever was woken has done their work."""
    reported(email, kind, **more)
    sweep.sweep()


def bodies_to(address: str) -> list[str]:
    return [str(message.body) for message in mail.outbox if message.to == [address]]


def link_at(address: str) -> str:
    """The path of the link in the newest mail to ``address``."""
    [link] = re.findall(r"https://library.example(/recovery/reset/\S+)", bodies_to(address)[-1])
    return str(link)
