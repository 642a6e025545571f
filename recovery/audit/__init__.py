"""The trail: what happened, written in the transaction of what it tells, and sealed afterwards.

``writing`` is the only writer of its rows; ``sealing`` binds them into the chain, in the background; ``verifying``
reads the chain and names what does not fit; ``protecting`` installs the triggers, and ``purging`` is the one way
through them. What a digest and a seal are stands in ``offline``, which is also the auditor's script and knows no
Django.
"""

from recovery.audit.chain import newest
from recovery.audit.found import Found, Verified
from recovery.audit.protecting import is_protected, protect, unprotect
from recovery.audit.purging import destroy_origins, destroy_person, old_origins, purge, purgeable, rows_in
from recovery.audit.sealing import first_number, seal
from recovery.audit.verifying import holds_anchor, verify
from recovery.audit.writing import Noted, digest_of, event, kept, noted, record, record_each, statement_of

__all__ = [
    "Found",
    "Noted",
    "Verified",
    "destroy_origins",
    "destroy_person",
    "digest_of",
    "event",
    "first_number",
    "holds_anchor",
    "is_protected",
    "kept",
    "newest",
    "noted",
    "old_origins",
    "protect",
    "purge",
    "purgeable",
    "record",
    "record_each",
    "rows_in",
    "seal",
    "statement_of",
    "unprotect",
    "verify",
]
