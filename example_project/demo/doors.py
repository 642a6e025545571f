"""What happens at the sign-in: a lockout and its end by staff, and a password that is ended because a thief has it."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.shortcuts import resolve_url
from django.urls import reverse

from example_project import seeds
from example_project.demo.scenes import found_person
from example_project.demo.story import NEW_PASSWORD, PATIENCE, Moment, Story, StoryFailed, opened, wait_for
from example_project.demo.visitor import Page, Visitor
from recovery.accounts import key_of
from recovery.models import Email, Lockout, ResetRequest, RotationMember
from recovery.reasons import EmailKind, Kind


class Doors:
    """Two tales of one story's stage."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.site = story.stage.plan.site_url

    def all(self) -> list[tuple[str, Callable[[], list[Moment]]]]:
        """Each with its title."""
        return [
            ("Guessing, a lockout, and its end by staff", self.lockout),
            ("A stolen password, and a new one for its owner", self.rotation),
        ]

    def lockout(self) -> list[Moment]:
        """Somebody guesses Rosalind's password; the right one is refused too, she is told, and an agent unlocks."""
        rosalind = found_person("rosalind")
        user = get_user_model().objects.get(username=rosalind.username)
        for guess in range(1, 6):
            self._is_refused(rosalind.username, f"guess {guess}")
        page = self._is_refused(rosalind.username, seeds.PASSWORD)
        row = Lockout.objects.filter(user_key=key_of(user)).first()
        if row is None or "too many tries" not in page.text.lower():
            raise StoryFailed(f"After five wrong passwords there is no lockout: {page.text[:300]}")
        self.story.say("Five wrong passwords, and the right one is not even looked at; the page says until when.")
        wait_for(lambda: self._notice(rosalind.address) is not None, PATIENCE)
        notice = self._notice(rosalind.address)
        self.story.act("agent", user, "unlock", reason="called back: it was her nephew")
        row.refresh_from_db()
        self.story.say("A mail told her, and an agent lifted the lockout.")
        inside = self._signed_in(rosalind.username, seeds.PASSWORD)
        return [
            Moment("locked", row.since),
            Moment("told", notice.handed_over_at if notice else None),
            Moment("unlocked", row.lifted_at),
            Moment("signed in", inside),
        ]

    def rotation(self) -> list[Moment]:
        """A thief is in Hedy's account. Staff force a new password: he is out at once, and the link comes to her."""
        hedy = found_person("hedy")
        user = get_user_model().objects.get(username=hedy.username)
        thief, login = Visitor.at(self.site + resolve_url(settings.LOGIN_URL))
        thief.submit(login, username=hedy.username, password=seeds.PASSWORD)
        private = self.site + reverse("recovery:backup_addresses")
        if thief.open(private).path == login.path:
            raise StoryFailed("The thief did not get in, so there is nothing to end.")
        self.story.act("admin", user, "force-password", reason="her password was in a leak")
        member = wait_for(
            lambda: RotationMember.objects.filter(user_key=key_of(user)).exclude(rotated_at=None).first(), PATIENCE
        )
        if member is None or thief.open(private).path != login.path:
            raise StoryFailed("The thief is still in.")
        self.story.say("The old password and the thief's session are ended.")
        request = ResetRequest.objects.get(user_key=key_of(user), kind=Kind.FORCED)
        mail = self.story.mail_to(hedy.address)
        self.story.say(f'A mail arrived: "{mail.subject}".')
        sent = Email.objects.get(request=request, kind=EmailKind.FORCED_RESET)
        wait_for(lambda: Email.objects.get(pk=sent.pk).delivered_at, self.story.patience)
        sent.refresh_from_db()
        self.story.set_password(Visitor(), mail)
        self._signed_in(hedy.username, NEW_PASSWORD)
        request.refresh_from_db()
        return [
            Moment("started", member.rotation.started_at),
            Moment("ended", member.rotated_at),
            Moment("handed_over", sent.handed_over_at),
            Moment("delivered", sent.delivered_at),
            opened(request),
            Moment("completed", request.completed_at),
        ]

    def _is_refused(self, username: str, password: str) -> Page:
        visitor, login = Visitor.at(self.site + resolve_url(settings.LOGIN_URL))
        page = visitor.submit(login, username=username, password=password)
        if page.path != login.path:
            raise StoryFailed(f"{password!r} opened the account of {username}.")
        return page

    def _signed_in(self, username: str, password: str) -> datetime | None:
        visitor, login = Visitor.at(self.site + resolve_url(settings.LOGIN_URL))
        if visitor.submit(login, username=username, password=password).path == login.path:
            raise StoryFailed(f"{username} could not sign in.")
        found = get_user_model().objects.get(username=username)
        return found.last_login

    def _notice(self, address: str) -> Email | None:
        told = Email.objects.filter(recipient=address, kind=EmailKind.LOCKED)
        return told.exclude(handed_over_at=None).first()
