"""Amazon's signature under its notices, with a key of our own."""

import base64
import datetime as dt
from typing import Any

CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


def key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(key: Any, text: bytes) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA1())).decode()


def know(key: Any) -> None:
    """As after its first, remembered, fetch: the one place where nobody goes to the network."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID
    from django.conf import settings

    from recovery.webhooks import topics

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.us-east-1.amazonaws.com")])
    now = dt.datetime.now(dt.UTC)
    certificate = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    certificate = certificate.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=9))
    made = certificate.sign(key, hashes.SHA256())
    topics._keys[CERTIFICATE] = made.public_key()
    if settings.HAS_DJANGO_SES:
        from django_ses import utils

        utils._CERT_CACHE[CERTIFICATE] = made
