"""The mails of an incident: the link that opens them in the email log, and the filter that the log gets by it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import incidents
from recovery.admin.scope import actor_of
from recovery.admin.viewers import Viewer
from recovery.incidents import Which
from recovery.reasons import BounceClass, EmailReason, EmailState

NAMES: Final = {name: f"incident_{name}" for name in ("cause", "domain", "route", "since", "until")}


def query_of(which: Which) -> str:
    """What names an incident in a URL."""
    moments = {name: getattr(which, name).astimezone(UTC).isoformat() for name in ("since", "until")}
    told = {"cause": which.cause, "domain": which.domain, "route": which.route, **moments}
    return urlencode({NAMES[name]: value for name, value in told.items() if value})


def which_in(given: Mapping[str, str]) -> Which | None:
    """The incident that the parameters of a URL name, None if they name none."""
    told = {name: given.get(parameter, "") for name, parameter in NAMES.items()}
    since, until = _moment(told.pop("since")), _moment(told.pop("until"))
    return Which(**told, since=since, until=until) if since and until and told["cause"] else None


def mails_url(which: Which, viewer: Viewer, site_name: str) -> str:
    """The list of its mails; "" where the viewer may not open it, or this admin site has none."""
    if not viewer.may_view("email"):
        return ""
    try:
        return f"{reverse('admin:recovery_email_changelist', current_app=site_name)}?{query_of(which)}"
    except NoReverseMatch:
        return ""


def cause_in_words(cause: str) -> str:
    """The meaning of the cause's word."""
    word, _rule = incidents.word_and_rule(cause)
    for words in (BounceClass, EmailReason, EmailState):
        if word in words.values:
            return str(words(word).label)
    return word


def domain_in_words(domain: str) -> str:
    return {"": gettext("all domains"), incidents.OTHER: gettext("other domains")}.get(domain, domain)


class IncidentFilter(admin.ListFilter):
    """Narrows the log to an incident's mails; offers nothing by itself."""

    title = _("incident")
    parameters: ClassVar = tuple(NAMES.values())

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        given = {name: params.pop(name)[-1] for name in self.parameters if name in params}
        self.which = which_in(given)
        viewer = Viewer.of(request)
        # Whoever sees masked addresses alone must not learn by trying which domain stands behind a mask.
        if given and (self.which is None or not (viewer.sees_addresses or viewer.may_view("incident"))):
            raise IncorrectLookupParameters

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def has_output(self) -> bool:
        return self.which is not None

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        everything = changelist.get_query_string(remove=self.parameters)
        yield {"selected": False, "query_string": everything, "display": gettext("All")}
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self._said()}

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        if self.which is None:
            return queryset
        return queryset.filter(pk__in=incidents.mails(self.which, actor=actor_of(request)))

    def _said(self) -> str:
        assert self.which is not None
        parts = [cause_in_words(self.which.cause), domain_in_words(self.which.domain), self.which.route]
        return " · ".join(part for part in parts if part)


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and timezone.is_aware(moment) and 1970 < moment.year < 9999 else None
