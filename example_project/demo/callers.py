"""Five people who call support: what each says, and what an agent reads and presses on the page of the diagnosis.

``ring`` makes their troubles as they come about, over HTTP; what follows, worker and provider bring by themselves.
Which cause leads and what mends it is the app's to say: here stands what the demo promises of it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from html import unescape
from typing import Any, Final
from urllib.parse import urljoin

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.text import capfirst

from example_project import seeds
from example_project.demo.scenes import found_person
from example_project.demo.story import PATIENCE, Moment, Story, StoryFailed, wait_for
from example_project.demo.visitor import Page, Visitor
from recovery.accounts import key_of
from recovery.models import AuditEvent, Email, EmailEvent, Lockout, ResetRequest
from recovery.reasons import Action, Cause, EmailKind, EventKind, Fix, Kind

LEADING: Final = re.compile(r'data-cause="(\w+)">\s*<h2[^>]*>(.*?)</h2>', re.DOTALL)
BUTTON: Final = re.compile(r'<a class="recovery-act" href="([^"]+)" data-fix="(\w+)">')
WORDS: Final = re.compile(r'<blockquote class="recovery-words">(.*?)</blockquote>', re.DOTALL)
DONE: Final = {
    Fix.UNLOCK: ("unlocked", Action.UNLOCKED),
    Fix.REACTIVATE_ACCOUNT: ("activated", Action.ACCOUNT_ACTIVATED),
    Fix.SEND_NEW_LINK: ("sent again", Action.REQUESTED),
}
"""What a button's moment is called, and the line of the trail that it is read from."""


@dataclass(frozen=True)
class Caller:
    """Whose account it is, what they say, the cause that then leads, what the agent presses one after the other, and
    what leads afterwards. ``typed`` is what they asked with, where that is not their address."""

    username: str
    title: str
    says: str
    cause: Cause
    presses: tuple[Fix, ...]
    then: Cause
    typed: str = ""

    @property
    def person(self) -> seeds.Person:
        return found_person(self.username)


CALLERS: Final = (
    Caller(
        "rosalind",
        "A caller whose sign-in staff have locked",
        "A mail says that I cannot sign in until I call you.",
        Cause.LOCKED_BY_STAFF,
        (Fix.UNLOCK,),
        Cause.NEVER_ASKED,
    ),
    Caller(
        "grace",
        "A caller whose account is inactive",
        "I was away for a year. I asked for a link, and none comes.",
        Cause.INACTIVE_ACCOUNT,
        (Fix.REACTIVATE_ACCOUNT, Fix.SEND_NEW_LINK),
        Cause.DELIVERED_UNSEEN,
    ),
    Caller(
        "ada",
        "A caller who mistyped the address",
        "I asked with ada@exmaple.org, as always.",
        Cause.NEAR_MISS,
        (Fix.SEND_NEW_LINK,),
        Cause.DELIVERED_UNSEEN,
        typed="ada@exmaple.org",
    ),
    Caller(
        "emmy",
        "A caller with a full mailbox",
        "I asked for a link, and it does not come.",
        Cause.MAILBOX_FULL,
        (Fix.SEND_NEW_LINK,),
        Cause.DELIVERED_UNSEEN,
    ),
    Caller(
        "mary",
        "A caller whose mail was delivered",
        "You say that you have mailed me. There is nothing.",
        Cause.DELIVERED_UNSEEN,
        (),
        Cause.DELIVERED_UNSEEN,
    ),
)


