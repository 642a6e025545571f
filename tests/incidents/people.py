"""An incident in a test's words: people who ask, a provider whose webhook says in one batch that their mail came back,
and staff who send fresh links from the page of incidents."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.core import mail
from django.test import Client
from django.utils import timezone

from recovery import incidents, resets, sweep
from recovery.incidents import Found, Incident
from recovery.incidents.finding import COUNTS
from recovery.models import Email, Repair, RepairMember
from recovery.origin import Origin
from tests.admin.posting import posted
from tests.admin.staff import staff
from tests.asking import ask, browser, links, set_password
from tests.asking import work as decide
from tests.following import let_pass, opened
from tests.objecting import newest_to, says_so
from tests.rotations.people import let_pace_pass
from tests.webhooks import posts

PAGE = "/admin/recovery/incident/"
VIEW = ("recovery.view_incident", "recovery.view_email")
RIGHTS = (*VIEW, "recovery.repair_incident")
WHY = "their server was mended, ticket 4715"
POLICY = {
    "type": "blocked",
    "status": "5.7.1",
    "reason": "550 5.7.1 Sender refused by policy",
    "bounce_classification": "Reputation",
}
RULE = "enhanced:5.7.1+text:refused_for_us"
DEAD = {
    "type": "bounce",
    "status": "5.1.1",
    "reason": "550 5.1.1 user unknown",
    "bounce_classification": "Invalid Address",
}
NOBODY = dict.fromkeys(COUNTS, 0)
ARRIVED = {"event": "delivered"}


def set_up(settings: Any) -> None:
    """A site that hears SendGrid, and that many people of one place may ask."""
    settings.ANYMAIL = posts.anymail("sendgrid")
    wide = (10_000, timedelta(hours=1))
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"address": wide, "account": wide, "source": wide}}


def asked_and_mailed(people: Sequence[Any]) -> list[Email]:
    """Each asks on the forgot page, and workers work; their newest mails, in the order of the people."""
    client = browser()
    for user in people:
        ask(client, user.email)
    decide()
    newest = {email.recipient: email for email in Email.objects.filter(kind="reset").order_by("queued_at", "id")}
    return [newest[user.email] for user in people]


def asked_again(people: Sequence[Any]) -> list[Email]:
    """The same, some minutes later."""
    let_pass(timedelta(minutes=2))
    return asked_and_mailed(people)


def mailed_links(before: int) -> Counter[str]:
    """How many mails with links each address got, after so many messages."""
    return Counter(message.to[0] for message in mail.outbox[before:] if links(message))


def settle() -> None:
    """Workers sweep until no mail is left that is due."""
    while sweep.sweep().left:
        pass


def told(emails: Sequence[Email], said: dict[str, str]) -> None:
    """SendGrid says the same of all of them, in one post."""
    batch = list[dict[str, Any]]()
    for email in emails:
        facts = {"email_id": email.pk, "message_id": f"sg-{email.pk}", "recipient": email.recipient}
        [event] = json.loads(posts.text("sendgrid", "bounced", **facts))
        batch.append({**event, **said, "sg_event_id": str(email.pk), "timestamp": int(timezone.now().timestamp())})
    assert posts.post("sendgrid", json.dumps(batch)).send().status_code == 200


def incident_of(people: Sequence[Any], said: dict[str, str] = POLICY) -> list[Email]:
    """They asked, and all their mail came back for this cause."""
    emails = asked_and_mailed(people)
    told(emails, said)
    return emails


def with_a_disputed_one(people: Sequence[Any]) -> tuple[Sequence[Any], Callable[[], object]]:
    """The same people: the address of the first was changed, and the second part of what is returned has whoever reads
    the former one say that it was not them."""
    poor = people[0]
    former, poor.email = poor.email, f"new.{poor.email}"
    poor.save()
    resets.address_changed(poor, old=former, new=poor.email, origin=Origin())
    notice = newest_to(former)
    return people, lambda: says_so(notice)


def link_of(user: Any) -> str:
    """The newest link that was mailed to somebody."""
    return links([message for message in mail.outbox if message.to == [user.email]][-1])[0]


def gets_in(user: Any) -> None:
    client, form = opened(link_of(user))
    assert set_password(client, form).status_code == 302


def found(**more: Any) -> Found:
    now = timezone.now()
    return incidents.find(now - timedelta(days=1), now, **more)


def only() -> Incident:
    [incident] = found().incidents
    return incident


def numbers(incident: Incident, **more: Any) -> dict[str, int]:
    told = {name: getattr(incident, name) for name in COUNTS}
    assert told["people"] == sum(told.values()) - told["people"], "they add up"
    assert told["needy"] == len(incidents.needy(incident.which, **more)), "they are whom fresh links reach"
    return told


def repair_urls(client: Client) -> list[str]:
    """Where the page's buttons lead, in its order."""
    body = client.get(PAGE).content.decode()
    return [url.replace("&amp;", "&") for url in re.findall(r'href="([^"]*/incident/repair/\?[^"]*)"', body)]


def press(client: Client | None = None, **data: Any) -> Any:
    """A member of staff presses the page's one button, and states why."""
    client = client or staff(*RIGHTS)
    [url] = repair_urls(client)
    return confirm(client, url, **data)


def confirm(client: Client, url: str, **data: Any) -> Any:
    [counted] = re.findall(r'name="counted" value="(\d+)"', client.get(url).content.decode())
    return posted(client, url, **{"reason": WHY, "counted": counted, **data})


def work() -> None:
    """Workers go on, and time passes, until nobody waits."""
    for _ in range(200):
        sweep.sweep()
        if not Repair.objects.unfinished().exists():
            break
        let_pace_pass()
    settle()


def steps() -> dict[str, int]:
    """How many people of all repairs are at each step."""
    counted = dict[str, int]()
    for step in RepairMember.objects.values_list("step", flat=True):
        counted[step] = counted.get(step, 0) + 1
    return counted
