"""The pages a locked-out person sees. Thin: a form or a cookie in, one verb of a rule module, a page out.

What holds for every page (headers, caching, transactions) is the decorator of ``pages``, the two cookies are
``cookies``; webhooks have their own room.
"""

import re
from typing import Any, cast
from urllib.parse import urlsplit

from django.contrib.auth import login, password_validation
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_safe

from recovery import cookies, doors, intake, link_lives, lockouts, rendering, resets
from recovery.addresses import likely_domain
from recovery.conf import authentication_backends, conf, login_redirect_url
from recovery.exceptions import LinkRefused
from recovery.forms import ForgotForm, NewPasswordForm
from recovery.masked import Secret
from recovery.models import ResetRequest, ResetToken
from recovery.models.requests import parse_reference, shown_reference
from recovery.origin import Origin, is_navigation, verdict_on
from recovery.pages import link_page, page
from recovery.reasons import SHOWN_REFUSALS, EmailKind, Refusal
from recovery.tokens import ACTIVATION, PURPOSE

USUAL_MINUTES = 2
FORGOTTEN = "forgotten"  # the cookie is gone: no word for a link, which nobody looked up, but for the browser


@page
def forgot(request: HttpRequest) -> HttpResponse:
    """One field; whatever is typed, the answer is the "check your mail" page of a new reference."""
    door = doors.of(request)
    if request.method == "POST":
        form = ForgotForm(request.POST)
        if form.is_valid():
            typed = form.cleaned_data["identifier"]
            asked = intake.ask(
                typed,
                origin=Origin.of(request),
                audience=door.name,
                next_url=_safe_next(request, form.cleaned_data["next"]),
            )
            return _sent_page_of(request, asked, hint=likely_domain(typed))
    else:
        form = ForgotForm(initial={"next": _safe_next(request, request.GET.get("next", ""))})
    return doors.shown(request, door, "forgot.html", {"form": form})


@page
def sent(request: HttpRequest, reference: str = "") -> HttpResponse:
    """Check your mail. Reads no row: the same page for every reference, known or made up.

    The browser that asked may ask once more after the wait; its cookie says so, and names the hint, and the door
    whose mail to look for.
    """
    code = parse_reference(reference)
    asked = cookies.read_asked(request, code)
    if request.method == "POST":
        return _resend(request, code, asked)
    door = doors.named(request, asked.audience if asked else "")
    life = link_lives.fixed_lifetime(door.name)
    context = {
        "reference": shown_reference(code),
        "sender": door.from_email,
        "subject": rendering.subject_of(EmailKind.RESET, door.name),
        "first_subject": rendering.subject_of(EmailKind.ACTIVATION, door.name),
        "can_resend": asked is not None,
        "wait_seconds": asked.wait_seconds if asked else 0,
        "hint": asked.hint if asked else None,
        "minutes": USUAL_MINUTES,
        "link_life": rendering.life_in_words(life) if life else None,
        "forgot_url": doors.of(request).path("forgot"),
    }
    return doors.shown(request, door, "sent.html", context)


@link_page
@sensitive_variables("verifier")
def reset(request: HttpRequest, selector: str, verifier: str, purpose: str = PURPOSE) -> HttpResponse:
    """The link of the mail: puts the secret into a cookie of its own path and leads to a path without it.

    Reads and writes no row for a browser, whose opening the form's page records; anything else that fetches
    the link is recorded here, since it seldom goes on.
    """
    if not is_navigation(request):
        resets.see_link(selector, verifier, purpose=purpose, origin=Origin.of(request))
    door = doors.of(request)
    form = door.path(f"{purpose}_form", selector=selector)
    response = HttpResponseRedirect(doors.onwards(request, form))
    cookies.keep_verifier(response, verifier, path=form, secure=door.is_https)
    return response


@link_page
@sensitive_variables("rest", "link")
def mangled(request: HttpRequest, rest: str = "", purpose: str = PURPOSE) -> HttpResponse:
    """Anything else below the links' path. A link that only gained punctuation or lost its slash still works.

    Never a 404: its log line would hold the path, and with it perhaps most of a good link.
    """
    if link := re.match(r"([\w-]{22})/([\w-]{43})\W*$", rest):
        return reset(request, selector=link[1], verifier=Secret(link[2]), purpose=purpose)
    return _dead(request, Refusal.MALFORMED, purpose)


@sensitive_post_parameters()
@page
@sensitive_variables("verifier")
def reset_form(request: HttpRequest, selector: str, purpose: str = PURPOSE) -> HttpResponse:
    """The new password, or the first. The link is read again at every step and used up by a good password alone."""
    verifier = cookies.read_verifier(request)
    if request.method == "POST" and "again" in request.POST:
        return _ask_again(request, selector, verifier, purpose)
    if not verifier:
        return _dead(request, FORGOTTEN, purpose)
    if (led_home := _led_home(request, selector, verifier, purpose)) is not None:
        return led_home
    if request.method == "POST":
        return _take_password(request, selector, verifier, purpose)
    opening = resets.open_link(
        selector, verifier, purpose=purpose, verdict=verdict_on(request), origin=Origin.of(request)
    )
    if opening.refusal or opening.user is None:
        return _dead(request, opening.refusal, purpose, token=opening.token)
    return _password_page(request, NewPasswordForm(opening.user), opening.token)


@page
def complete(request: HttpRequest, purpose: str = PURPOSE) -> HttpResponse:
    """Done; on to the site's own sign-in."""
    door = doors.of(request)
    context = {
        "sign_in_url": doors.sign_in_url(door, _safe_next(request, request.GET.get("next", ""))),
        "main_address_failed": cookies.read_unreached(request),
        "is_first": purpose == ACTIVATION,
    }
    return doors.shown(request, door, "complete.html", context)


