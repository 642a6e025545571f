"""One row of everything that staff see and act on, about people of one workspace, and the secrets nobody is to read."""

import re
from dataclasses import dataclass
from typing import Any

from django.core import mail
from django.urls import reverse
from django.utils import timezone

from recovery import accounts, cases, level, lockouts, resets, routes
from recovery.models import (
    AuditEvent,
    BackupAddress,
    Bounce,
    CaseTelling,
    Email,
    LevelSwitch,
    RawEvent,
    Repair,
    RepairMember,
    Revocation,
    RotationMember,
    RouteState,
    SupportCase,
    Suppression,
)
from recovery.reasons import Action, CaseReason, EmailState, MailLevel, TellingState
from tests.admin.files import came_back
from tests.admin.pages import reset_for
from tests.admin.rights import REASON, Act
from tests.admin.test_steering import notice_to
from tests.asking import links
from tests.factories import StaffFactory, UserFactory
from tests.provider_lists.standins import KEY, StandIn
from tests.rotations.people import force, work
from tests.ways_out import LOCMEM

NOBODY = "http://127.0.0.1:1"


def may_act_on_bob(actor: Any, user: Any) -> bool:
    return user.is_staff or user.get_username() == "bob"


@dataclass(frozen=True)
class Scene:
    rows: dict[str, Any]
    secrets: frozenset[str]

    def path(self, act: Act) -> str:
        if act.action:
            return reverse(f"admin:{act.url}")
        row = [self.rows[act.row].pk] if act.row else []
        return reverse(f"admin:{act.url}", args=[*row, *act.rest]) + act.query

    def data(self, act: Act) -> dict[str, Any]:
        ticked = {"action": act.action, "_selected_action": [str(self.rows[act.row].pk)]} if act.action else {}
        return {**ticked, **act.data}

    def button(self, act: Act) -> tuple[str, str]:
        """On which page something leads there, and what."""
        model = act.url.split("_")[1] if act.url.startswith("recovery") else "user"
        app = "recovery" if act.url.startswith("recovery") else "auth"
        if act.action:
            return self.path(act), f'<option value="{act.action}"'
        if not act.row:
            return reverse(f"admin:{app}_{model}_changelist"), self.path(act)
        return reverse(f"admin:{app}_{model}_change", args=[self.rows[act.row].pk]), f'"{self.path(act)}"'


def set_up(settings: Any, provider: StandIn) -> Scene:
    """Through public doors where there is one; the provider holds something against Ada."""
    target = {"TARGET": "recovery.cases.targets.webhook", "NAME": "desk", "URL": NOBODY, "SECRET": "x" * 40}
    settings.RECOVERY = {
        **settings.RECOVERY,
        "CASE_TARGETS": [target],
        "ALARM_MAIL_TO": ["ops@example.com"],
        "STAFF_MAY_SET_PASSWORDS": True,
    }
    mail.outbox.clear()
    people = _people()
    # The rotations first: their workers would send the mail that is to wait.
    rows = {**people, **_rotations(people), **_mail_of(people["ada"], settings), **_lists_of(people["ada"])}
    secrets = frozenset(part for message in mail.outbox for link in links(message) for part in _secret_in(link))
    assert secrets
    options = {"server_token": KEY, "api_url": provider.url}
    main = {"NAME": "main_1", "BACKEND": "anymail.backends.postmark.EmailBackend", "OPTIONS": options}
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "relay", "BACKEND": LOCMEM}, main]}
    routes.register()
    provider.held[people["ada"].email] = {"HardBounce": {}}
    return Scene({**rows, **_under_way(people), "routestate": RouteState.objects.get(name="relay")}, secrets)


def _secret_in(link: str) -> list[str]:
    return [part for part in re.split(r"/", link) if len(part) > 40]


def _people() -> dict[str, Any]:
    made = {
        name: UserFactory.create(username=name, email=f"{name}@example.com")
        for name in ("ada", "bob", "frozen", "leaked")
    }
    made["guest"] = UserFactory.create(username="guest", email="guest@example.com", password=None)
    made["inactive"] = UserFactory.create(username="inactive", email="inactive@example.com", is_active=False)
    return {**made, "user": made["ada"]}


def _mail_of(ada: Any, settings: Any) -> dict[str, Any]:
    request = reset_for(ada)
    came_back(ada, settings, f"550 5.1.1 <{ada.email}>: unknown")
    case = cases.open_for(
        accounts.key_of(ada), request=request, reason=CaseReason.BOUNCED_NO_BACKUP, began_at=timezone.now()
    )
    CaseTelling.objects.update(stage=TellingState.GIVEN_UP)
    return {
        "resetrequest": request,
        "email": request.emails.get(),
        "queued": notice_to(ada),
        "withheld": notice_to(ada, EmailState.WITHHELD),
        "deferred": notice_to(ada, EmailState.DEFERRED),
        "bounce": Bounce.objects.earliest("pk"),
        "suppression": Suppression.objects.get(),
        "supportcase": SupportCase.objects.get(pk=case.pk),
    }


def _lists_of(ada: Any) -> dict[str, Any]:
    for to in (MailLevel.NONE, MailLevel.ALL):
        level.switch(to, actor=StaffFactory.create(), reason=REASON)
    lockout = lockouts.lock(ada, actor=StaffFactory.create(), reason=REASON)
    return {
        "auditevent": AuditEvent.objects.filter(action=Action.LOCKED).latest("pk"),
        "levelswitch": LevelSwitch.objects.latest("pk"),
        "rawevent": RawEvent.objects.create(esp="postmark", content="{}", error=f"no event: {ada.email}"),
        "lockout": lockout,
        "backupaddress": BackupAddress.objects.create(
            user_key=accounts.key_of(ada), address="spare@example.net", address_key="spare@example.net",
            code_until=timezone.now(),
        ),
    }  # fmt: skip


def _under_way(people: dict[str, Any]) -> dict[str, Any]:
    """What waits for a second member of staff, for a sweep, or for somebody to look at it."""
    asker = StaffFactory.create()
    moments = {"since": timezone.now(), "until": timezone.now()}
    repair = Repair.objects.create(cause="soft", actor_key=accounts.key_of(asker), reason=REASON, **moments)
    guest = accounts.key_of(people["guest"])
    RepairMember.objects.create(repair=repair, user_key=guest, waits_since=timezone.now())
    return {
        "repair": repair,
        "revocation": Revocation.objects.create(user_key=guest, revoker="knox", given_up_at=timezone.now()),
        "addresscorrection": resets.correct_address(
            people["guest"], "proposed@example.com", actor=asker, reason=REASON
        ),
    }


def _rotations(people: dict[str, Any]) -> dict[str, Any]:
    """One whose person is told and stuck, one that has not begun."""
    first = force([people["frozen"]])
    work()
    Email.objects.filter(recipient=people["frozen"].email).update(
        state=EmailState.BOUNCED, followed_up_at=timezone.now()
    )
    waiting = force([people["leaked"], UserFactory.create()])
    return {"rotation": first, "waiting": waiting, "rotationmember": RotationMember.objects.get(rotation=first)}