class Callers:
    """The five on one story's stage."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.asked: dict[str, ResetRequest] = {}

    def ring(self) -> list[tuple[Caller, str]]:
        """Make every trouble; who calls, and where the page is that solves it."""
        quiet = Story(self.story.stage, lambda text: None)
        for caller in CALLERS:
            if caller.cause == Cause.LOCKED_BY_STAFF:
                quiet.act("admin", _user(caller), "lock", reason="guesses from everywhere: locked until she calls")
            else:
                _browser, self.asked[caller.username] = quiet.ask(caller.typed or caller.person.address)
        return [(caller, self._page_of(caller)) for caller in CALLERS]

    def all(self) -> list[tuple[str, Callable[[], list[Moment]]]]:
        """Each with its title; the first makes the troubles of all."""
        return [(caller.title, partial(self.call, caller)) for caller in CALLERS]

    def call(self, caller: Caller) -> list[Moment]:
        """An agent finds out why and mends it, while the caller waits. Only the trouble's own moments where no
        provider reports what went wrong."""
        if not self.asked:
            self.ring()
        self.story.say(f'{caller.person.first_name}: "{caller.says}"')
        moments = self._trouble(caller)
        if any(moment.at is None for moment in moments):
            return moments
        page = self._read(self._page_of(caller), caller.cause)
        moments.append(Moment("diagnosed", self._noted(Action.DIAGNOSED)))
        if words := WORDS.search(page.html):
            self.story.say(f'For the recipient\'s IT: "{unescape(words[1])}"')
        for fix in caller.presses:
            page = self._press(page, fix)
            name, action = DONE[fix]
            moments.append(Moment(name, self._noted(action, user_key=key_of(_user(caller)))))
        if Fix.SEND_NEW_LINK in caller.presses:
            moments.append(self._delivered(caller))
        if caller.presses and moments[-1].at is not None:
            self._read(self._page_of(caller, at_person=True), caller.then)
        return moments

    @cached_property
    def agent(self) -> Visitor:
        """Somebody with few rights, signed in."""
        box = reverse("admin:recovery_diagnosis_changelist")
        agent, login = Visitor.at(f"{self.story.stage.plan.site_url}{reverse('admin:login')}?next={box}")
        shown = agent.submit(login, username="agent", password=seeds.PASSWORD)
        if shown.path != box:
            raise StoryFailed(f"The agent was not let to {box}: {shown.path} says {shown.text[:300]}")
        return agent

    def _page_of(self, caller: Caller, *, at_person: bool = False) -> str:
        """The diagnosis of whoever calls; of somebody who is nobody by what they typed, that of the ask."""
        if caller.typed and not at_person:
            path = reverse("admin:recovery_diagnosis_request", args=[self.asked[caller.username].pk])
        else:
            path = reverse("admin:recovery_diagnosis_person", args=[key_of(_user(caller))])
        return self.story.stage.plan.site_url + path

    def _trouble(self, caller: Caller) -> list[Moment]:
        """From the ask to what went wrong, as the rows have it."""
        if caller.cause == Cause.LOCKED_BY_STAFF:
            lock = Lockout.objects.filter(user_key=key_of(_user(caller))).standing().first()
            return [Moment("locked", lock.since if lock else None)]
        request = self.asked[caller.username]
        wait_for(lambda: ResetRequest.objects.exclude(decided_at=None).filter(pk=request.pk).exists(), PATIENCE)
        request.refresh_from_db()
        moments = [Moment("requested", request.requested_at), Moment("decided", request.decided_at)]
        if caller.cause == Cause.MAILBOX_FULL:
            told = EmailEvent.objects.filter(email__request=request, kind=EventKind.BOUNCED).exclude(esp="")
            bounced = wait_for(told.first, self.story.patience)
            moments.append(Moment("bounced", bounced.occurred_at if bounced else None))
        elif caller.cause == Cause.DELIVERED_UNSEEN:
            moments.append(self._arrived(request))
        return moments

    def _read(self, url: str, wanted: Cause) -> Page:
        """The page, on which this cause must lead."""
        page = self.agent.open(url)
        cause, sentence = leading(page)
        if cause != wanted:
            raise StoryFailed(f"{wanted} does not lead at {page.path} ({page.status}): {page.text[:300]}")
        self.story.say(f"The page: {sentence}")
        return page

    def _press(self, page: Page, fix: Fix) -> Page:
        """The button that leads, and the reason; the page once more, which must follow."""
        button = BUTTON.search(page.html)
        if button is None or button[2] != fix:
            raise StoryFailed(f"{page.path} does not offer to {fix.label}: {page.text[:300]}")
        form = self.agent.open(urljoin(page.url, unescape(button[1])))
        again = self.agent.submit(form, reason="on the phone, and asked for the birthday")
        if again.path != page.path:
            raise StoryFailed(f"The act does not lead back to {page.path}: {again.path} says {again.text[:300]}")
        self.story.say(f"Pressed: {capfirst(str(fix.label))}.")
        return again

    def _delivered(self, caller: Caller) -> Moment:
        sent = ResetRequest.objects.filter(user_key=key_of(_user(caller)), kind=Kind.ADMIN).first()
        if sent is None:
            raise StoryFailed(f"No link was sent to {caller.username}.")
        return self._arrived(sent)

    def _arrived(self, request: ResetRequest) -> Moment:
        mails = Email.objects.filter(request=request, kind=EmailKind.RESET)
        mail = wait_for(mails.exclude(delivered_at=None).first, self.story.patience)
        return Moment("delivered", mail.delivered_at if mail else None)

    def _noted(self, action: Action, **facts: Any) -> Any:
        """When the trail last noted this of the agent."""
        agent = get_user_model().objects.get(username="agent")
        line = AuditEvent.objects.filter(action=action, actor_key=key_of(agent), **facts).first()
        return line.occurred_at if line else None


def leading(page: Page) -> tuple[str, str]:
    """The cause that leads on a page of the diagnosis, and its sentence; two times "" on any other page."""
    found = LEADING.search(page.html)
    return (found[1], unescape(found[2])) if found else ("", "")


def _user(caller: Caller) -> Any:
    return get_user_model().objects.get(username=caller.username)
