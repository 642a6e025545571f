"""Who may report back, and by which secret of the site.

anymail's view of a provider is imported when that provider posts or is set up: some bring libraries that take longer to
load than the rest of this app, and every worker and command of a site would wait for those of all thirteen.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from anymail.utils import get_anymail_setting
from django.utils.module_loading import import_string

from recovery.webhooks.parsing import EventByEvent, Mailgun, Mandrill, SparkPost, UnisenderGo
from recovery.webhooks.topics import AmazonSES

_setting: Any = get_anymail_setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """anymail's view of one provider and the setting, named as anymail names it, that proves who posts."""

    view_path: str
    """Under ``anymail.webhooks``."""
    setting_aside: type = EventByEvent
    key: str = ""
    older_key: str = ""
    needs_key: bool = False
    """Whether HTTP basic auth alone will not do."""
    signs_in: str = ""
    """The header in which it puts a SHA-256 HMAC of the body, in hexadecimal, where that is all it does."""
    proves_a_sender: bool = False
    """Whether more than the secret is asked for, such as a notice of Amazon's."""

    @property
    def view(self) -> Any:
        return import_string(f"anymail.webhooks.{self.view_path}")

    def secret(self) -> str:
        """The signing key in force, or ""; an empty one would let anybody sign."""
        for name in (self.key, self.older_key):
            found = _setting(name, esp_name=self.view.esp_name, allow_bare=True, default=None) if name else None
            if found is not None:
                return str(found or "")
        return ""


PROVIDERS: Final[Mapping[str, Provider]] = {
    "amazon_ses": Provider(
        view_path="amazon_ses.AmazonSESTrackingWebhookView", setting_aside=AmazonSES, proves_a_sender=True
    ),
    "brevo": Provider(view_path="brevo.BrevoTrackingWebhookView"),
    "mailersend": Provider(
        view_path="mailersend.MailerSendTrackingWebhookView", key="signing_secret", needs_key=True, signs_in="Signature"
    ),
    "mailgun": Provider(
        view_path="mailgun.MailgunTrackingWebhookView",
        setting_aside=Mailgun,
        key="webhook_signing_key",
        older_key="api_key",
        needs_key=True,
    ),
    "mailjet": Provider(view_path="mailjet.MailjetTrackingWebhookView"),
    "mailtrap": Provider(
        view_path="mailtrap.MailtrapTrackingWebhookView", key="tracking_secret", signs_in="Mailtrap-Signature"
    ),
    "mandrill": Provider(
        view_path="mandrill.MandrillCombinedWebhookView", setting_aside=Mandrill, key="webhook_key", needs_key=True
    ),
    "postal": Provider(view_path="postal.PostalTrackingWebhookView", key="webhook_key", needs_key=True),
    "postmark": Provider(view_path="postmark.PostmarkTrackingWebhookView"),
    "resend": Provider(view_path="resend.ResendTrackingWebhookView", key="signing_secret"),
    "sendgrid": Provider(view_path="sendgrid.SendGridTrackingWebhookView", key="tracking_webhook_verification_key"),
    "sparkpost": Provider(view_path="sparkpost.SparkPostTrackingWebhookView", setting_aside=SparkPost),
    "unisender_go": Provider(
        view_path="unisender_go.UnisenderGoTrackingWebhookView",
        setting_aside=UnisenderGo,
        key="api_key",
        needs_key=True,
    ),
}


def missing_secret(esp: str) -> str | None:
    """The ANYMAIL setting without which anybody could post here as this provider; None if it is set.

    Raises KeyError for a provider that anymail does not know.
    """
    return secrets(esp)[0]


def secrets(esp: str) -> tuple[str | None, dict[str, Any]]:
    """The setting that is missing, if one is; and what the view is made with: it gets no secret from the settings that
    was not seen here."""
    provider = PROVIDERS[esp]
    key, passwords = provider.secret(), _basic_auth()
    given: dict[str, Any] = {"webhook_secret": passwords}
    if provider.key:
        given[provider.key] = key or ("" if provider.needs_key else None)
    if key or (passwords and not provider.needs_key):
        return None, given
    return f"{esp}_{provider.key}".upper() if provider.key else "WEBHOOK_SECRET", given


def proof(esp: str, body: bytes) -> dict[str, str] | None:
    """The headers with which this provider would post this body; None where it signs otherwise, or with a key of which
    the site has only the public half."""
    provider, passwords = PROVIDERS[esp], _basic_auth()
    key = provider.secret()
    if provider.proves_a_sender or (key and not provider.signs_in) or not (key or passwords):
        return None
    signed = {provider.signs_in: hmac.new(key.encode(), body, "sha256").hexdigest()} if key else {}
    basic = {"Authorization": "Basic " + base64.b64encode(passwords[0].encode()).decode()} if passwords else {}
    return signed | basic


def _basic_auth() -> list[str]:
    """The "user:password" strings in force. One without a colon could never be sent; anymail would take the
    text "None" for the secret of a request that has none."""
    given = _setting("webhook_secret", default=None) or []
    secrets = [given] if isinstance(given, str) else given
    return [secret for secret in secrets if ":" in secret and secret.strip(":")]
