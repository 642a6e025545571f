"""The one door by which providers report back: verified and parsed by anymail's views, stored by ``feedback``.

Answers: 2xx stored, or not about mail of ours; 4xx forged, unreadable, or no secret is set; 5xx could not be
stored, tell us again. One malformed event costs itself alone; in anymail it costs its whole batch.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, cast
from uuid import UUID

from anymail.exceptions import AnymailImproperlyInstalled, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, tracking
from anymail.utils import get_anymail_setting
from anymail.webhooks import amazon_ses
from anymail.webhooks.base import AnymailCoreWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from anymail.webhooks.mailersend import MailerSendTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.mailjet import MailjetTrackingWebhookView
from anymail.webhooks.mailtrap import MailtrapTrackingWebhookView
from anymail.webhooks.mandrill import MandrillCombinedWebhookView
from anymail.webhooks.postal import PostalTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.resend import ResendTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from anymail.webhooks.unisender_go import UnisenderGoTrackingWebhookView
from django import db
from django.contrib.auth.decorators import login_not_required
from django.db.transaction import non_atomic_requests
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from recovery import feedback
from recovery.reasons import EventKind
from recovery.routes import METADATA_KEY

logger = logging.getLogger(__name__)

_setting: Any = get_anymail_setting
_ses: Any = amazon_ses


class CannotWork(Exception):
    """Something on our side is missing or out of reach; the same POST may succeed later."""


class StoringView(AnymailCoreWebhookView):
    """What becomes of a POST. Stands below anymail's views, so that their own precautions come first."""

    slug: str
    malformed: list[str]  # what was wrong with each event that was set aside

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.malformed = []
        view: Any = self  # anymail has no types
        try:
            view.run_validators(request)
            events = [event for event in view.parse_events(request) if isinstance(event, AnymailTrackingEvent)]
        except (CannotWork, AnymailImproperlyInstalled) as error:
            return _cannot_work(self.slug, error)
        except Exception as error:  # noqa: BLE001 - foreign code on foreign bytes; its message may quote a secret
            logger.warning("webhook %s: refused (%s)", self.slug, type(error).__name__)
            return HttpResponse(status=400)
        read = [(event, self.attempt(_report, self.slug, event)) for event in events]
        reports = [report for _, report in read if report]
        if self.malformed:
            what = ", ".join(sorted(set(self.malformed)))
            logger.warning("webhook %s: %d events set aside (%s)", self.slug, len(self.malformed), what)
            if not reports:
                return HttpResponse(status=400)
        return self.store(reports, [event for event, report in read if report])

    def store(self, reports: Sequence[feedback.Report], events: Sequence[AnymailTrackingEvent]) -> HttpResponse:
        """Ours first; then anymail's signal, so that receivers of the host keep working at this address."""
        try:
            feedback.ingest(reports)
        except db.Error as error:
            return _cannot_work(self.slug, error)
        if tracking.has_listeners():
            for event in events:
                tracking.send_robust(sender=PROVIDERS[self.slug].view, event=event, esp_name=self.esp_name)
        return HttpResponse()

    def attempt(self, parse: Callable[..., Any], *args: Any) -> Any:
        """What ``parse`` makes of one event; None, and a count, if it is malformed."""
        try:
            return parse(*args)
        except Exception as error:  # noqa: BLE001 - a provider's odd event may break a parser in any way
            self.malformed.append(type(error).__name__)
            return None


class EventByEvent:
    """Stands above anymail's views: most of them make all their events by this method, in one comprehension."""

    attempt: Callable[..., Any]

    def esp_to_anymail_event(self, *args: Any) -> Any:
        inherited: Any = super()
        return self.attempt(inherited.esp_to_anymail_event, *args)


class Mandrill(EventByEvent):
    def esp_to_anymail_event(self, *args: Any) -> Any:
        self.signal = None  # an event of inbound mail in the batch is no reason to refuse the others
        return super().esp_to_anymail_event(*args)


class SparkPost(EventByEvent):
    def unwrap_event(self, raw_event: Any) -> Any:
        inherited: Any = super()
        nothing = None, None, raw_event
        return self.attempt(inherited.unwrap_event, raw_event) or nothing


class UnisenderGo(EventByEvent):
    parse_json_body: Callable[[HttpRequest], Any]

    def parse_events(self, request: HttpRequest) -> Any:
        inherited: Any = super()
        for block in self.parse_json_body(request).get("events_by_user", ()):
            block["events"] = [event for event in block["events"] if self.attempt(_has_data, event)]
        return inherited.parse_events(request)


def _has_data(event: Mapping[str, Any]) -> bool:
    return event["event_name"] != "transactional_email_status" or event["event_data"] is not None


