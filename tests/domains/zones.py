"""What the DNS holds for a sender that does everything right, and keys of any length."""

import base64
from collections.abc import Mapping, Sequence

from tests.domains.dns_server import Zone

DOMAIN = "mail.example.org"
FROM_EMAIL = f"Example <accounts@{DOMAIN}>"


def rsa(bits: int, *, is_bare: bool = False) -> str:
    """A public key of so many bits in DER, base64: SubjectPublicKeyInfo, or an RSAPublicKey alone."""
    modulus, exponent = (1 << (bits - 1)) | 1, 65537
    key = _der(0x30, _integer(modulus) + _integer(exponent))
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    whole = key if is_bare else _der(0x30, algorithm + _der(0x03, b"\0" + key))
    return base64.b64encode(whole).decode()


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def _der(kind: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([kind, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([kind, 0x80 | len(octets)]) + octets + content


SPF = (DOMAIN, "TXT")
MX = (DOMAIN, "MX")
KEY = (f"s1._domainkey.{DOMAIN}", "TXT")
OWN_DMARC = (f"_dmarc.{DOMAIN}", "TXT")
DMARC = ("_dmarc.example.org", "TXT")

GOOD: Zone = {
    SPF: ["v=spf1 ip4:192.0.2.0/24 -all"],
    MX: ["10 mx.example.org."],
    ("mx.example.org", "A"): ["192.0.2.10"],
    KEY: [f"v=DKIM1; k=rsa; p={rsa(2048)}"],
    DMARC: ["v=DMARC1; p=reject; rua=mailto:dmarc@example.org"],
}


def changed(changes: Mapping[tuple[str, str], Sequence[str] | None]) -> Zone:
    """The good zone with other records; None takes one away."""
    return {key: texts for key, texts in {**GOOD, **changes}.items() if texts is not None}
