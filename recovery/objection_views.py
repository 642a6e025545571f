"""The pages of "this was not me": the link of a notice, the form that asks for the mail's code, and what followed.

The link alone starts nothing, however often it is opened and whatever is pressed: mail scanners do both. A person types
the code that stands in the mail beside it.
"""

import re
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from recovery import audiences, cookies, resets
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
    response = HttpResponseRedirect(reverse("recovery:not_me_form", kwargs={"key": key}))
    cookies.keep_objection(response, key, verifier, secure=_door(request).is_https)
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
    door = _door(request)
    context = {
        "end": end if end in ObjectionEnd.values else ObjectionEnd.ROTATED.value,
        "forgot_url": reverse("recovery:forgot") + door.mark(host=request.get_host()),
        **_site(door),
    }
    return render(request, "recovery/not_me_done.html", context)


@sensitive_variables("verifier")
def _raise(request: HttpRequest, key: UUID, verifier: str, typed: NoticeCodeForm) -> HttpResponse:
    found = resets.raise_objection(key, verifier, typed.cleaned_data["code"], origin=Origin.of(request))
    if found.refusal == Refusal.WRONG_CODE and found.email is not None:
        typed.add_error("code", _("That is not the code of this mail. Look at the mail whose link you opened."))
        return _form_page(request, typed, found.email)
    if found.refusal or found.end is None:
        return _dead(request)
    response = HttpResponseRedirect(f"{reverse('recovery:not_me_done')}?end={found.end.value}")
    cookies.drop_objection(response, key)
    return response


def _form_page(request: HttpRequest, typed: NoticeCodeForm, email: Email) -> HttpResponse:
    context = {
        "form": typed,
        "event": email.get_kind_display(),
        "kind": email.kind,
        "stops_a_change": resets.stops_a_change(email),
        "told_at": email.queued_at,
        **_site(_door(request, email.audience)),
    }
    return render(request, "recovery/not_me.html", context)


def _dead(request: HttpRequest, *, is_forgotten: bool = False) -> HttpResponse:
    """One page and one status for every link from which nothing follows, whatever the reason; another where only the
    browser has forgotten it."""
    door = _door(request)
    forgot_url = reverse("recovery:forgot") + door.mark(host=request.get_host())
    context = {"is_forgotten": is_forgotten, "forgot_url": forgot_url, **_site(door)}
    return render(request, "recovery/not_me_dead.html", context)


def _door(request: HttpRequest, name: str = "") -> audiences.Audience:
    return audiences.get(audiences.chosen(host=request.get_host(), name=name))


def _site(door: audiences.Audience) -> dict[str, Any]:
    return {"site_name": door.site_name, "support_contact": conf.SUPPORT_CONTACT}
