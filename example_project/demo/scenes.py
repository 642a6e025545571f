"""What may go wrong with a mail, and what follows by itself: over real HTTP and read from the rows, as in ``story``."""

import os
from collections.abc import Callable
from typing import Final

import requests
from django.contrib.auth import get_user_model
from django.urls import reverse

from example_project import seeds
from example_project.demo.story import PATIENCE, Moment, Story, StoryFailed, opened, sending, wait_for
from example_project.demo.visitor import Visitor
from recovery import suppressions
from recovery.accounts import key_of
from recovery.models import Email, ResetRequest, SupportCase, Suppression
from recovery.reasons import CaseEnd, EmailKind, EventKind, SuppressionReason

INACTIVE: Final = 406  # Postmark: this recipient gets no mail of this stream


class Scenes:
    """Five tales of one story's stage."""

    def __init__(self, story: Story) -> None:
        self.story = story

    def all(self) -> list[tuple[str, Callable[[], list[Moment]]]]:
        """Each with its title."""
        return [
            ("A hard bounce, the backup address, a new password", self.backup),
            ("A full mailbox without backup address, a case, its end", self.case),
            ("A failure that passes", self.passing),
            ("A complaint", self.complaint),
            ("Opted out of marketing, and in again", self.opted_out),
        ]

    def backup(self) -> list[Moment]:
        """Edgar's mailbox is gone; the fresh link comes to his backup address, and he gets in."""
        edgar = found_person("edgar")
        visitor, request = self._mailed(edgar)
        moments = [*self._sent(request), self._event(request, EventKind.BOUNCED)]
        waiting = request.emails.filter(kind=EmailKind.RESET, recipient=edgar.backup).exclude(handed_over_at=None)
        second = wait_for(waiting.first, self.story.patience)
        moments.append(Moment("backup", second.handed_over_at if second else None))
        if second is None:
            return moments
        self.story.say(f"A fresh link went to {edgar.backup}.")
        done = self.story.set_password(visitor, self.story.mail_to(edgar.backup))
        if "did not get through" not in done.text:
            raise StoryFailed(f"Edgar was not told that his main address failed: {done.text[:300]}")
        self.story.sign_in(edgar.username)
        request.refresh_from_db()
        self.story.say("Edgar is in, and knows that his main address failed.")
        return [*moments, opened(request), Moment("completed", request.completed_at)]

    def case(self) -> list[Moment]:
        """Lewis's mailbox is full; support has a case, sends a link when there is room, and the case ends by itself."""
        lewis = found_person("lewis")
        visitor, request = self._mailed(lewis)
        moments = [*self._sent(request), self._event(request, EventKind.BOUNCED)]
        case = wait_for(SupportCase.objects.filter(request=request).first, self.story.patience)
        moments.append(Moment("case opened", case.opened_at if case else None))
        if case is None:
            return moments
        self.story.say(f"Support has a case: {case.get_reason_display()}.")
        again = self._link_by_staff(lewis, case)
        mails = self.story.stage.provider.ledger.wait_for(lewis.address, count=2, seconds=PATIENCE)
        self.story.set_password(visitor, mails[-1])
        wait_for(lambda: SupportCase.objects.filter(pk=case.pk, end=CaseEnd.COMPLETED).exists(), self.story.patience)
        case.refresh_from_db()
        again.refresh_from_db()
        self.story.say("The case is closed, and nobody had to think of it.")
        return [
            *moments,
            Moment("sent again", again.requested_at),
            opened(again),
            Moment("completed", again.completed_at),
            Moment("case closed", case.closed_at),
        ]

    def passing(self) -> list[Moment]:
        """Joan's mail server asks to come back later; the mail arrives, and nothing is held against the address."""
        joan = found_person("joan")
        _visitor, request = self._mailed(joan)
        moments = [*self._sent(request), self._event(request, EventKind.DEFERRED)]
        moments.append(self._event(request, EventKind.DELIVERED))
        self._is_left_alone(joan)
        if Suppression.objects.filter(address_key=joan.address).exists():
            raise StoryFailed("A failure that passes made the address one that is not mailed.")
        self.story.say("Nothing is held against the address.")
        return moments

    def complaint(self) -> list[Moment]:
        """Groucho reports the mail as spam: it has arrived, and he gets no more of those."""
        groucho = found_person("groucho")
        _visitor, request = self._mailed(groucho)
        moments = [*self._sent(request), self._event(request, EventKind.DELIVERED)]
        moments.append(self._event(request, EventKind.COMPLAINED))
        self._is_left_alone(groucho)
        if moments[-1].at is not None:
            stopped = [row.kind for row in Suppression.objects.filter(address_key=groucho.address)]
            if stopped != [EmailKind.RESET]:
                raise StoryFailed(f"A complaint about a link stopped these kinds of mail: {stopped}.")
            self.story.say("No more links go there for a while; all other mail does.")
        return moments

    def opted_out(self) -> list[Moment]:
        """Greta wants no marketing, here and at the provider; the reset comes all the same."""
        greta = found_person("greta")
        suppressions.add(greta.address, reason=SuppressionReason.COMPLAINED, source="newsletter", kind=EmailKind.SITE)
        if self._newsletter_to(greta.address) != INACTIVE:
            raise StoryFailed("The provider took a newsletter to somebody who has unsubscribed.")
        self.story.say("The provider refuses the newsletter to her.")
        visitor, request = self._mailed(greta)
        moments = [*self._sent(request), self._event(request, EventKind.DELIVERED)]
        self.story.set_password(visitor, self.story.mail_to(greta.address))
        request.refresh_from_db()
        return [*moments, opened(request), Moment("completed", request.completed_at)]

    def _newsletter_to(self, address: str) -> int:
        """What the provider answers to marketing: its error code, 0 for none."""
        mail = {"From": "news@example.org", "To": address, "Subject": "News", "TextBody": "New books.",
                "MessageStream": "broadcast"}  # fmt: skip
        answer = requests.post(
            f"{self.story.stage.plan.provider_url}email",
            json=mail,
            headers={"X-Postmark-Server-Token": os.environ["POSTMARK_SERVER_TOKEN"]},
            timeout=10,
        )
        return int(answer.json()["ErrorCode"])

    def _mailed(self, person: seeds.Person) -> tuple[Visitor, ResetRequest]:
        visitor, request = self.story.ask(person.address)
        self.story.mail_to(person.address)
        return visitor, request

    def _sent(self, request: ResetRequest) -> list[Moment]:
        wait_for(lambda: _first_mail(request).handed_over_at, PATIENCE)  # no webhook has a part in it
        return sending(request, _first_mail(request))

    def _event(self, request: ResetRequest, kind: EventKind) -> Moment:
        """When the provider told this of the first mail of the request."""
        told = _first_mail(request).events.filter(kind=kind).exclude(esp="")
        event = wait_for(told.first, self.story.patience)
        if event is not None:
            self.story.say(f"The provider reports: {event.get_kind_display()}.")
        return Moment(kind.value, event.occurred_at if event else None)

    def _is_left_alone(self, person: seeds.Person) -> None:
        user = get_user_model().objects.get(username=person.username)
        if SupportCase.objects.filter(user_key=key_of(user)).exists():
            raise StoryFailed(f"There is a case of {person.username}, whose mail arrived.")

    def _link_by_staff(self, person: seeds.Person, case: SupportCase) -> ResetRequest:
        """Support reads the case in the admin, and presses "Send reset link" on the person's page."""
        user = get_user_model().objects.get(username=person.username)
        site = self.story.stage.plan.site_url
        page = reverse("admin:recovery_supportcase_change", args=[case.pk])
        agent, login = Visitor.at(f"{site}{reverse('admin:login')}?next={page}")
        shown = agent.submit(login, username="admin", password=seeds.PASSWORD)
        if shown.path != page or str(case.get_reason_display()) not in shown.text:
            raise StoryFailed(f"The case is not shown: {shown.path} says {shown.text[:300]}")
        form = agent.open(f"{site}/admin/auth/user/{user.pk}/send-reset-link/")
        agent.submit(form, reason="called back: there is room in the mailbox again")
        again = ResetRequest.objects.filter(user_key=key_of(user)).first()
        if again is None:
            raise StoryFailed("Support could not send a link.")
        self.story.say("Support called back and sent a new link.")
        return again


def found_person(username: str) -> seeds.Person:
    """One of those that the demo plants."""
    return next(person for person in seeds.PEOPLE if person.username == username)


def _first_mail(request: ResetRequest) -> Email:
    return Email.objects.filter(request=request, kind=EmailKind.RESET).earliest("queued_at")
