"""Where support cases are told: a target that is not there would otherwise be noticed when somebody needs it."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from django.core.checks import CheckMessage, Error

from recovery import shapes


def wrong() -> Iterator[CheckMessage]:
    """E011: entries of ``CASE_TARGETS`` that cannot tell anybody anything."""
    names = list[str]()
    for number, entry in enumerate(shapes.sound("CASE_TARGETS")):
        names.append(str(entry.get("NAME") or entry["TARGET"].rpartition(".")[2]))
        for hint in _faults(entry):
            yield _error(f"RECOVERY['CASE_TARGETS'][{number}] cannot be told anything.", hint)
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield _error(f"Two entries of RECOVERY['CASE_TARGETS'] have the name {name!r}.", "Give each a NAME of its own.")


def _faults(entry: Mapping[str, Any]) -> Iterator[str]:
    try:
        module = import_module(entry["TARGET"])
        wanted = {**module.OPTIONS, "TARGET": True, "NAME": False}
    except (ImportError, ValueError, AttributeError) as error:
        yield f"TARGET is no target: {error}"
        return
    if lacking := sorted(name for name, needed in wanted.items() if needed and not entry.get(name)):
        yield f"It lacks {', '.join(lacking)}."
    for name in sorted(entry.keys() - wanted.keys()):
        meant = get_close_matches(name, wanted, n=1)
        yield f"It has no option {name!r}." + (f" Did you mean {meant[0]}?" if meant else "")
    if not lacking and hasattr(module, "wrong") and (fault := module.wrong(entry)):
        yield fault


def _error(message: str, hint: str) -> Error:
    return Error(message, hint=hint, id="recovery.E011")
