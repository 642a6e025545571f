"""Every mail of every audience in every language, rendered as a preview: no link is made, and nothing leaves."""

from collections.abc import Iterator
from typing import Final

from django.conf.global_settings import LANGUAGES
from django.utils.translation import gettext as _

from recovery import rendering
from recovery.conf import conf, of_django
from recovery.doctor.symptoms import Symptom
from recovery.models import Email
from recovery.reasons import LINK_KINDS, EmailKind, Examined, Judgement

WITH_SECRET: Final = LINK_KINDS | {EmailKind.BACKUP_CODE}
SHIPPED: Final = ("en", "de", "es", "fr", "ar")  # where a site never chose its languages


def templates() -> Iterator[Symptom]:
    """What breaks, and mails that lost their link; one symptom where all is well."""
    languages, count = _languages(), 0
    broken = False
    for audience in ("default", *conf.AUDIENCES):
        for kind in EmailKind:
            for language in languages if kind != EmailKind.SITE else ():
                count += 1
                if said := _wrong(kind, audience, language):
                    broken = True
                    advice = _("Correct recovery/mail/%(kind)s.* or its translation.") % {"kind": kind.value}
                    subject = f"{audience} {kind.value} {language}"
                    yield Symptom(Examined.TEMPLATES, Judgement.PROBLEM, f"{subject}: {said}", advice, subject)
    if not broken:
        said = _("%(count)d mails were rendered, in: %(languages)s.")
        facts = {"count": count, "languages": ", ".join(languages)}
        yield Symptom(Examined.TEMPLATES, Judgement.OK, said % facts)


def _wrong(kind: EmailKind, audience: str, language: str) -> str:
    email = Email(kind=kind, audience=audience, language=language, recipient="somebody@example.org")
    try:
        preview = rendering.preview_of(email)
    except Exception as error:  # noqa: BLE001 - templates and translations are the site's
        return _("cannot be rendered (%(error)s)") % {"error": type(error).__name__}
    if not preview.subject or not preview.text.strip():
        return _("has no subject or no text")
    if kind in WITH_SECRET and not all(rendering.HIDDEN in part for part in (preview.text, preview.html)):
        return _("has no link or code in its text or its HTML")
    return ""


def _languages() -> list[str]:
    given = of_django("LANGUAGES") or []
    default = str(of_django("LANGUAGE_CODE"))
    chosen = SHIPPED if given == LANGUAGES else [code for code, _name in given]
    return list(dict.fromkeys([default, *chosen]))
