"""Everybody else: chat, pagers, SMS, by the library Apprise. ``URL`` is one of its notification URLs.

Apprise says yes or no and nothing else, and most of its services know no key: an answer that is lost may be told twice
there. Where a service takes one, write ``{key}`` into the URL, for instance ``jsons://host/path?+Idempotency-Key={key}``.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.views.decorators.debug import sensitive_variables

from recovery.cases.targets import Answer
from recovery.cases.wording import Words
from recovery.exceptions import Misconfigured
from recovery.reasons import CaseNews

HEARS: Final = frozenset(CaseNews)
OPTIONS: Final[Mapping[str, bool]] = {"URL": True}


@sensitive_variables("options", "url")
def send(words: Words, options: Mapping[str, Any]) -> Answer:
    """One notification. Raises Misconfigured where the extra is not installed, and is tried again later."""
    try:
        import apprise
    except ImportError as error:
        raise Misconfigured("This target needs Apprise: pip install 'django-account-recovery[apprise]'.") from error
    notifier = apprise.Apprise()
    url = str(options["URL"]).replace("{key}", words.key)
    if not notifier.add(url):
        return Answer(refused=True, detail="not a URL that Apprise knows")
    taken = notifier.notify(title=words.subject, body=words.text)
    return Answer(taken=bool(taken), detail="" if taken else "Apprise said no")
