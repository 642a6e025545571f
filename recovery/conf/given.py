"""The site's ``RECOVERY`` dict as it was written, with what is meant where it says nothing."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from recovery.conf.defaults import DEFAULTS, MERGED


class Given:
    """Reads the dict, each time."""

    def given(self) -> Mapping[str, Any]:
        """The dict as the site wrote it; nothing where it is none, which is a check's business."""
        given = getattr(settings, "RECOVERY", {})
        return given if isinstance(given, Mapping) else {}

    def _read(self, name: str) -> Any:
        value = self.given().get(name, DEFAULTS[name])
        return {**DEFAULTS[name], **value} if name in MERGED else value
