"""What goes wrong, as a test has it happen: the makers of each alarm, by its word."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from recovery import agents, heartbeats, rollup
from recovery.models import (
    AuditAnchor,
    CaseTelling,
    Email,
    Heartbeat,
    Lockout,
    ResetRequest,
    Revocation,
    RollUpProgress,
    Rotation,
    RotationMember,
    RouteState,
)
from recovery.reasons import (
    Action,
    Alarm,
    CaseNews,
    Circuit,
    EmailKind,
    EmailReason,
    EmailState,
    Kind,
    LockKind,
    Part,
    RotationSource,
    RotationStep,
    TellingState,
)
from tests.past import HOUR, Mail, act, case, complaint, key

MINUTE = timedelta(minutes=1)
BAD: dict[str, Any] = {"state": EmailState.BOUNCED, "took": None}


def everything_beats() -> None:
    for part in (Part.BEAT, Part.SWEEP):
        heartbeats.beat(part)
    heartbeats.beat(Part.WORKER, "celery@one")


def lately(count: int, *, hours: float = 1, **facts: Any) -> list[Email]:
    """So many mails of one moment about that long ago: of one hour, whichever begins meanwhile."""
    ago = timezone.now() - hours * HOUR
    return [Mail(at=ago, **facts).write() for _ in range(count)]


# What makes each alarm, and what it is about.
def slow() -> None:
    lately(94, took=20)
    lately(6, took=90)


def much_lost() -> None:
    lately(97)
    lately(3, state=EmailState.FAILED, took=None)


def much_returned() -> None:
    lately(94)
    lately(6, **BAD)


def reported_as_spam() -> None:
    reported_now(lately(3, hours=40))
    lately(100)


def reported_now(emails: Sequence[Email]) -> None:
    """The provider tells of it today, whenever the mail was."""
    for email in emails:
        complaint(email, at=timezone.now())


def queue_is_late() -> None:
    ten_minutes_ago = timezone.now() - 10 * MINUTE
    Mail(at=ten_minutes_ago, state=EmailState.QUEUED, took=None, left=False, next_try_at=ten_minutes_ago).write()


def beat_is_dead() -> None:
    Heartbeat.objects.filter(part=Part.BEAT).update(beat_at=Now() - 2 * MINUTE)


def circuit_is_open() -> None:
    RouteState.objects.create(name="default", circuit=Circuit.OPEN, reason=EmailReason.PROVIDER_DOWN)


def every_route_is_off() -> None:
    RouteState.objects.create(name="default", switched_off=True)


def cases_pile_up() -> None:
    for email in lately(21, hours=30):
        case(email)


def nobody_rolls_up() -> None:
    rollup.roll_up()
    RollUpProgress.objects.update(rolled_at=timezone.now() - 16 * MINUTE, lease_until=timezone.now() + HOUR)


def nobody_seals() -> None:
    act(at=timezone.now() - 11 * MINUTE, action=Action.LINK_REVOKED)


def nobody_takes_the_anchor() -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - 4 * HOUR
    AuditAnchor.objects.create(hour=hour, number=1, position=1, head="0" * 64)


def provider_is_silent() -> None:
    lately(60, state=EmailState.HANDED_OVER, took=None)


def far_more_ask_than_usual() -> None:
    now = timezone.now()
    ResetRequest.objects.bulk_create(
        ResetRequest(id=key(now), reference=f"{number:08d}", kind=Kind.FORGOT, requested_at=now)
        for number in range(100)
    )


def many_names_are_locked(number: int = 100, **facts: Any) -> None:
    facts = {"kind": LockKind.ACCOUNT, "until": timezone.now() + HOUR} | facts
    Lockout.objects.bulk_create(Lockout(counter_key=each, **facts) for each in range(number))


def somebody_acts_on_many(number: int = agents.MANY) -> None:
    for user_key in range(number):
        act(at=timezone.now(), action=Action.UNLOCKED, user_key=str(user_key))


def provider_refuses_us() -> None:
    RouteState.objects.create(name="default", circuit=Circuit.OPEN, reason=EmailReason.PROVIDER_REFUSED_US)


def a_revoker_fails(**facts: Any) -> None:
    Revocation.objects.create(**{"user_key": "7", "revoker": "site.revokers.tokens"} | facts)


def access_is_not_ended() -> None:
    """Of two that one rotation gave up, another has ended the access of the second since."""
    for number, members in (
        (1, {"7": RotationStep.FAILED, "8": RotationStep.FAILED}),
        (2, {"8": RotationStep.ROTATED}),
    ):
        rotation = Rotation.objects.create(id=UUID(int=number), source=RotationSource.STAFF, reason="leaked")
        for user_key, step in members.items():
            at = timezone.now() if step == RotationStep.ROTATED else None
            listed = key(timezone.now() + number * MINUTE)
            RotationMember.objects.create(id=listed, rotation=rotation, user_key=user_key, step=step, rotated_at=at)


def a_target_takes_no_case() -> None:
    for is_open in (True, False):
        [email] = lately(1)
        facts = {} if is_open else {"closed_at": timezone.now()}
        CaseTelling.objects.create(
            case=case(email, **facts), target="desk" if is_open else "old", news=CaseNews.OPENED,
            stage=TellingState.GIVEN_UP,
        )  # fmt: skip


def a_mail_cannot_be_rendered() -> None:
    set_aside(EmailReason.RENDER_ERROR, EmailState.DEFERRED)


def a_mail_is_set_aside() -> None:
    set_aside(EmailReason.POISON, EmailState.FAILED)


def set_aside(reason: str, state: str) -> None:
    """A notice of now; one of the day before yesterday, and mail of the site's own, for which there is no next try."""
    for kind, hours in ((EmailKind.PASSWORD_CHANGED, 1), (EmailKind.LOCKED, 30), (EmailKind.SITE, 1)):
        at = timezone.now() - hours * HOUR
        Email.objects.create(
            id=key(at), kind=kind, recipient="a@example.org", state=state, reason=reason, send_by=at, queued_at=at
        )


