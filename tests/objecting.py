"""Notices as their readers have them: the newest mail to an address, its link and code, and what is done with them."""

import re
from datetime import timedelta
from typing import Any

from django.core import mail
from django.test import Client
from django.utils import timezone

from recovery import accounts, sweep
from recovery.models import Lockout
from recovery.origin import Origin
from recovery.reasons import LockKind
from tests.asking import FIREFOX, SITE, browser

DONE = "/recovery/not-me/done/?end="
THIEF = Origin(ip="203.0.113.66", user_agent=FIREFOX["HTTP_USER_AGENT"], language="en")


def newest_to(address: str) -> Any:
    """The newest mail to ``address``, after workers have done what is due."""
    sweep.sweep()
    return [message for message in mail.outbox if message.to == [address]][-1]


def subjects_to(address: str) -> list[str]:
    sweep.sweep()
    return [message.subject for message in mail.outbox if message.to == [address]]


def link_in(message: Any) -> str:
    """The path of the link to say "this was not me"."""
    [link] = re.findall(rf"{SITE}(/recovery/not-me/\S+)", str(message.body))
    return str(link)


def code_in(message: Any) -> str:
    [code] = re.findall(r"^(\d{8})$", str(message.body), re.MULTILINE)
    return str(code)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


def opened(link: str, **more: Any) -> tuple[Client, str]:
    """A browser that opened the link and shows its form."""
    client = browser(**more)
    answer = client.get(link)
    assert answer.status_code == 302
    return client, answer.url


def says_so(message: Any, code: str | None = None) -> Any:
    """Open the link of this mail, type its code (or another), and press the button; the answer."""
    client, form = opened(link_in(message))
    assert client.get(form).status_code == 200
    return client.post(form, {"code": code_in(message) if code is None else code})


def dead(answer: Any) -> bool:
    """Whether this is the page of links from which nothing follows."""
    return answer.status_code == 200 and "recovery/not_me_dead.html" in {each.name for each in answer.templates}


def locked(user: Any = None, **more: Any) -> Lockout:
    """An episode as the engine writes it: of this account, or of a name that nobody has."""
    facts = {
        "kind": LockKind.ACCOUNT,
        "user_key": accounts.key_of(user) if user else "",
        "counter_key": user.pk if user else 0,
        "until": timezone.now() + timedelta(minutes=5),
        "failure_count": 5,
        "ip": THIEF.ip,
    }
    return Lockout.objects.create(**{**facts, **more})
