"""One person's reset from the click to the new password, over real HTTP; what may go wrong is told in ``scenes``.

What happened is read from the rows, as staff would see it. A step that does not do what it should ends the story with
``StoryFailed``; moments that are merely missing are left to whoever asked for them.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.conf import settings
from django.shortcuts import resolve_url
from django.urls import reverse

from example_project import seeds
from example_project.demo.stage import Stage
from example_project.demo.visitor import Page, Visitor
from example_project.provider import Message
from recovery.models import AuditEvent, Email, ResetRequest
from recovery.reasons import Action, EmailKind, Verdict

NEW_PASSWORD = "close sesame 2002"  # noqa: S105
PATIENCE = 30.0
PATIENCE_WITHOUT_WEBHOOKS = 3.0
T = TypeVar("T")


class StoryFailed(Exception):
    """A step did not do what it should; the message says which and what was seen instead."""


@dataclass(frozen=True)
class Moment:
    """A point of a timeline, and when it came; None where it never did."""

    name: str
    at: datetime | None


class Story:
    """A tale on a running stage, and what people do in others. ``say`` takes one line for each step."""

    def __init__(self, stage: Stage, say: Callable[[str], object]) -> None:
        self.stage = stage
        self.say = say
        self.patience = PATIENCE if stage.provider.webhooks else PATIENCE_WITHOUT_WEBHOOKS

    def reset(self) -> list[Moment]:
        """Ada forgets her password and sets a new one; the moments of her request."""
        ada = next(person for person in seeds.PEOPLE if person.username == "ada")
        visitor, request = self.ask(ada.address)
        mail = self.mail_to(ada.address)
        self.say(f'A mail arrived: "{mail.subject}".')
        wait_for(lambda: _mail_of(request).delivered_at, self.patience)
        self.set_password(visitor, mail)
        self.sign_in(ada.username)
        if not wait_for(lambda: self.was_told(ada.address), PATIENCE):
            raise StoryFailed(f"Nobody told {ada.address} that the password was changed.")
        self.say("It opens the account, the old one does not, and a mail told Ada of the change.")
        return _timeline(request)

    def ask(self, address: str) -> tuple[Visitor, ResetRequest]:
        """Ask at the forgot page, and find what was written down."""
        visitor, page = Visitor.at(self.stage.plan.site_url + reverse("recovery:forgot"))
        answer = visitor.submit(page, identifier=address)
        request = ResetRequest.objects.filter(identifier=address).first()
        if request is None or answer.path != reverse("recovery:sent", args=[request.shown_reference]):
            raise StoryFailed(f"Asking led to {answer.path} ({answer.status}): {answer.text[:300]}")
        if request.shown_reference not in answer.text:
            raise StoryFailed(f"{answer.path} does not show the reference {request.shown_reference}.")
        self.say(f"Asked for {address}; the page gives the reference {request.shown_reference}.")
        return visitor, request

    def mail_to(self, address: str) -> Message:
        """The mail with the link, from the provider's inbox."""
        if not wait_for(lambda: self.stage.provider.ledger.to(address), PATIENCE):
            self.stage.raise_if_dead()
            raise StoryFailed(f"No mail to {address} came within {PATIENCE:.0f} seconds.")
        return self.stage.provider.ledger.to(address)[-1]

    def open_link(self, visitor: Visitor, mail: Message) -> Page:
        """Open the link as a person does: its page must offer the form under an address without the secret."""
        found = re.search(re.escape(self.stage.plan.site_url) + r"/\S+/reset/\S+", mail.text)
        if found is None:
            raise StoryFailed("The mail has no link.")
        form = visitor.open(found[0])
        secret = found[0].rstrip("/").rpartition("/")[2]
        if secret in form.url:
            raise StoryFailed("The secret is still in the address of the page.")
        if secret in form.html:
            raise StoryFailed("The secret is on the page.")
        self.say("The link leads to the form, under an address without the secret.")
        return form

    def set_password(self, visitor: Visitor, mail: Message) -> Page:
        """From the mail's link to the new password; the page that says so."""
        form = self.open_link(visitor, mail)
        done = visitor.submit(form, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
        if done.path != reverse("recovery:complete"):
            raise StoryFailed(f"The new password was not taken: {done.path} says {done.text[:300]}")
        self.say("A new password is set.")
        return done

    def sign_in(self, username: str) -> None:
        """The new password opens the account, the old one does not."""
        login = self.stage.plan.site_url + resolve_url(settings.LOGIN_URL)
        for password, should_open in ((seeds.PASSWORD, False), (NEW_PASSWORD, True)):
            visitor, page = Visitor.at(login)
            inside = visitor.submit(page, username=username, password=password)
            if (inside.status == 200 and inside.path != page.path) is not should_open:
                word = "did not open" if should_open else "still opens"
                raise StoryFailed(f"The {'new' if should_open else 'old'} password {word} the account.")

    def act(self, staff: str, user: object, page: str, *, reason: str) -> None:
        """What a member of staff does on the person's page: reads the question, and says why."""
        path = f"/admin/auth/user/{user.pk}/{page}/"  # type: ignore[attr-defined]
        agent, login = Visitor.at(f"{self.stage.plan.site_url}{reverse('admin:login')}?next={path}")
        form = agent.submit(login, username=staff, password=seeds.PASSWORD)
        if form.path != path:
            raise StoryFailed(f"{staff} was not let to {path}: {form.path} says {form.text[:300]}")
        agent.submit(form, reason=reason)

    def was_told(self, address: str) -> bool:
        told = Email.objects.filter(recipient=address, kind=EmailKind.PASSWORD_CHANGED)
        return told.exclude(handed_over_at=None).exists()


def wait_for(question: Callable[[], T], seconds: float) -> T:
    """The first answer that is true, or the last one when the time has passed."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def _mail_of(request: ResetRequest) -> Email:
    return Email.objects.get(request=request, kind=EmailKind.RESET)


def opened(request: ResetRequest) -> Moment:
    """When a person first opened a link of this request: no mail scanner, which this visitor must not be taken for."""
    openings = AuditEvent.objects.filter(request_id=request.pk, action=Action.LINK_OPENED)
    first = openings.filter(detail__verdict=Verdict.PERSON).order_by("occurred_at").first()
    return Moment("opened", first.occurred_at if first else None)


def sending(request: ResetRequest, mail: Email) -> list[Moment]:
    """From the ask to the provider."""
    request.refresh_from_db()
    return [
        Moment("requested", request.requested_at),
        Moment("decided", request.decided_at),
        Moment("queued", mail.queued_at),
        Moment("handed_over", mail.handed_over_at),
    ]


def _timeline(request: ResetRequest) -> list[Moment]:
    mail = _mail_of(request)
    return [
        *sending(request, mail),
        Moment("delivered", mail.delivered_at),
        opened(request),
        Moment("completed", request.completed_at),
    ]