@login_not_required
@require_safe
def change_password(request: HttpRequest) -> HttpResponse:
    """For ``/.well-known/change-password`` (W3C): to the form for changing a known password, not to reset."""
    return redirect(resolve_url(conf.CHANGE_PASSWORD_URL))


def _resend(request: HttpRequest, code: str, asked: cookies.Asked | None) -> HttpResponse:
    before = ResetRequest.objects.filter(reference=code).first() if asked else None
    here = doors.of(request)
    if asked is None or before is None:
        return redirect(here.path("forgot"))
    if asked.wait_seconds:
        return redirect(here.path("sent", reference=shown_reference(code)))
    origin, door = Origin.of(request), doors.named(request, before.audience)
    again = intake.ask(before.identifier, origin=origin, audience=door.name, next_url=before.next_url)
    return _sent_page_of(request, again, hint=asked.hint)


def _sent_page_of(request: HttpRequest, asked: ResetRequest, *, hint: str | None = None) -> HttpResponse:
    here = doors.of(request)
    path = here.path("sent", reference=asked.shown_reference)
    response = HttpResponseRedirect(path)
    cookies.keep_asked(response, asked, hint, path=path, secure=here.is_https)
    return response


@sensitive_variables("verifier")
def _ask_again(request: HttpRequest, selector: str, verifier: str, purpose: str) -> HttpResponse:
    """One click on a dead link's page: the same person asks anew, without typing or seeing the address."""
    token = resets.stand(selector, verifier, purpose=purpose).token
    if token is None:
        return redirect(doors.of(request).path("forgot"))
    door = doors.of_link(request, token)
    again = intake.ask(token.request.identifier, origin=Origin.of(request), audience=door.name)
    return _sent_page_of(request, again)


@sensitive_variables("verifier", "home")
def _led_home(request: HttpRequest, selector: str, verifier: str, purpose: str) -> HttpResponse | None:
    """A link that was opened at another door than it was mailed for is opened at its own; nothing is noted here."""
    token = resets.stand(selector, verifier, purpose=purpose).token if conf.AUDIENCES else None
    door = doors.of_link(request, token) if token else None
    home = doors.way_home(request, door, purpose, selector=selector, verifier=verifier) if door else ""
    if not home:
        return None
    response = HttpResponseRedirect(home)
    _drop_verifier(request, response, selector, purpose)
    return response


def _drop_verifier(request: HttpRequest, response: HttpResponse, selector: str, purpose: str) -> None:
    cookies.drop_verifier(response, path=doors.of(request).path(f"{purpose}_form", selector=selector))


@sensitive_variables()  # validators and hashers are the site's and name their variables as they like
def _take_password(request: HttpRequest, selector: str, verifier: str, purpose: str) -> HttpResponse:
    standing = resets.stand(selector, verifier, purpose=purpose)
    token, user = standing.token, standing.user
    if token is None or user is None or standing.refusal:
        return _dead_post(request, token, standing.refusal, purpose)
    form = NewPasswordForm(user, request.POST)
    if not form.is_valid():
        resets.refuse_password(token, codes=form.error_codes)
        return _password_page(request, form, token)
    try:
        resets.complete(token, user, form.cleaned_data["new_password1"], origin=Origin.of(request))
    except LinkRefused as refused:
        return _dead_post(request, token, refused.why, purpose)
    if conf.POST_RESET_LOGIN and not lockouts.standing(user).exists():  # staff locked it; a reset lifts the others
        login(request, cast(Any, user), backend=authentication_backends()[0])
        response: HttpResponse = redirect(token.request.next_url or resolve_url(login_redirect_url()))
    else:
        response = HttpResponseRedirect(_complete_url(request, token))
        if resets.came_by_backup(token, user):
            path = urlsplit(response.headers["Location"]).path
            cookies.keep_unreached(response, path=path, secure=doors.of(request).is_https)
    _drop_verifier(request, response, selector, purpose)
    return response


def _complete_url(request: HttpRequest, token: ResetToken) -> str:
    name = "activation_complete" if token.purpose == ACTIVATION else "complete"
    path = doors.of(request).path(name)
    return f"{path}?{urlencode({'next': token.request.next_url})}" if token.request.next_url else path


def _dead_post(request: HttpRequest, token: ResetToken | None, refusal: str | None, purpose: str) -> HttpResponse:
    if token is not None and refusal is not None:
        resets.refuse_link(token, why=refusal)
    return _dead(request, refusal, purpose, token=token)


def _password_page(request: HttpRequest, form: NewPasswordForm, token: ResetToken | None) -> HttpResponse:
    context = {
        "form": form,
        "username": form.user.get_username(),
        "password_rules": password_validation.password_validators_help_texts(),
        "is_first": token is not None and token.purpose == ACTIVATION,
    }
    return doors.shown(request, doors.of_link(request, token), "set_password.html", context)


def _dead(request: HttpRequest, refusal: str | None, purpose: str, *, token: ResetToken | None = None) -> HttpResponse:
    """The same status for every dead link; only the right secret earns a reason, and only three of them."""
    is_shown = refusal in SHOWN_REFUSALS
    door = doors.of_link(request, token if is_shown else None)
    context = {
        "reason": refusal if is_shown or refusal == FORGOTTEN else "invalid",
        "can_ask_again": token is not None and is_shown,
        "is_first": purpose == ACTIVATION,
        "forgot_url": doors.of(request).path("forgot"),
    }
    return doors.shown(request, door, "dead_link.html", context)


def _safe_next(request: HttpRequest, wanted: str) -> str:
    """A path of this site to go on to after signing in, or ""."""
    if not wanted:
        return ""
    is_safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if is_safe and wanted.isprintable() and wanted.startswith("/") and len(wanted) <= 200 else ""
