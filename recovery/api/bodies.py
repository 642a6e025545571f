"""What was sent: one small JSON object with the fields that the call knows, of the right kind, each once.

Strict, since readers of JSON differ in what they make of doubles, of NaN and of other encodings (RFC 8259 sections 4, 6
and 8.1): what one checks, another would act on.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from recovery.api.problems import Refused, wrong
from recovery.forms import OneFocusForm
from recovery.origin import printable
from recovery.reasons import Problem

MOST_BYTES: Final = 64 * 1024  # 16 times the longest password, and far above every other field


class Said(dict[str, Any]):
    """The fields that were sent. Its repr is masked: not every reporter of errors heeds ``sensitive_variables``."""

    def __repr__(self) -> str:
        return "{[what was sent]}"


def read(request: HttpRequest, needed: Mapping[str, type], allowed: Mapping[str, type] | None = None) -> Said:
    """The body's fields: all of ``needed`` and some of ``allowed``, by name and type. Raises Refused."""
    said, kinds = _object(request), {**needed, **(allowed or {})}
    errors = [wrong(name[:100], "unknown", _("This call does not know it.")) for name in said if name not in kinds]
    errors += [wrong(name, "required", _("This is needed.")) for name in needed if name not in said]
    for name, kind in kinds.items():
        if name in said and type(said[name]) is not kind:  # True is an int to isinstance
            errors.append(wrong(name, "wrong_type", _("This must be of another type.")))
    if errors:
        raise Refused(Problem.INVALID, errors=errors)
    return Said(said)


def text(said: Mapping[str, Any], name: str, *, most: int) -> str:
    """One line of printable text without blanks at its ends. Raises Refused for none, and for too long a one."""
    found = printable(said[name]).strip()
    if not found:
        raise Refused(Problem.INVALID, errors=[wrong(name, "required", _("This is needed."))])
    if len(found) > most:
        raise Refused(Problem.INVALID, errors=[wrong(name, "max_length", _("Use at most %d characters.") % most)])
    return found


def one_of(said: Mapping[str, Any], name: str, words: Collection[str], default: str) -> str:
    """A word of these. Raises Refused for another."""
    word = str(said.get(name, default))
    if word not in words:
        known = ", ".join(sorted(words))
        raise Refused(Problem.INVALID, errors=[wrong(name, "unknown_word", _("Use one of: %s.") % known)])
    return word


def judge(form: OneFocusForm, *, names: Mapping[str, str], code: Problem = Problem.INVALID) -> None:
    """Raises Refused for what the form finds wrong, with its codes; ``names``: what its fields are called here."""
    if form.is_valid():
        return
    found: dict[str, list[ValidationError]] = form.errors.as_data()
    errors = [
        wrong(names.get(field, field), error.code or "invalid", message)
        for field, of_field in found.items()
        for error in of_field
        for message in error.messages
    ]
    raise Refused(code, errors=errors)


def _object(request: HttpRequest) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise Refused(Problem.WRONG_CONTENT_TYPE)
    raw = request.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise Refused(Problem.TOO_LARGE)
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_each_once, parse_constant=_no_number)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        found = None
    if not isinstance(found, dict):
        raise Refused(Problem.MALFORMED)
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a field twice")
    return dict(pairs)


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
