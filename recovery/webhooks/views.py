"""What becomes of a provider's post, and the answer."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailImproperlyInstalled,
    AnymailWebhookValidationFailure,
)
from anymail.signals import AnymailTrackingEvent, tracking
from anymail.webhooks.base import AnymailCoreWebhookView
from django import db
from django.contrib.auth.decorators import login_not_required
from django.db.transaction import non_atomic_requests
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from recovery import feedback
from recovery.feedback import Unread
from recovery.webhooks import bodies
from recovery.webhooks.garbage import collector_at_rest
from recovery.webhooks.parsing import CannotWork
from recovery.webhooks.providers import PROVIDERS, secrets
from recovery.webhooks.reading import STORED, dumped, report

logger = logging.getLogger("recovery.webhooks")
MARK: Final = "Recovery-Webhook"


class StoringView(AnymailCoreWebhookView):
    """What becomes of a POST. Stands below anymail's views, so that their own precautions come first."""

    slug: str
    malformed: list[Unread]  # events that were set aside
    misdirected: bool  # mail that came in was among them

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Without anymail's decorators: ``webhook`` has them, and they are made anew at each call."""
        return View.dispatch(self, request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.malformed, self.misdirected = [], False
        view: Any = self  # anymail has no types
        try:
            bodies.take(request)
            view.run_validators(request)
            if bodies.is_empty(request):
                return HttpResponse()
            with collector_at_rest():
                read = [(event, self.attempt(report, self.slug, event)) for event in self.parsed(request)]
        except (CannotWork, AnymailImproperlyInstalled) as error:
            return _cannot_work(self.slug, error)
        except bodies.Refused as error:
            logger.warning("webhook %s: refused (%s)", self.slug, error)
            return HttpResponse(status=error.status)
        except Exception as error:  # noqa: BLE001 - foreign code on foreign bytes; its message may quote a secret
            logger.warning("webhook %s: refused (%s)", self.slug, type(error).__name__)
            return HttpResponse(status=400)
        reports = [told for _, told in read if told]
        if self.malformed:
            what = ", ".join(sorted({each.error.partition(":")[0] for each in self.malformed}))
            logger.warning("webhook %s: %d events set aside (%s)", self.slug, len(self.malformed), what)
        if self.misdirected:
            logger.warning("webhook %s: mail that came in was left out: its address is another", self.slug)
        return self.store(reports, [event for event, told in read if told])

    def parsed(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
        """What anymail makes of a post. JSON over which it fails as a whole is set aside as a whole."""
        view: Any = self
        try:
            made = list(view.parse_events(request))
        except (CannotWork, AnymailConfigurationError, AnymailWebhookValidationFailure):
            raise
        except Exception as error:  # noqa: BLE001 - foreign code on foreign bytes
            self.set_aside(json.loads(request.body), error)
            return []
        return [event for event in made if isinstance(event, AnymailTrackingEvent)]

    def store(self, reports: Sequence[feedback.Report], events: Sequence[AnymailTrackingEvent]) -> HttpResponse:
        """Ours first; then anymail's signal, so that receivers of the host keep working at this address.

        A post of which nothing could be read is kept and refused: the provider's own dashboard shows it.
        """
        try:
            with collector_at_rest():
                ingested = feedback.ingest(reports, self.malformed)
        except db.Error as error:
            return _cannot_work(self.slug, error)
        if ingested.swapped:
            logger.warning("webhook %s: refused (its token came with another body)", self.slug)
            return HttpResponse(status=400)
        if len(tracking.receivers) > 1:  # others than ours
            for event in events:
                setattr(event, STORED, True)
                tracking.send_robust(sender=PROVIDERS[self.slug].view, event=event, esp_name=self.esp_name)
        return HttpResponse(status=400 if (self.malformed or self.misdirected) and not reports else 200)

    def attempt(self, parse: Callable[..., Any], *args: Any) -> Any:
        """What ``parse`` makes of one event; None, and a count, if it is malformed."""
        try:
            return parse(*args)
        except AnymailImproperlyInstalled:
            raise
        except AnymailConfigurationError:  # mail that came in, at the address for events: it is not ours to keep
            self.misdirected = True
            return None
        except Exception as error:  # noqa: BLE001 - a provider's odd event may break a parser in any way
            told = next((each for each in args if isinstance(each, Mapping)), args[0])  # SparkPost's has its name first
            self.set_aside(getattr(args[-1], "esp_event", told), error)
            return None

    def set_aside(self, raw: Any, error: Exception) -> None:
        self.malformed.append(Unread(self.slug, dumped(raw), f"{type(error).__name__}: {error}"))


@csrf_exempt
@login_not_required
@non_atomic_requests
def webhook(request: HttpRequest, esp: str) -> HttpResponseBase:
    """A provider's call. ``esp`` is its name as anymail's own URLs spell it.

    Each answer says in the header MARK that it is from here: what stands in front of a site refuses posts too.
    """
    if esp not in PROVIDERS:
        raise Http404
    answer = _answer(request, esp)
    answer[MARK] = esp
    return answer


def _answer(request: HttpRequest, esp: str) -> HttpResponseBase:
    missing, given = secrets(esp)
    if missing and request.method == "POST":
        logger.error("webhook %s: refused, ANYMAIL has no %s", esp, missing)
        return HttpResponse(status=403)
    try:
        view = _view_class(esp)(**given)
    except Exception as error:  # noqa: BLE001 - a key that cannot be read, a package that is not installed
        return _cannot_work(esp, error)
    view.setup(request)
    return cast(HttpResponseBase, view.dispatch(request))


@cache
def _view_class(esp: str) -> Any:
    provider = PROVIDERS[esp]
    bases = (provider.setting_aside, provider.view, StoringView)
    return type(f"{provider.view.__name__}OfRecovery", bases, {"slug": esp})


def _cannot_work(esp: str, error: Exception) -> HttpResponse:
    why = str(error) if isinstance(error, CannotWork | ImportError) else type(error).__name__
    logger.error("webhook %s: cannot work (%s)", esp, why)
    return HttpResponse(status=503)
