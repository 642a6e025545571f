"""The language in which somebody is written to, asked of the site for their account (``LANGUAGE_OF``).

Asked by the worker that is about to make a mail (``delivery``), and nowhere else: no page waits for it, and nobody is
asked about who has no account. What a mail speaks where the site says nothing stands in ``rendering.language_of``.
"""

import logging
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.module_loading import import_string
from django.utils.translation import get_supported_language_variant

from recovery.conf import conf

logger = logging.getLogger(__name__)

UNSAID: Final = ""


def of(user: AbstractBaseUser) -> str:
    """A code of ``LANGUAGES``, as Django finds it for a browser: "de-at" is "de" where there is no Austrian.

    UNSAID where the site says none, or one that it does not speak, or its function raises, which is logged: whoever
    waits for a link reads it in another language rather than not at all.
    """
    try:
        said = str(import_string(conf.LANGUAGE_OF)(user) or UNSAID) if conf.LANGUAGE_OF else UNSAID
    except Exception:  # the function is the site's own, and may raise anything
        logger.exception("LANGUAGE_OF failed; the mail leaves in the language that it has without it")
        return UNSAID
    try:
        return get_supported_language_variant(said.replace("_", "-").lower()) if said else UNSAID
    except LookupError:
        logger.warning("LANGUAGE_OF named a language that is not in LANGUAGES; the mail leaves without it")
        return UNSAID