class AmazonSES:
    """One notice is one event of Amazon's, told for each recipient. boto3 is needed to confirm a topic, only."""

    attempt: Callable[..., Any]

    def __init__(self, **kwargs: Any) -> None:
        confirms = _setting("auto_confirm_sns_subscriptions", esp_name="Amazon SES", kwargs=kwargs, default=True)
        self.auto_confirm_enabled = confirms
        beyond: Any = super(_ses.AmazonSESBaseWebhookView, self)  # that class asks for boto3 at once
        beyond.__init__(**kwargs)

    def esp_to_anymail_events(self, *args: Any) -> Any:
        inherited: Any = super()
        return self.attempt(inherited.esp_to_anymail_events, *args) or []

    def auto_confirm_sns_subscription(self, sns_message: Mapping[str, Any]) -> None:
        inherited: Any = super()
        try:
            inherited.auto_confirm_sns_subscription(sns_message)
        except (AnymailWebhookValidationFailure, KeyError, ValueError):
            raise
        except Exception as error:
            raise CannotWork(f"topic not confirmed: {type(error).__name__}") from error

    def get_boto_client(self, service_name: str, **kwargs: Any) -> Any:
        inherited: Any = super()
        self.session_params, self.client_params = _ses._get_anymail_boto3_params(kwargs={})
        return inherited.get_boto_client(service_name, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """anymail's view of one provider and the setting, named as anymail names it, that proves who posts."""

    view: Any
    setting_aside: type = EventByEvent
    key: str = ""
    older_key: str = ""
    needs_key: bool = False
    """Whether HTTP basic auth alone will not do."""

    def secret(self) -> str:
        """The signing key in force, or ""; an empty one would let anybody sign."""
        for name in (self.key, self.older_key):
            found = _setting(name, esp_name=self.view.esp_name, allow_bare=True, default=None) if name else None
            if found is not None:
                return str(found or "")
        return ""


PROVIDERS: Final[Mapping[str, Provider]] = {
    "amazon_ses": Provider(view=amazon_ses.AmazonSESTrackingWebhookView, setting_aside=AmazonSES),
    "brevo": Provider(view=BrevoTrackingWebhookView),
    "mailersend": Provider(view=MailerSendTrackingWebhookView, key="signing_secret", needs_key=True),
    "mailgun": Provider(
        view=MailgunTrackingWebhookView, key="webhook_signing_key", older_key="api_key", needs_key=True
    ),
    "mailjet": Provider(view=MailjetTrackingWebhookView),
    "mailtrap": Provider(view=MailtrapTrackingWebhookView, key="tracking_secret"),
    "mandrill": Provider(view=MandrillCombinedWebhookView, setting_aside=Mandrill, key="webhook_key", needs_key=True),
    "postal": Provider(view=PostalTrackingWebhookView, key="webhook_key", needs_key=True),
    "postmark": Provider(view=PostmarkTrackingWebhookView),
    "resend": Provider(view=ResendTrackingWebhookView, key="signing_secret"),
    "sendgrid": Provider(view=SendGridTrackingWebhookView, key="tracking_webhook_verification_key"),
    "sparkpost": Provider(view=SparkPostTrackingWebhookView, setting_aside=SparkPost),
    "unisender_go": Provider(
        view=UnisenderGoTrackingWebhookView, setting_aside=UnisenderGo, key="api_key", needs_key=True
    ),
}


@csrf_exempt
@login_not_required
@non_atomic_requests
def webhook(request: HttpRequest, esp: str) -> HttpResponseBase:
    """A provider's call. ``esp`` is its name as anymail's own URLs spell it."""
    provider = PROVIDERS.get(esp)
    if provider is None:
        raise Http404
    if request.method == "POST" and (setting := missing_secret(esp)):
        logger.error("webhook %s: refused, ANYMAIL has no %s", esp, setting)
        return HttpResponse(status=403)
    try:
        view = _view_class(esp)(**_secrets(provider))
    except Exception as error:  # noqa: BLE001 - a key that cannot be read, a package that is not installed
        return _cannot_work(esp, error)
    view.setup(request)
    return cast(HttpResponseBase, view.dispatch(request))


def missing_secret(esp: str) -> str | None:
    """The ANYMAIL setting without which anybody could post here as this provider; None if it is set.

    Raises KeyError for a provider that anymail does not know.
    """
    provider = PROVIDERS[esp]
    if provider.secret() or (_basic_auth() and not provider.needs_key):
        return None
    return f"{esp}_{provider.key}".upper() if provider.key else "WEBHOOK_SECRET"


def _basic_auth() -> list[str]:
    """The "user:password" strings in force. One without a colon could never be sent; anymail would take the
    text "None" for the secret of a request that has none."""
    given = _setting("webhook_secret", default=None) or []
    secrets = [given] if isinstance(given, str) else given
    return [secret for secret in secrets if ":" in secret and secret.strip(":")]


def _secrets(provider: Provider) -> dict[str, Any]:
    """What the view is made with: it gets no secret from the settings that ``missing_secret`` did not see."""
    key = {provider.key: provider.secret() or ("" if provider.needs_key else None)} if provider.key else {}
    return {**key, "webhook_secret": _basic_auth()}


@cache
def _view_class(esp: str) -> Any:
    provider = PROVIDERS[esp]
    bases = (provider.setting_aside, provider.view, StoringView)
    return type(f"{provider.view.__name__}OfRecovery", bases, {"slug": esp})


def _cannot_work(esp: str, error: Exception) -> HttpResponse:
    why = str(error) if isinstance(error, CannotWork | ImportError) else type(error).__name__
    logger.error("webhook %s: cannot work (%s)", esp, why)
    return HttpResponse(status=503)


def _report(slug: str, event: AnymailTrackingEvent) -> feedback.Report:
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    said = dict.fromkeys(_text(part) for part in (event.description, event.mta_response))
    return feedback.Report(
        esp=slug,
        kind=event.event_type if event.event_type in EventKind.values else EventKind.UNKNOWN,
        recipient=_text(event.recipient),
        occurred_at=_moment(event.timestamp),
        event_id=_text(event.event_id),
        message_id=_text(event.message_id),
        email_id=_uuid(metadata.get(METADATA_KEY)),
        reject_reason=_text(event.reject_reason),
        detail=": ".join(part for part in said if part),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _moment(value: datetime | None) -> datetime | None:
    """In UTC, which is what is meant where a provider leaves the zone out."""
    if value is None:
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
