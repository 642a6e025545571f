"""What is handed to auditors: bundles of the trail that prove themselves, and the report with a row per request.

Reads rows and writes files, and rows of the trail that say so before and after. How a bundle is verified stands in
``recovery.audit.offline``, which is also the script that does it.
"""

from recovery.evidence.bundles import Exported, export
from recovery.evidence.reports import taken

__all__ = ["Exported", "export", "taken"]
