"""A mail to the support team. It is a row of our own outbox, written with the case itself, and goes its way."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from recovery import level, outbox
from recovery.cases.wording import Words
from recovery.conf import of_django
from recovery.models import SupportCase
from recovery.reasons import CaseNews, CaseReason, EmailKind

HEARS: Final = frozenset(CaseNews)
OPTIONS: Final[Mapping[str, bool]] = {"TO": True}
SEND_BY: Final = timedelta(hours=24)


def queue(case: SupportCase, news: CaseNews, words: Words, options: Mapping[str, Any]) -> None:
    """One mail to each address of ``TO``, a text or a list of texts."""
    to = options["TO"]
    emails = outbox.queue(
        EmailKind.SUPPORT_CASE,
        [to] if isinstance(to, str) else list(to),
        send_by=timezone.now() + SEND_BY,
        request=case.request,
        language=str(of_django("LANGUAGE_CODE")),
        context={
            "case": words.case,
            "news": str(news),
            "name": words.facts["name"],
            "is_closed": news == CaseNews.CLOSED,
            "is_compromised": case.reason == CaseReason.COMPROMISED,
            "lines": list(words.lines),
            "case_url": words.url,
            "asked_at": None,
            "browser": "",
        },
        held=level.holds(EmailKind.SUPPORT_CASE),
    )
    outbox.ring(emails)
