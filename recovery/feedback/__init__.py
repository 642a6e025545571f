"""What came back about mail: a batch of a provider's reports in; events, states, bounces and suppressions out.

Reports may come before we noted the hand-over, twice, in any order, and for mail that is not ours: all of
that is normal. Nothing here knows which library or protocol brought them; ``webhooks`` does.
"""

from recovery.feedback.judging import evidence_of
from recovery.feedback.reports import Ingested, Report, Unread
from recovery.feedback.storing import LATE, ingest, match_late, waiting

__all__ = ["LATE", "Ingested", "Report", "Unread", "evidence_of", "ingest", "match_late", "waiting"]
