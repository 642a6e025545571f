"""``tag=value; tag=value``: how DKIM keys (RFC 6376 section 3.2) and DMARC records (RFC 9989) are written."""

import re
from typing import Final

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.IGNORECASE)


def tags_of(text: str) -> dict[str, str] | None:
    """Tags in the order in which they stand; None where it is no such list, or has a tag twice."""
    found: dict[str, str] = {}
    for part in text.strip().removesuffix(";").split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name) or name in found:
            return None
        found[name] = value.strip()
    return found
