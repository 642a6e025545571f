"""Why did this person not get the mail? Reads only: one leading cause, its evidence, and what mends it.

Callers import this package as ``diagnosis``: ``find`` says who is meant, ``explain`` why they do not get in, ``would``
whether a reset would leave now. That somebody looked is put on the trail by the page or command that asks; fixes are
buttons of theirs, too. ``of_accounts`` to ``of_sign_in`` hold the rules, ``facts`` what they read, ``order`` which
cause leads, ``sentences`` what an agent says.
"""

from recovery.diagnosis.explaining import explain
from recovery.diagnosis.findings import Evidence, Explanation, Finding, Forecast
from recovery.diagnosis.forecasting import would
from recovery.diagnosis.order import ORDER, rank
from recovery.diagnosis.subjects import Subject, beyond, find

__all__ = [
    "ORDER",
    "Evidence",
    "Explanation",
    "Finding",
    "Forecast",
    "Subject",
    "beyond",
    "explain",
    "find",
    "rank",
    "would",
]
