"""Text for files that people open in a spreadsheet. What a file holds stands in ``admin.exports``. The table of a
bundle is checked cell by cell without us: it has a rule of its own, in ``audit.offline``."""

import unicodedata
from typing import Final

_MARKS: Final = frozenset("=+-@\u2212")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})  # blanks, breaks and control characters of all kinds
_NO_TEXT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def neutral(text: str) -> str:
    """Text as one line that no spreadsheet takes for a formula: the only place that sees to it in the admin.

    After OWASP's page on CSV injection: a formula begins with = + - or @, however wide these are written and whatever
    cannot be seen stands before, or with a tab or line break. What follows a semicolon counts as a beginning, since
    that parts cells where a comma is the decimal sign. An apostrophe before it makes it text.
    """
    line = ";".join(f"'{cell}" if _is_formula(cell) else cell for cell in text.split(";"))
    if line.isprintable():
        return line
    return "".join(" " if unicodedata.category(sign) in _NO_TEXT else sign for sign in line)


def _is_formula(cell: str) -> bool:
    first = next((sign for sign in cell if unicodedata.category(sign) not in _UNSEEN), "")
    return cell.startswith(("\t", "\r", "\n")) or unicodedata.normalize("NFKC", first) in _MARKS
