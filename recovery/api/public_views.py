"""What anybody may call: ask, ask again, look at a link, use it for a new password. What the pages do, in JSON.

No call tells whether there is an account, and none sets or reads a cookie. A link's secret comes in the body, never in
a URL, and a reset never signs in here: who set the password signs in with it.
"""

import re
import time
from typing import Any, Final

from django.contrib.auth import password_validation
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, JsonResponse

from recovery import accounts, audiences, cookies, intake, resets
from recovery.addresses import likely_domain
from recovery.api import bodies
from recovery.api.calls import call
from recovery.api.once import Facts, once
from recovery.api.problems import Refused
from recovery.conf import conf
from recovery.exceptions import LinkRefused
from recovery.forms import ForgotForm, NewPasswordForm
from recovery.masked import Secret
from recovery.models import ResetRequest, ResetToken
from recovery.models.requests import parse_reference
from recovery.origin import Origin
from recovery.reasons import SHOWN_REFUSALS, Problem, Verdict
from recovery.tokens import ACTIVATION, PURPOSE

LINK: Final = re.compile(r"([\w-]{22})/([\w-]{43})\W*", re.ASCII)
"""The two parts of a link's path, with whatever a mail program added at its end."""
PURPOSES: Final = (PURPOSE, ACTIVATION)
INVALID: Final = "invalid"


@call("POST")
def ask(request: HttpRequest) -> JsonResponse:
    """202, whatever was typed. 429 by the place that asks alone."""
    said = bodies.read(request, {"identifier": str})
    form = ForgotForm(said)
    bodies.judge(form, names={})
    return _asked(request, said, form.cleaned_data["identifier"])


@call("POST")
def resend(request: HttpRequest, reference: str) -> JsonResponse:
    """As ``ask``, for whoever asked and has waited: they have what the answer to that gave them."""
    said = bodies.read(request, {"resend_token": str})
    code = parse_reference(reference)
    asked = cookies.read_proof(said["resend_token"], code)
    before = ResetRequest.objects.filter(reference=code).first() if asked else None
    if asked is None or before is None:
        raise Refused(Problem.RESEND_REFUSED)
    if asked.wait_seconds:
        raise Refused(Problem.TOO_EARLY, until=asked.wait_seconds)
    return _asked(request, said, before.identifier, door=before.audience, next_url=before.next_url)


@call("POST")
def look(request: HttpRequest) -> JsonResponse:
    """Whether a link works, without using it. On the trail as opened by a person: mail scanners do not call here."""
    selector, verifier, purpose = _link(bodies.read(request, {"token": str}, {"purpose": str}))
    opening = resets.open_link(selector, verifier, purpose=purpose, verdict=Verdict.PERSON, origin=Origin.of(request))
    usable = opening.refusal is None
    return JsonResponse(
        {
            "usable": usable,
            "reason": None if usable else _shown(opening.refusal),
            "password_rules": password_validation.password_validators_help_texts() if usable else [],
        }
    )


@call("POST")
def complete(request: HttpRequest) -> JsonResponse:
    """Set the new password over a link, which that uses up. A key of a repetition belongs to whoever has the link, from
    wherever they call: a phone that lost its answer comes back by another network."""
    said = bodies.read(request, {"token": str, "new_password": str}, {"purpose": str})
    selector, verifier, purpose = link = _link(said)
    password, origin = Secret(said["new_password"]), Origin.of(request)

    def act() -> Facts:
        standing = resets.stand(selector, verifier, purpose=purpose)
        token, user = standing.token, standing.user
        if token is None or user is None or standing.refusal:
            raise _dead(token, standing.refusal)
        try:
            resets.complete(token, user, _judged(password, token, user), origin=origin)
        except LinkRefused as refused:
            raise _dead(token, refused.why) from None
        return {"main_address_failed": resets.came_by_backup(token, user)}

    def is_same() -> bool:
        user = resets.stand(selector, verifier, purpose=purpose).user
        try:
            return user is not None and accounts.check_password(user, password)
        except UnicodeEncodeError:  # a lone surrogate, which the form would have refused
            return False

    return once(request, {"link": link}, caller=selector, act=act, is_same=is_same)


def _judged(password: str, token: ResetToken, user: AbstractBaseUser) -> str:
    """As it may be set. Raises Refused for one against the site's rules, which is noted."""
    form = NewPasswordForm(user, {"new_password1": password})
    try:
        bodies.judge(form, names={"new_password1": "new_password"}, code=Problem.PASSWORD_REFUSED)
    except Refused:
        resets.refuse_password(token, codes=form.error_codes)
        raise
    return str(form.cleaned_data["new_password1"])


def _asked(request: HttpRequest, said: Facts, identifier: str, *, door: str = "", next_url: str = "") -> JsonResponse:
    """At the door that a row of ours names, if there still is such a one; else at that of the host and path."""
    origin = Origin.of(request)
    if door not in audiences.names():
        door = audiences.at(host=request.get_host(), path=request.path)

    def act() -> Facts:
        asked = intake.ask(identifier, origin=origin, audience=door, next_url=next_url)
        if asked.place_free_again_at:
            raise Refused(Problem.TOO_MANY_ASKS, until=asked.place_free_again_at)
        return {"reference": asked.reference, "at": int(time.time())}

    def told(facts: Facts) -> dict[str, Any]:
        reference = str(facts["reference"])
        return {
            "reference": ResetRequest(reference=reference).shown_reference,
            "resend_token": cookies.proof_of_asking(reference, at=facts["at"]),
            "resend_after": int(conf.COOLDOWN.total_seconds()),
            "hint": likely_domain(identifier),
        }

    return once(request, said, caller=origin.source, act=act, told=told, status=202)


def _link(said: bodies.Said) -> tuple[str, str, str]:
    """Selector, secret and purpose; what is no link of ours names none."""
    purpose = bodies.one_of(said, "purpose", PURPOSES, PURPOSE)
    parts = LINK.fullmatch(said["token"])
    return (parts[1], Secret(parts[2]), purpose) if parts else ("", Secret(), purpose)


def _dead(token: ResetToken | None, refusal: str | None) -> Refused:
    """The same status for every dead link; only the right secret earns a reason, and only three of them."""
    if token is not None and refusal is not None:
        resets.refuse_link(token, why=refusal)
    return Refused(Problem.LINK_REFUSED, reason=_shown(refusal))


def _shown(refusal: str | None) -> str:
    return str(refusal) if refusal in SHOWN_REFUSALS else INVALID