CASES: dict[Alarm, tuple[Callable[[], None], str]] = {
    Alarm.DELIVERY_SLOW: (slow, ""),
    Alarm.SUCCESS_LOW: (much_lost, ""),
    Alarm.BOUNCES_HIGH: (much_returned, ""),
    Alarm.COMPLAINTS_HIGH: (reported_as_spam, ""),
    Alarm.QUEUE_LATE: (queue_is_late, "email"),
    Alarm.PART_SILENT: (beat_is_dead, "beat"),
    Alarm.CIRCUIT_OPEN: (circuit_is_open, "default"),
    Alarm.NO_ROUTE: (every_route_is_off, ""),
    Alarm.CASES_PILED: (cases_pile_up, ""),
    Alarm.FIGURES_OLD: (nobody_rolls_up, ""),
    Alarm.TRAIL_UNSEALED: (nobody_seals, ""),
    Alarm.ANCHOR_NOT_TOLD: (nobody_takes_the_anchor, "recovery.anchors.log"),
    Alarm.WEBHOOK_SILENT: (provider_is_silent, "postmark"),
    Alarm.ASKS_UNUSUAL: (far_more_ask_than_usual, "forgot"),
    Alarm.LOCKOUTS_MANY: (many_names_are_locked, "sign-in"),
    Alarm.AGENT_VOLUME: (somebody_acts_on_many, "7"),
    Alarm.REFUSED_US: (provider_refuses_us, "default"),
    Alarm.NOT_REVOKED: (a_revoker_fails, "site.revokers.tokens"),
    Alarm.NOT_ROTATED: (access_is_not_ended, str(UUID(int=1))),
    Alarm.CASE_NOT_TOLD: (a_target_takes_no_case, "desk"),
    Alarm.RENDER_ERROR: (a_mail_cannot_be_rendered, "password_changed"),
    Alarm.POISON: (a_mail_is_set_aside, "password_changed"),
}
