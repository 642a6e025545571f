"""The keys that mail is signed with: RFC 6376 section 3.6.1, RFC 8301 for lengths, RFC 8463 for Ed25519."""

import base64
import binascii
from typing import Final

from recovery.domains.asking import Asker
from recovery.domains.found import Finding
from recovery.domains.tags import tags_of
from recovery.reasons import DomainPart, DomainReason, Judgement

VERSION: Final = "DKIM1"  # the first tag, where there is one
TOO_SHORT: Final = 1024  # bits; receivers must not take shorter ones (RFC 8301 section 3.2)
SHORT: Final = 2048  # bits; signers should use as many (the same)
ED25519_OCTETS: Final = 32
_INTEGER, _BITS, _SEQUENCE = 0x02, 0x03, 0x30  # of DER
PLACEHOLDER: Final = "v=DKIM1; k=rsa; p={the public key that your provider or mail server shows for this selector}"


def look(asker: Asker, selector: str, domain: str) -> Finding:
    """What is wrong with one selector's key, if anything. Raises NotKnown."""
    name = f"{selector}._domainkey.{domain}"
    texts = asker.texts(name)
    if not texts:
        return _problem(DomainReason.DKIM_MISSING, name)
    if len(texts) > 1:
        return _problem(DomainReason.DKIM_SEVERAL, name, record="")  # only whoever signs knows which is in use
    tags = tags_of(texts[0])
    if tags is None or "p" not in tags or ("v" in tags and next(iter(tags.items())) != ("v", VERSION)):
        return _problem(DomainReason.DKIM_BROKEN, name)
    if not tags["p"]:
        return _problem(DomainReason.DKIM_REVOKED, name)
    if "sha256" not in _list(tags.get("h", "sha256")) or not {"*", "email"} & _list(tags.get("s", "*")):
        return _problem(DomainReason.DKIM_OTHER_USE, name, record=_without(tags, "h", "s"))
    return _of_key(tags, name)


def _of_key(tags: dict[str, str], name: str) -> Finding:
    kind = tags.get("k", "rsa").lower()
    try:
        octets = base64.b64decode("".join(tags["p"].split()), validate=True)
        bits = _rsa_bits(octets) if kind == "rsa" else 0
    except (binascii.Error, ValueError, IndexError):
        return _problem(DomainReason.DKIM_BROKEN, name)
    if kind == "ed25519" and len(octets) == ED25519_OCTETS:
        return _finding(DomainReason.DKIM_ED25519, Judgement.NOTICE, name)
    if kind != "rsa":
        return _problem(DomainReason.DKIM_BROKEN, name)
    if bits < TOO_SHORT:
        return _problem(DomainReason.DKIM_WEAK, name, detail=str(bits))
    if bits < SHORT:
        return _finding(DomainReason.DKIM_SHORT, Judgement.NOTICE, name, detail=str(bits), record=PLACEHOLDER)
    if "y" in _list(tags.get("t", "")):
        return _finding(DomainReason.DKIM_TESTING, Judgement.NOTICE, name, record=_without(tags, "t"))
    return _finding(DomainReason.DKIM_GOOD, Judgement.OK, name, detail=str(bits))


def _without(tags: dict[str, str], *gone: str) -> str:
    return "; ".join(f"{tag}={value}" for tag, value in tags.items() if tag not in gone)


def _list(value: str) -> set[str]:
    return {each.strip().lower() for each in value.split(":")}


def _rsa_bits(octets: bytes) -> int:
    """Length of the modulus of a SubjectPublicKeyInfo (RFC 5280), or of a bare RSAPublicKey (RFC 8017), which some
    publish. Raises ValueError or IndexError for anything else."""
    inner = _content(octets, _SEQUENCE)[0]
    if inner[0] == _SEQUENCE:
        _, rest = _content(inner, _SEQUENCE)
        inner = _content(_content(rest, _BITS)[0][1:], _SEQUENCE)[0]
    return int.from_bytes(_content(inner, _INTEGER)[0]).bit_length()


def _content(octets: bytes, kind: int) -> tuple[bytes, bytes]:
    """What one DER element holds, and what follows it."""
    if octets[0] != kind:
        raise ValueError("not a key")
    length, start = octets[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(octets[2:start])
    if len(octets) < start + length:
        raise ValueError("cut off")
    return octets[start : start + length], octets[start + length :]


def _problem(reason: DomainReason, name: str, *, detail: str = "", record: str = PLACEHOLDER) -> Finding:
    return _finding(reason, Judgement.PROBLEM, name, detail=detail, record=record)


def _finding(reason: DomainReason, judgement: Judgement, name: str, *, detail: str = "", record: str = "") -> Finding:
    return Finding(
        part=DomainPart.DKIM,
        judgement=judgement,
        reason=reason,
        subject=name,
        detail=detail,
        name=name if record else "",
        kind="TXT" if record else "",
        record=record,
    )
