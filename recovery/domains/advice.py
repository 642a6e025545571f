"""What to do next about each finding, for people."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from recovery.reasons import DomainReason

PUBLISH: Final = _("Publish the record below in the place of the one there is.")
NEW_KEY: Final = _(
    "Make a new key of 2048 bits at your provider or mail server, and publish the record that it shows for "
    "this selector."
)
ASK_AGAIN: Final = _(
    "Nothing is wrong as far as anybody knows. Look the domains up again; if it stays so, ask with dig."
)
WORKING_SERVER: Final = _(
    "Name DNS servers that work in RECOVERY['DNS']['resolvers'], and look the domains up again. Nothing is "
    "known of the "
    "domain itself."
)
ADVICE: Final[Mapping[DomainReason, Any]] = {
    DomainReason.DOMAIN_MISSING: _("Register the domain or correct FROM_EMAIL: receivers refuse mail from no domain."),
    DomainReason.NO_SENDER: _("Set RECOVERY['FROM_EMAIL'] to an address of your own domain."),
    DomainReason.MX_IMPLICIT: _("Publish the record below, so that answers and bounces find their way for sure."),
    DomainReason.MX_MISSING: _(
        "Publish an MX record that names your mail server, as below: many receivers refuse mail that cannot be "
        "answered."
    ),
    DomainReason.MX_NULL: _(
        "Publish an MX record that names your mail server, as below: receivers may refuse mail from a domain "
        "that takes "
        "none (RFC 7505)."
    ),
    DomainReason.MX_DEAD: _("Give the named servers an address, or publish an MX record that names a living one."),
    DomainReason.SPF_MISSING: _("Publish the record below; add whatever else sends for the domain."),
    DomainReason.SPF_SEVERAL: _("Remove all of them, and publish the one record below, which says the same."),
    DomainReason.SPF_SYNTAX: _(
        "Publish the record below, which leaves out what nobody can read; if that names servers of yours, write it "
        "right and put it back."
    ),
    DomainReason.SPF_INCLUDE: _("Publish the record below, which leaves the empty domain out."),
    DomainReason.SPF_LOOP: PUBLISH,
    DomainReason.SPF_LOOKUPS: _(
        "Take out what no longer sends, and give others that send a subdomain of their own, until ten look-ups do."
    ),
    DomainReason.SPF_VOIDS: PUBLISH,
    DomainReason.SPF_ANYBODY: PUBLISH,
    DomainReason.SPF_NEUTRAL: PUBLISH,
    DomainReason.SPF_PTR: PUBLISH,
    DomainReason.SPF_MACRO: _("Nothing needs to be done. The parts with macros were not looked at."),
    DomainReason.SPF_NOT_OURS: _("Publish the record below, which adds what this site sends by."),
    DomainReason.DKIM_NOT_NAMED: _(
        "Name the selectors that your provider or mail server signs with in RECOVERY['DKIM_SELECTORS']."
    ),
    DomainReason.DKIM_MISSING: _("Publish the record that your provider or mail server shows for this selector."),
    DomainReason.DKIM_SEVERAL: _("Leave one of the records, that of the key in use, and remove the others."),
    DomainReason.DKIM_REVOKED: _(
        "Sign with another selector, name it in RECOVERY['DKIM_SELECTORS'], or publish a key."
    ),
    DomainReason.DKIM_BROKEN: _("Copy the record from your provider or mail server once more: part of it is lost."),
    DomainReason.DKIM_WEAK: NEW_KEY,
    DomainReason.DKIM_SHORT: NEW_KEY,
    DomainReason.DKIM_ED25519: _("Sign with an RSA key of 2048 bits as well."),
    DomainReason.DKIM_TESTING: _("Publish the record below, without t=y."),
    DomainReason.DKIM_OTHER_USE: _("Publish the record below, which lets the key sign mail with SHA-256."),
    DomainReason.DMARC_MISSING: _(
        "Publish the record below; read the reports, and when all your own mail passes, go on to p=quarantine."
    ),
    DomainReason.DMARC_SEVERAL: _("Remove all of them, and publish the one record below."),
    DomainReason.DMARC_BROKEN: PUBLISH,
    DomainReason.DMARC_NONE: _(
        "Read the reports; when all your own mail passes, publish the record below. Until then anybody can "
        "send mail in "
        "your name."
    ),
    DomainReason.DMARC_TESTING: _("When all your own mail passes, publish the record below."),
    DomainReason.ALIGNED_BY_SPF_ALONE: _(
        "Sign with a key of the sender's domain, and name its selector in RECOVERY['DKIM_SELECTORS']."
    ),
    DomainReason.NOT_ALIGNED: _(
        "Have mail signed with a key of the sender's domain, as below, or give it a return path below that domain."
    ),
    DomainReason.ALIGNMENT_NOT_KNOWN: _(
        "Name the selectors in RECOVERY['DKIM_SELECTORS'], or the route's own RETURN_PATH, as the provider shows them."
    ),
    DomainReason.SHARED_DOMAIN: _(
        "Send recovery mail from a subdomain of its own, so that what people think of the newsletter does not stop it."
    ),
    DomainReason.SHARED_STREAM: _("Give the route a STREAM of its own, for transactional mail alone."),
    DomainReason.DNS_TIMEOUT: ASK_AGAIN,
    DomainReason.DNS_FAILED: ASK_AGAIN,
    DomainReason.DNS_GARBAGE: WORKING_SERVER,
    DomainReason.DNS_TRUNCATED: WORKING_SERVER,
    DomainReason.DNS_LIES: WORKING_SERVER,
    DomainReason.DNS_DISAGREES: WORKING_SERVER,
    DomainReason.DNS_NOWHERE: WORKING_SERVER,
}


UNSAFE: Final = _(
    "No record can be proposed that is sure to keep everyone who sends for the domain. Ask each of them what to "
    "publish, and put this right: %(part)s"
)
ABOVE: Final = frozenset({DomainReason.SPF_LOOKUPS, DomainReason.SPF_MACRO})
"""Of SPF, what needs no record below."""


def advice(reason: str, *, record: str = "", part: str = "") -> str:
    """A sentence in the running language; "" where nothing is to be done. ``part``: what is at fault, named where there
    is no ``record`` to publish."""
    if reason not in DomainReason.values:
        return ""
    if reason.startswith("spf_") and not record and reason in ADVICE and reason not in ABOVE:
        return UNSAFE % {"part": part}
    return str(ADVICE.get(DomainReason(reason), ""))
