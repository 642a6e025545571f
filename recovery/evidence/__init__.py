"""What is handed to auditors: bundles of the trail that prove themselves, and the report with a row per request.

Reads rows and writes files and one row of the trail that says so. How a bundle is verified stands in
``recovery.audit.offline``, which is also the script that does it.
"""

from recovery.evidence.bundles import Exported, export
from recovery.evidence.reports import COLUMNS, lines, rows, written

__all__ = ["COLUMNS", "Exported", "export", "lines", "rows", "written"]
