"""Amazon SES: one notice of an SNS topic is one event of Amazon's, told for each recipient.

Whose topic posts is checked where the site lists its topics, and then Amazon's signature as well, if ``cryptography``
is installed. Confirming a topic needs boto3, nothing else does.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.utils import get_anymail_setting
from django.http import HttpRequest
from urllib3.exceptions import HTTPError

from recovery.conf import conf
from recovery.webhooks.parsing import CannotWork

_setting: Any = get_anymail_setting

PATIENCE: Final = (3, 5)  # seconds to connect, and for the answer
LONGEST_CERTIFICATE: Final = 65_536
QUIET: Final = 60.0  # seconds in which an address that failed is not asked again
MOST_FAILED: Final = 100  # addresses that are remembered
MOST_KEYS: Final = 16
_OF_AMAZON: Final = re.compile(
    r"https://sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?/SimpleNotificationService-[A-Za-z0-9]+\.pem"
)
_SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""What Amazon signs, in this order ("Verifying the signatures of Amazon SNS messages"); a part that is not there is
left out."""

_keys: dict[str, Any] = {}  # by the addresses of their certificates
_failed: dict[str, float] = {}  # addresses, and until when each is left alone


class AmazonSES:
    """Stands above anymail's view."""

    attempt: Callable[..., Any]

    def __init__(self, **kwargs: Any) -> None:
        confirms = _setting("auto_confirm_sns_subscriptions", esp_name="Amazon SES", kwargs=kwargs, default=True)
        self.auto_confirm_enabled = confirms
        beyond: Any = super(_ses().AmazonSESBaseWebhookView, self)  # that class asks for boto3 at once
        beyond.__init__(**kwargs)

    def run_validators(self, request: HttpRequest) -> None:
        """anymail's own come first, the password among them: no stranger makes us fetch a certificate."""
        inherited: Any = super()
        inherited.run_validators(request)
        notice = json.loads(request.body)
        listed = conf.WEBHOOKS.get("amazon_ses", {}).get("TOPICS")
        if listed is None and notice["Type"] == "SubscriptionConfirmation":
            raise AnymailWebhookValidationFailure("Topics are confirmed if RECOVERY lists them, in WEBHOOKS.")
        if listed is not None:
            if notice["TopicArn"] not in listed:
                raise AnymailWebhookValidationFailure("This topic is not in the list.")
            _check_signature(notice)

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
        self.session_params, self.client_params = _ses()._get_anymail_boto3_params(kwargs={})
        return inherited.get_boto_client(service_name, **kwargs)


def _ses() -> Any:
    """anymail's module, which loads boto3."""
    from anymail.webhooks import amazon_ses

    return amazon_ses


def _check_signature(notice: Mapping[str, Any]) -> None:
    """Raises where Amazon did not sign this; nothing where the means to check it are not installed."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding
    except ImportError:
        return
    parts = [name for name in _SIGNED[notice["Type"]] if notice.get(name) is not None]
    text = "".join(f"{name}\n{notice[name]}\n" for name in parts).encode()
    # Amazon's documentation: version 1 is SHA-1, version 2 is SHA-256.
    digest = {"1": hashes.SHA1, "2": hashes.SHA256}[notice["SignatureVersion"]]()
    key: Any = _key_at(str(notice["SigningCertURL"]))
    try:
        key.verify(base64.b64decode(notice["Signature"]), text, padding.PKCS1v15(), digest)
    except InvalidSignature as error:
        raise AnymailWebhookValidationFailure("Amazon did not sign this.") from error


def _key_at(url: str) -> Any:
    """What could not be fetched is not asked for at each notice: each would wait as long again. What was fetched is
    known, whatever became of another notice's try meanwhile."""
    if url in _keys:
        return _keys[url]
    if time.monotonic() < _failed.get(url, 0.0):
        raise CannotWork("certificate not fetched a moment ago")
    try:
        key = _fetched(url)
    except CannotWork:
        if url in _keys:
            return _keys[url]
        if len(_failed) >= MOST_FAILED:
            _failed.clear()  # asked once more at worst
        _failed[url] = time.monotonic() + QUIET
        raise
    if len(_keys) >= MOST_KEYS:
        _keys.clear()  # fetched once more at worst
    _keys[url] = key
    return key


def _fetched(url: str) -> Any:
    """The key in the certificate at this address, which must be Amazon's own: whoever posts chose it."""
    from cryptography import x509

    if not _OF_AMAZON.fullmatch(url):
        raise AnymailWebhookValidationFailure("That certificate is not Amazon's.")
    try:
        answer = requests.get(url, timeout=PATIENCE, allow_redirects=False, stream=True)
        content = answer.raw.read(LONGEST_CERTIFICATE, decode_content=True)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise CannotWork(f"certificate not fetched: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise CannotWork(f"certificate not fetched: {answer.status_code}")
    try:
        return x509.load_pem_x509_certificate(content).public_key()
    except ValueError as error:
        raise CannotWork("no certificate where Amazon's should be") from error
