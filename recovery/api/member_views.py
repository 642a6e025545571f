"""What members of staff may call: why did the mail not come, send a link, unlock, read the log and the numbers.

Each act asks a reason, which stays on the trail, and so does each look at people. Addresses are masked as in the admin.
"""

from typing import Any, Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from recovery import accounts, agents, audit, diagnosis, lockouts, metrics, resets
from recovery.addresses import normalise
from recovery.api import bodies
from recovery.api.members import member_call, past_limit, person
from recovery.api.once import Facts, once
from recovery.api.problems import Refused, wrong
from recovery.diagnosis.subjects import LONGEST
from recovery.exceptions import NotAllowed
from recovery.models import Email
from recovery.models.requests import parse_reference
from recovery.origin import Origin
from recovery.reasons import Action, Kind, Problem
from recovery.viewers import Viewer

MOST_REASON: Final = 500
MOST_KEY: Final = 200
MOST_MAILS: Final = 100
USUAL_MAILS: Final = 50


@member_call("POST", "recovery.diagnose")
def diagnose(request: HttpRequest, actor: AbstractBaseUser) -> JsonResponse:
    """Why a person did not get the mail; as ``recovery_diagnose --json``, one entry for each person that is meant."""
    said = bodies.read(request, {"said": str, "reason": str})
    reason, viewer = _reason(said), Viewer(actor)
    whom = bodies.text(said, "said", most=LONGEST)
    resets.note_beyond(actor, diagnosis.beyond(whom, viewer=actor), reason=reason)
    subjects = diagnosis.find(whom, viewer=actor)
    found = [diagnosis.explain(subject, viewer=actor) for subject in subjects]
    for each in found:
        audit.record(
            Action.DIAGNOSED,
            actor_key=accounts.key_of(actor),
            user_key=each.subject.user_key,
            request=each.subject.request,
            email=each.subject.email,
            reason=reason,
            cause=each.leading.code.value,
        )
    return JsonResponse({"found": [_masked(each.as_json(), viewer) for each in found]})


@member_call("POST", "recovery.send_reset")
def reset(request: HttpRequest, actor: AbstractBaseUser) -> JsonResponse:
    """Send a person a link. Staff get its reference and never see it."""
    said, user, reason = _about(request, actor)

    def act() -> Facts:
        try:
            asked = resets.send_by_staff(user, actor=actor, reason=reason, origin=Origin.of(request))
        except NotAllowed:
            raise past_limit(actor) from None
        return {"reference": asked.shown_reference}

    return once(request, said, caller=accounts.key_of(actor), act=act, status=202)


@member_call("POST", "recovery.unlock")
def unlock(request: HttpRequest, actor: AbstractBaseUser) -> JsonResponse:
    """End whatever refuses a person's sign-ins. A lock by staff only where the caller may: else that one stays, which
    is told beside what ended, and is a refusal where nothing did."""
    said, user, reason = _about(request, actor)

    def act() -> Facts:
        done = resets.unlock(lockouts.standing(user), actor=actor, reason=reason)
        refused = [wrong("user", "refused", why) for _row, why in done.refused]
        if refused and not done.lifted:
            raise Refused(Problem.NOT_ALLOWED, errors=refused)
        return {"lifted": len(done.lifted), "refused": refused}

    return once(request, said, caller=accounts.key_of(actor), act=act)


@member_call("POST", "recovery.view_email")
def emails(request: HttpRequest, actor: AbstractBaseUser) -> JsonResponse:
    """The email log, the newest first, in pages: ``next`` is ``before`` of the next one. Rows of people out of scope
    are left out, so a page may be short."""
    said = bodies.read(request, {"reason": str}, {"user": str, "reference": str, "before": str, "limit": int})
    reason, viewer = _reason(said), Viewer(actor)
    rows, about = Email.objects.select_related("request").order_by("-pk"), ""
    if "user" in said:
        about = accounts.key_of(_person(said, actor, reason))
        rows = rows.filter(user_key=about)
    if "reference" in said:
        rows = rows.filter(request__reference=parse_reference(said["reference"]))
    if "before" in said:
        rows = rows.filter(pk__lt=_mail_key(said["before"]))
    limit = _limit(said)
    page = list(rows[: limit + 1])
    viewer.look_up(key for row in page for key in row.account_keys)
    shown = [row for row in page[:limit] if viewer.reaches_mail(row)]
    actor_key = accounts.key_of(actor)
    audit.record(Action.LIST_READ, actor_key=actor_key, user_key=about, reason=reason, list="email", rows=len(shown))
    following = str(page[limit - 1].pk) if len(page) > limit else None
    return JsonResponse({"emails": [_mail(row, viewer) for row in shown], "next": following})


