"""The trail: where its head is told, how long it is kept, and whether the database lets nobody change it."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from inspect import signature
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import Error as DatabaseFault
from django.utils.module_loading import import_string

from recovery import anchors, audit, shapes
from recovery.conf.defaults import DEFAULTS


def wrong() -> Iterator[CheckMessage]:
    """E020: an entry of ``AUDIT_ANCHORS`` that nothing can be told to. E021: the trail goes before what it is about."""
    for number, entry in enumerate(shapes.sound("AUDIT_ANCHORS")):
        options = {key.lower(): value for key, value in entry.items() if key != "ANCHOR"}
        try:
            signature(import_string(entry["ANCHOR"])).bind(None, **options)
        except (ImportError, TypeError, ValueError) as error:
            yield Error(
                f"RECOVERY['AUDIT_ANCHORS'][{number}] cannot be told anything.",
                hint=f"{error}. It takes an anchor, and its other keys in lower case.",
                id="recovery.E020",
            )
    kept = {**DEFAULTS["RETENTION"], **shapes.sound("RETENTION")}
    trail = kept["audit"]
    shorter = [name for name in ("emails", "requests") if trail and trail < (kept[name] or timedelta.max)]
    if shorter:
        yield Error(
            f"RECOVERY['RETENTION'] keeps the trail for a shorter time than {' and '.join(shorter)}.",
            hint="Let audit be None, for good, or as long as the longest of these.",
            id="recovery.E021",
        )


@register(Tags.security, deploy=True)
def check_triggers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """W030: nothing in the database keeps rows of the trail from being changed."""
    try:
        if audit.is_protected():
            return []
    except DatabaseFault:
        return []  # it cannot be reached, or is not migrated: others say so
    return [
        Warning(
            "The trail can be changed and removed by whatever reaches the database.",
            hint="Run manage.py recovery_audit protect, after each migrate: a migration may remove its triggers.",
            id="recovery.W030",
        )
    ]


@register(Tags.security, deploy=True)
def check_log(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """W031: the head of the trail is told to a log that throws it away."""
    told = [entry.get("ANCHOR") for entry in shapes.sound("AUDIT_ANCHORS")]
    if "recovery.anchors.log" not in told or anchors.is_heard():
        return []
    return [
        Warning(
            "No log takes the anchors of the trail: INFO of the logger recovery.anchors goes nowhere.",
            hint="Name that logger in LOGGING with the level INFO and a handler, or tell a file or a mail in "
            "RECOVERY['AUDIT_ANCHORS'].",
            id="recovery.W031",
        )
    ]
