"""In which language the mails of a claim speak, asked of the site for the accounts before they are made.

A mail that may have left keeps its words: a provider that knows its key refuses another text under the same one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser

from recovery import languages
from recovery.conf import conf
from recovery.delivery.held import Held
from recovery.models import Email


def choose(claimed: Sequence[Held], people: Mapping[str, AbstractBaseUser]) -> None:
    """Give each mail the language of its account, of several the first for which the site says one, and note it in its
    row; commits one statement a language, where that is another than the row has. Nothing without ``LANGUAGE_OF``."""
    if not conf.LANGUAGE_OF:
        return

    @cache
    def said(key: str) -> str:
        return languages.of(people[key]) if key in people else languages.UNSAID

    changed: dict[str, list[UUID]] = defaultdict(list)
    for held in claimed:
        email = held.email
        owners = [link.user_key for link in held.links] or [email.user_key]
        language = next(filter(None, map(said, owners)), languages.UNSAID)
        if language and language != email.language and not email.doubt_count:
            email.language = language
            changed[language].append(email.pk)
    for language, keys in changed.items():
        Email.objects.filter(pk__in=keys).update(language=language)
