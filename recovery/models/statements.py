"""SQL whose text is made once and run many times. How the texts come about stands in ``batches``, ``rows`` and
``insertion``."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.db.backends.utils import CursorWrapper

_PLACE: Final = re.compile("(?<!%)%s")
_NAMES: Final = tuple(f"p{number}" for number in range(200))


class Statement(NamedTuple):
    """One statement and its parameters, to be run alone or with others."""

    sql: str
    params: Sequence[Any]


def execute(cursor: CursorWrapper, sql: str, params: Sequence[Any]) -> None:
    """As ``cursor.execute``, of a text that is made once.

    Django looks at each letter of a text to put SQLite's own signs for the parameters into it, which takes as long as
    running it does. It does not where they have names.
    """
    if cursor.db.vendor == "sqlite" and len(params) <= len(_NAMES):
        cursor.execute(_named(sql), dict(zip(_NAMES, params, strict=False)))
    else:
        cursor.execute(sql, params)


@lru_cache(maxsize=500)
def _named(sql: str) -> str:
    first, *parts = _PLACE.split(sql)
    return first + "".join(f"%({name})s{part}" for name, part in zip(_NAMES, parts, strict=False))
