"""The admin alone: the case is there, and nobody else is told."""

from collections.abc import Mapping
from typing import Any, Final

from recovery.reasons import CaseNews

HEARS: Final[frozenset[CaseNews]] = frozenset()
OPTIONS: Final[Mapping[str, bool]] = {}


def send(words: Any, options: Mapping[str, Any]) -> Any:
    """Never called: it hears nothing."""
    raise NotImplementedError
