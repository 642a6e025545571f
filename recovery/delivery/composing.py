"""A claimed mail becomes a message: links, their secrets, the words of its language or else of the default one."""

import logging
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.views.decorators.debug import sensitive_variables

from recovery import alarms, objections, rendering, tokens
from recovery.conf import of_django
from recovery.delivery import judging
from recovery.delivery.held import Held
from recovery.exceptions import SecretLost
from recovery.models import Email, ResetToken
from recovery.models.moves import Move
from recovery.reasons import Alarm, EmailKind, EmailReason
from recovery.rendering import Message

logger = logging.getLogger(__name__)

SOFT_BREAK: Final = re.compile(r"=\r?\n")  # quoted-printable (RFC 2045 section 6.7) cuts a long link in two


@sensitive_variables()
def compose(held: Held, *, life: timedelta | None) -> Move | None:
    """Give the mail its message; or the move that it makes because it cannot be rendered.

    What went wrong comes back as a value: an exception that is raised further would carry the mail it echoes, and
    with it the link, into whatever is logged later.
    """
    try:
        held.secrets = [*_secrets(held.links), *_codes(held.email)]
        held.message = _rendered(held, life)
    except Exception as error:  # noqa: BLE001 - templates and translations are the site's
        logger.error("email %s: %s (%s)", held.email.pk, EmailReason.RENDER_ERROR, type(error).__name__)
        said = clean(str(error) or type(error).__name__, held.secrets)
        return judging.not_rendered(held, error=type(error).__name__, detail=said)
    return None


@sensitive_variables()
def _rendered(held: Held, life: timedelta | None) -> Message:
    """In the mail's own language; where that breaks, in the site's default one, which is better than no mail."""
    email, default = held.email, str(of_django("LANGUAGE_CODE"))
    try:
        return rendering.message_for(email, held.links, life=life)
    except Exception as error:  # translations are the site's
        own = rendering.language_of(email)
        if own == default:
            raise
        message = rendering.message_for(email, held.links, life=life, language=default)
        alarms.sound(Alarm.TRANSLATION_BROKEN, f"{email.kind}/{own}", detail=type(error).__name__)
    held.said = f"in {default}: the translation broke"
    return message


@sensitive_variables()
def _secrets(links: Sequence[ResetToken]) -> list[str]:
    secrets = []
    for link in links:
        try:
            secrets.append(tokens.verifier_of(link))
        except SecretLost:
            tokens.mint_anew(link)  # its key was rotated away before the mail ever left
            secrets.append(tokens.verifier_of(link))
    return secrets


@sensitive_variables()
def _codes(email: Email) -> list[str]:
    if objections.is_offered(email):
        return [objections.verifier_of(email), objections.code_of(email)]
    code = rendering.code_of(email) if email.kind == EmailKind.BACKUP_CODE else ""
    return [code] if code else []


@sensitive_variables()
def clean(text: str, secrets: Sequence[str]) -> str:
    """What the other side said, without any link: a provider's answer or a traceback line may echo the mail."""
    text = SOFT_BREAK.sub("", text)
    for secret in secrets:
        middle = len(secret) // 2
        for part in (secret, secret[:middle], secret[middle:]):
            text = text.replace(part, "[secret]")
    return " ".join(text.split())
