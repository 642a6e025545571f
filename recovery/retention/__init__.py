"""What is kept how long, and the end of it. Links become tombstones, old rows go, in batches.

Callers import this package as ``retention``. ``ages`` says which rows are past their time, ``purging`` ends them batch
by batch, ``removing`` takes rows away with all that hangs on them. What is held about one person, and its end before
its time, stands in ``privacy``.
"""

from recovery.retention.purging import Purged, outlook, purge
from recovery.retention.removing import remove, remove_cases, remove_emails, remove_requests

__all__ = ["Purged", "outlook", "purge", "remove", "remove_cases", "remove_emails", "remove_requests"]
