"""Pages of ours beside lists and rows, and those that ask "are you sure, and why?" before staff act. GET only asks."""

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from recovery.admin import status
from recovery.admin.stated import ReasonForm

NEXT: Final = "next"
"""Parameter of an act's URL: the page of this site to which it leads back."""


def url_of(pages: "admin.ModelAdmin[Any]", page: str, *keys: Any) -> str:
    """Where a page of this admin is, on whichever admin site it is shown. A key that is text must be quoted."""
    name = f"admin:{pages.opts.app_label}_{pages.opts.model_name}_{page}"
    return reverse(name, args=keys, current_app=pages.admin_site.name)


def way_back(request: HttpRequest, usual: str) -> str:
    """Where an act leads when it is done or left: to the diagnosis that offered it, else to its usual place. What the
    URL names is a page of this site, whoever wrote it."""
    wanted = request.GET.get(NEXT, "")
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else usual


def lead_back(request: HttpRequest, usual: str) -> HttpResponseRedirect:
    """The answer to an act that is done."""
    return HttpResponseRedirect(way_back(request, usual))


def onward(request: HttpRequest, url: str) -> str:
    """The way to an act from a page between it and the diagnosis that offered it, so that the act leads back there."""
    back = way_back(request, "")
    return f"{url}?{urlencode({NEXT: back})}" if back else url


def asking(
    pages: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    form: ReasonForm,
    template: str,
    *,
    title: Any,
    back_url: str,
    **more: Any,
) -> TemplateResponse:
    """The page that says what follows and asks for a reason; ``more`` is for its template."""
    facts = {"form": form, "back_url": way_back(request, back_url), **more}
    return page(pages, request, template, title=title, **facts)


def page(
    pages: "admin.ModelAdmin[Any]", request: HttpRequest, template: str, *, title: Any, **shown: Any
) -> TemplateResponse:
    """A page of this admin that is no list and no row, with what every page of ours says above it."""
    request.current_app = pages.admin_site.name
    context = {
        **pages.admin_site.each_context(request),
        "title": title,
        "opts": pages.opts,
        "media": pages.media,
        "list_url": url_of(pages, "changelist"),
        "recovery_status": status.lines(request, pages.admin_site.name),
        **shown,
    }
    return TemplateResponse(request, f"admin/recovery/{template}", context)
