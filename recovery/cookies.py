"""The cookies of the pages: "this browser asked"; for one link's path, the link's secret; "your main address failed".

None costs a session row. The secret rests in the person's browser alone, for thirty minutes.
"""

import time
from dataclasses import dataclass
from typing import Final

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_variables

from recovery.conf import conf
from recovery.models import ResetRequest

ASKED: Final = "recovery_asked"
VERIFIER: Final = "recovery_token"  # Django's error reports hide cookies; other tools hide names with "token"
SALT: Final = "recovery.asked"
VERIFIER_SECONDS: Final = 30 * 60
ASKED_SECONDS: Final = 60 * 60
OBJECTION: Final = "recovery_objection_token"
UNREACHED: Final = "recovery_unreached"
UNREACHED_SECONDS: Final = 10 * 60


@dataclass(frozen=True, slots=True)
class Asked:
    """This browser asked under this reference: how long until it may ask again, the typing hint, and at which door."""

    wait_seconds: int
    hint: str | None
    audience: str


def keep_asked(response: HttpResponse, asked: ResetRequest, hint: str | None, *, path: str, secure: bool) -> None:
    """Let the asking browser, and only it, resend from the page of this reference, which is at ``path``."""
    _set(
        response,
        ASKED,
        proof_of_asking(asked.reference, hint=hint, audience=asked.audience),
        path,
        ASKED_SECONDS,
        secure=secure,
    )


def proof_of_asking(reference: str, *, hint: str | None = None, audience: str = "", at: int | None = None) -> str:
    """What lets whoever holds it resend for an hour: that they asked, under which reference and when (seconds; now)."""
    return signing.dumps([reference, int(time.time()) if at is None else at, hint or "", audience], salt=SALT)


def read_asked(request: HttpRequest, reference: str) -> Asked | None:
    """What the cookie of this reference says; None for another browser, another reference, or a forged one."""
    return read_proof(request.COOKIES.get(ASKED, ""), reference)


def read_proof(proof: str, reference: str) -> Asked | None:
    """The same of a proof, which a program holds instead of a browser."""
    try:
        own, at, hint, audience = signing.loads(proof, salt=SALT, max_age=ASKED_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if own != reference or at + ASKED_SECONDS < time.time():
        return None
    left = at + conf.COOLDOWN.total_seconds() - time.time()
    return Asked(wait_seconds=max(0, int(left + 0.999)), hint=hint or None, audience=str(audience))


@sensitive_variables("verifier")
def keep_verifier(response: HttpResponse, verifier: str, *, path: str, secure: bool) -> None:
    """Move the link's secret into the browser, for the path of this link's form alone."""
    _set(response, VERIFIER, verifier, path, VERIFIER_SECONDS, secure=secure)


def read_verifier(request: HttpRequest) -> str:
    return request.COOKIES.get(VERIFIER, "")


def drop_verifier(response: HttpResponse, *, path: str) -> None:
    response.delete_cookie(VERIFIER, path=path, samesite="Lax")


@sensitive_variables("verifier")
def keep_objection(response: HttpResponse, verifier: str, *, path: str, secure: bool) -> None:
    """As ``keep_verifier``, for the link of a notice."""
    _set(response, OBJECTION, verifier, path, VERIFIER_SECONDS, secure=secure)


def read_objection(request: HttpRequest) -> str:
    return request.COOKIES.get(OBJECTION, "")


def drop_objection(response: HttpResponse, *, path: str) -> None:
    response.delete_cookie(OBJECTION, path=path, samesite="Lax")


def keep_unreached(response: HttpResponse, *, path: str, secure: bool) -> None:
    """Let the page at ``path`` tell this browser that mail to the main address failed."""
    _set(response, UNREACHED, signing.dumps(UNREACHED, salt=UNREACHED), path, UNREACHED_SECONDS, secure=secure)


def read_unreached(request: HttpRequest) -> bool:
    try:
        signing.loads(request.COOKIES.get(UNREACHED, ""), salt=UNREACHED, max_age=UNREACHED_SECONDS)
    except signing.BadSignature:
        return False
    return True


def _set(response: HttpResponse, name: str, value: str, path: str, seconds: int, *, secure: bool) -> None:
    response.set_cookie(name, value, max_age=seconds, path=path, secure=secure, httponly=True, samesite="Lax")