@member_call("GET", "recovery.view_rollup")
def numbers(request: HttpRequest, actor: AbstractBaseUser) -> JsonResponse:
    """The four numbers, as ``recovery_metrics --json``."""
    asked = request.GET.dict()
    names = ("since", "until", "audience", "route", "domain", "kind")
    errors = [wrong(name[:100], "unknown", _("This call does not know it.")) for name in asked if name not in names]
    errors += [
        wrong(name, "unprintable", _("That is no such word.")) for name in asked if not asked[name].isprintable()
    ]
    kind = bodies.one_of(asked, "kind", ("", *Kind.values), "")
    own = agents.audiences_of(actor)
    if own is not None and asked.get("audience") not in own:
        errors.append(wrong("audience", "required", _("Name one of your doors: %s.") % ", ".join(sorted(own))))
    if errors:
        raise Refused(Problem.INVALID, errors=errors)
    now = timezone.now()
    try:
        selection = metrics.selection(
            since=metrics.parse(asked.get("since", "24h"), now),
            until=metrics.parse(asked.get("until", "0h"), now),
            audience=asked.get("audience", ""),
            route=asked.get("route", ""),
            domain=normalise(asked.get("domain", "")),
            kind=kind,
        )
    except (ValueError, OverflowError) as error:
        raise Refused(Problem.INVALID, errors=[wrong("since", "invalid", error)]) from None
    if selection.since >= selection.until:
        raise Refused(Problem.INVALID, errors=[wrong("since", "order", _("since must be before until."))])
    return JsonResponse(metrics.told(selection))


def _about(request: HttpRequest, actor: AbstractBaseUser) -> tuple[bodies.Said, AbstractBaseUser, str]:
    """What was sent for an act, whose account it is about, and why."""
    said = bodies.read(request, {"user": str, "reason": str})
    reason = _reason(said)
    return said, _person(said, actor, reason), reason


def _person(said: bodies.Said, actor: AbstractBaseUser, reason: str) -> AbstractBaseUser:
    return person(actor, bodies.text(said, "user", most=MOST_KEY), reason=reason)


def _reason(said: bodies.Said) -> str:
    return bodies.text(said, "reason", most=MOST_REASON)


def _limit(said: bodies.Said) -> int:
    limit: int = said.get("limit", USUAL_MAILS)
    if not 1 <= limit <= MOST_MAILS:
        told = _("Use a number from 1 to %d.") % MOST_MAILS
        raise Refused(Problem.INVALID, errors=[wrong("limit", "out_of_range", told)])
    return limit


def _mail_key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        told = _("Send what next said.")
        raise Refused(Problem.INVALID, errors=[wrong("before", "invalid", told)]) from None


def _mail(row: Email, viewer: Viewer) -> dict[str, Any]:
    people = {key: viewer.person(key) for key in sorted(row.account_keys)}
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "state": row.state,
        "reason": row.reason,
        "recipient": viewer.address(row.recipient),
        "subject": viewer.text(row.subject),
        "accounts": [{"user": key, "name": viewer.name(user) if user else ""} for key, user in people.items()],
        "reference": row.request.shown_reference if row.request else "",
        "audience": row.audience,
        "language": row.language,
        "route": row.route,
        "provider": row.esp,
        "tries": row.attempt_count,
        "queued_at": row.queued_at,
        "send_by": row.send_by,
        "handed_over_at": row.handed_over_at,
        "delivered_at": row.delivered_at,
    }


def _masked(told: Any, viewer: Viewer) -> Any:
    """With every address in every text masked for this viewer, as the admin shows sentences."""
    if isinstance(told, str):
        return viewer.text(told)
    if isinstance(told, dict):
        return {name: _masked(value, viewer) for name, value in told.items()}
    return [_masked(value, viewer) for value in told] if isinstance(told, list) else told
