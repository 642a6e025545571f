"""The pages of "this was not me": the link of a notice, the form that asks for the mail's code, and what followed.

The link alone starts nothing, however often it is opened and whatever is pressed: mail scanners do both. A person types
the code that stands in the mail beside it.
"""

import re
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from recovery import cookies, doors, resets
from recovery.conf import conf
from recovery.forms import NoticeCodeForm
from recovery.masked import Secret
from recovery.models import Email
from recovery.origin import Origin, is_navigation, verdict_on
from recovery.pages import link_page, page
from recovery.reasons import ObjectionEnd, Refusal

LINK: Final = re.compile(r"([0-9a-f-]{36})/([\w-]{43})\W*$")


@link_page
@sensitive_variables("verifier")
def link(request: HttpRequest, key: UUID, verifier: str) -> HttpResponse:
    """The link of the mail: puts the secret into a cookie of its own path and leads to a path without it. What is
    hardly a person's browser seldom goes on, so its opening is recorded here."""
    if not is_navigation(request):
        resets.see_objection(key, verifier, origin=Origin.of(request))
    door, path = doors.of(request), _form_path(request, key)
    response = HttpResponseRedirect(doors.onwards(request, path))
    cookies.keep_objection(response, verifier, path=path, secure=door.is_https)
    return response


@link_page
@sensitive_variables("rest", "found")
def mangled(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Anything else below the links' path. A link that only gained punctuation or lost its slash still works."""
    if found := LINK.match(rest):
        try:
            return link(request, key=UUID(found[1]), verifier=Secret(found[2]))
        except ValueError:
            pass
    return _dead(request)


@sensitive_post_parameters()
@page
@sensitive_variables("verifier")
def form(request: HttpRequest, key: UUID) -> HttpResponse:
    """Asks for the code; the right one starts the compromise playbook. The link is judged again at every step."""
    verifier = cookies.read_objection(request)
    if not verifier:
        return _dead(request, is_forgotten=True)
    if (led_home := _led_home(request, key, verifier)) is not None:
        return led_home
    typed = NoticeCodeForm(request.POST if request.method == "POST" else None)
    if typed.is_valid():
        return _raise(request, key, verifier, typed)
    if request.method == "POST":
        found = resets.stand_objection(key, verifier)
    else:
        found = resets.open_objection(key, verifier, verdict=verdict_on(request), origin=Origin.of(request))
    if found.refusal or found.email is None:
        return _dead(request)
    return _form_page(request, typed, found.email)


@page
def done(request: HttpRequest) -> HttpResponse:
    """What followed. Reads no row: the same page for everybody who has its address."""
    end = request.GET.get("end", "")
    door = doors.of(request)
    context = {
        "end": end if end in ObjectionEnd.values else ObjectionEnd.ROTATED.value,
        "forgot_url": door.path("forgot"),
    }
    return doors.shown(request, door, "not_me_done.html", context)


@sensitive_variables("verifier", "home")
def _led_home(request: HttpRequest, key: UUID, verifier: str) -> HttpResponse | None:
    """A notice's link that was opened at another door than the mail's is opened at its own; nothing is noted here."""
    email = resets.stand_objection(key, verifier).email if conf.AUDIENCES else None
    door = doors.named(request, email.audience) if email else None
    home = doors.way_home(request, door, "not_me", key=str(key), verifier=verifier) if door else ""
    if not home:
        return None
    response = HttpResponseRedirect(home)
    cookies.drop_objection(response, path=_form_path(request, key))
    return response


def _form_path(request: HttpRequest, key: UUID) -> str:
    return doors.of(request).path("not_me_form", key=str(key))


@sensitive_variables("verifier")
def _raise(request: HttpRequest, key: UUID, verifier: str, typed: NoticeCodeForm) -> HttpResponse:
    found = resets.raise_objection(key, verifier, typed.cleaned_data["code"], origin=Origin.of(request))
    if found.refusal == Refusal.WRONG_CODE and found.email is not None:
        typed.add_error("code", _("That is not the code of this mail. Look at the mail whose link you opened."))
        return _form_page(request, typed, found.email)
    if found.refusal or found.end is None:
        return _dead(request)
    response = HttpResponseRedirect(f"{doors.of(request).path('not_me_done')}?end={found.end.value}")
    cookies.drop_objection(response, path=_form_path(request, key))
    return response


def _form_page(request: HttpRequest, typed: NoticeCodeForm, email: Email) -> HttpResponse:
    context = {
        "form": typed,
        "event": email.get_kind_display(),
        "kind": email.kind,
        "stops_a_change": resets.stops_a_change(email),
        "told_at": email.queued_at,
    }
    return doors.shown(request, doors.named(request, email.audience), "not_me.html", context)


def _dead(request: HttpRequest, *, is_forgotten: bool = False) -> HttpResponse:
    """One page and one status for every link from which nothing follows, whatever the reason; another where only the
    browser has forgotten it."""
    door = doors.of(request)
    context = {"is_forgotten": is_forgotten, "forgot_url": door.path("forgot")}
    return doors.shown(request, door, "not_me_dead.html", context)
