"""What a recipient's IT must know to let our mail through: domains, senders and servers, as a text to copy.

Reads what was kept of the sending domains; ``domains`` looks it up.
"""

from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext as _

from recovery import audiences
from recovery.models import SendingDomain

MOST: Final = 12
"""Servers that a sentence names; the whole list stands on the page of sending domains."""


def text_of(rows: Sequence[SendingDomain]) -> str:
    """The whole text for these senders, in the running language; "" for none."""
    if not rows:
        return ""
    site = audiences.get().site_name
    said = _(
        "Please let mail of %(site)s through to your people, past spam filters and quarantine. It brings links for new "
        "passwords, which are of no use when they come late, and notices about their accounts. It is no advertising. "
        "Please do not let link scanners open the links either."
    )
    lines = [said % {"site": site}, ""]
    lines += _listed(_("Senders"), [row.from_email for row in rows])
    lines += _listed(_("Domains"), [name for row in rows for name in (row.domain, row.return_path)])
    lines += _listed(_("Signed with DKIM"), [signer for row in rows for signer in _signers(row)])
    lines += _listed(_("Servers"), [network for row in rows for network in row.networks])
    return "\n".join(lines).strip()


def servers_of(audience: str, route: str) -> str:
    """The servers by which this audience's mail of that route leaves, in one line; "" where they are not known."""
    row = SendingDomain.objects.filter(audience=audience, route=route).first()
    return ", ".join(row.networks[:MOST]) if row else ""


def _signers(row: SendingDomain) -> list[str]:
    """Domains whose keys were found, from ``selector._domainkey.domain``."""
    keys = [each for each in row.findings if each["part"] == "dkim" and each["judgement"] in ("ok", "notice")]
    return [each["subject"].partition("._domainkey.")[2] for each in keys]


def _listed(title: str, values: Sequence[str]) -> list[str]:
    found = sorted({value for value in values if value})
    return [f"{title}:", *(f"  {value}" for value in found)] if found else []
