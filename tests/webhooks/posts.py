"""A provider's POST: filled in from its file here, signed as the provider signs, sent to the real address."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

FOLDER: Final = Path(__file__).parent
BASIC: Final = "provider:the shared secret"
RSA_KEYS: Final = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in "rw"]
EC_KEYS: Final = [ec.generate_private_key(ec.SECP256R1()) for _ in "rw"]


def _public(key: Any) -> str:
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "".join(pem.decode().splitlines()[1:-1])


def _svix(text: str) -> str:
    return "whsec_" + base64.b64encode(text.encode()).decode()


@dataclass(frozen=True)
class Secret:
    """The setting that holds a provider's key, what a site sets there, what the provider signs with, and what
    somebody would sign with who does not know it."""

    setting: str
    value: Any
    right: Any = None
    wrong: Any = None


def _shared(setting: str, right: str, wrong: str) -> Secret:
    return Secret(setting, right, right, wrong)


SECRETS: Final = {
    "mailersend": _shared("MAILERSEND_SIGNING_SECRET", "mailersend key", "some key"),
    "mailgun": _shared("MAILGUN_WEBHOOK_SIGNING_KEY", "mailgun key", "some key"),
    "mailtrap": _shared("MAILTRAP_TRACKING_SECRET", "mailtrap key", "some key"),
    "mandrill": _shared("MANDRILL_WEBHOOK_KEY", "mandrill key", "some key"),
    "postal": Secret("POSTAL_WEBHOOK_KEY", _public(RSA_KEYS[0]), *RSA_KEYS),
    "resend": _shared("RESEND_SIGNING_SECRET", _svix("resend key"), _svix("some key")),
    "sendgrid": Secret("SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY", _public(EC_KEYS[0]), *EC_KEYS),
    "unisender_go": _shared("UNISENDER_GO_API_KEY", "unisender key", "some key"),
}
SHARED: Final = _shared("WEBHOOK_SECRET", BASIC, "provider:another")


def secret_of(esp: str) -> Secret:
    return SECRETS.get(esp, SHARED)


def anymail(esp: str) -> dict[str, Any]:
    """A site's settings for this provider alone."""
    return {secret_of(esp).setting: secret_of(esp).value}


@dataclass
class Post:
    esp: str
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, path: str = "") -> HttpResponse:
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        url = path or reverse("recovery:webhook", args=[self.esp])
        response: Any = client.generic("POST", url, self.body, self.content_type, headers=self.headers)
        return response


def text(esp: str, name: str, *, email_id: object, message_id: str, recipient: str) -> str:
    """The file's JSON with the mail's own facts in it."""
    raw = (FOLDER / esp / f"{name}.json").read_text()
    return Template(raw.replace('"$number"', "$number")).safe_substitute(
        email_id=email_id,
        message_id=message_id,
        bare_message_id=message_id.strip("<>"),
        recipient=recipient,
        number=message_id,
    )


def post(esp: str, body: str, secret: Any = None) -> Post:
    """Signed with this secret, else with the right one."""
    sign = SIGNED.get(esp, _basic)
    return sign(esp, body, secret_of(esp).right if secret is None else secret)


def basic(secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def _mac(secret: str, message: str | bytes, digest: str = "sha256") -> "hmac.HMAC":
    return hmac.new(secret.encode(), message.encode() if isinstance(message, str) else message, digest)


def _basic(esp: str, body: str, secret: str) -> Post:
    return Post(esp, body.encode(), headers=basic(secret))


def _amazon_ses(esp: str, body: str, secret: str) -> Post:
    notice = json.loads(body)
    if not isinstance(notice["Message"], str):
        notice["Message"] = json.dumps(notice["Message"])
    kinds = {"X-Amz-Sns-Message-Type": notice["Type"], "X-Amz-Sns-Message-Id": notice["MessageId"]}
    return Post(esp, json.dumps(notice).encode(), "text/plain; charset=UTF-8", kinds | basic(secret))


def _mailersend(esp: str, body: str, secret: str) -> Post:
    return Post(esp, body.encode(), headers={"Signature": _mac(secret, body).hexdigest()})


def _mailtrap(esp: str, body: str, secret: str) -> Post:
    return Post(esp, body.encode(), headers={"Mailtrap-Signature": _mac(secret, body).hexdigest()})


def _mailgun(esp: str, body: str, secret: str) -> Post:
    now, token = str(int(time.time())), hashlib.sha256(body.encode()).hexdigest()[:50]
    signature = _mac(secret, now + token).hexdigest()
    return Post(esp, Template(body).safe_substitute(timestamp=now, token=token, signature=signature).encode())


def _mandrill(esp: str, body: str, secret: str) -> Post:
    signature = _mac(secret, f"http://testserver{reverse('recovery:webhook', args=[esp])}mandrill_events{body}", "sha1")
    headers = {"X-Mandrill-Signature": base64.b64encode(signature.digest()).decode()}
    form = urlencode({"mandrill_events": body})
    return Post(esp, form.encode(), "application/x-www-form-urlencoded", headers)


def _postal(esp: str, body: str, secret: Any) -> Post:
    signature = secret.sign(body.encode(), padding.PKCS1v15(), hashes.SHA1())
    return Post(esp, body.encode(), headers={"X-Postal-Signature": base64.b64encode(signature).decode()})


def _resend(esp: str, body: str, secret: str) -> Post:
    ident, now = "msg_" + hashlib.sha256(body.encode()).hexdigest()[:20], str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, f"{ident}.{now}.{body}".encode(), "sha256").digest()).decode()
    headers = {"Svix-Id": ident, "Svix-Timestamp": now, "Svix-Signature": f"v1,{signature}"}
    return Post(esp, body.encode(), headers=headers)


def _sendgrid(esp: str, body: str, secret: Any) -> Post:
    now = str(int(time.time()))
    signature = base64.b64encode(secret.sign((now + body).encode(), ec.ECDSA(hashes.SHA256()))).decode()
    names = "X-Twilio-Email-Event-Webhook-Timestamp", "X-Twilio-Email-Event-Webhook-Signature"
    return Post(esp, body.encode(), headers=dict(zip(names, (now, signature), strict=True)))


def _unisender_go(esp: str, body: str, secret: str) -> Post:
    auth = hashlib.md5(body.replace("$auth", secret).encode()).hexdigest()
    return Post(esp, body.replace("$auth", auth).encode())


SIGNED: Final[Mapping[str, Callable[[str, str, Any], Post]]] = {
    "amazon_ses": _amazon_ses,
    "mailersend": _mailersend,
    "mailgun": _mailgun,
    "mailtrap": _mailtrap,
    "mandrill": _mandrill,
    "postal": _postal,
    "resend": _resend,
    "sendgrid": _sendgrid,
    "unisender_go": _unisender_go,
}


def unsigned(post: Post) -> Post:
    """The same without any proof of who posts it."""
    kept = {name: value for name, value in post.headers.items() if name.startswith("X-Amz")}
    body = json.loads(post.body) if post.content_type == "application/json" else None
    if isinstance(body, dict):
        body.pop("signature", None)
        body.pop("auth", None)
    return replace(post, headers=kept, body=post.body if body is None else json.dumps(body).encode())
