"""The shipped catalogues: nothing that a locked-out person reads is left in English, and no translation can fail."""

import ast
import gettext
import re
from pathlib import Path
from string import Formatter

import pytest
from django.utils.translation.template import templatize

import recovery
from recovery import forms

APP = Path(recovery.__file__).parent
LANGUAGES = sorted(folder.name for folder in (APP / "locale").iterdir())
LITERAL = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""

each_language = pytest.mark.parametrize("language", LANGUAGES)


def catalogue(language: str) -> gettext.GNUTranslations:
    with (APP / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def is_missing(text: str, translations: gettext.GNUTranslations) -> bool:
    return translations.gettext(text) == text == translations.ngettext(text, text, 1)


def texts_of_templates() -> set[str]:
    """What the pages and mails say, as makemessages sees it."""
    templates = [path for path in (APP / "templates" / "recovery").rglob("*") if path.is_file()]
    sources = [templatize(path.read_text(encoding="utf-8")) for path in templates]
    return {ast.literal_eval(text) for source in sources for text in re.findall(rf"(?:\b_|gettext)\({LITERAL}", source)}


def texts_of_forms() -> set[str]:
    return {ast.literal_eval(text) for text in re.findall(rf"\b_\(\s*{LITERAL}", Path(forms.__file__).read_text())}


def placeholders(text: str) -> set[str]:
    """``%(name)s`` and ``{name}``."""
    in_braces = {field for _, field, _, _ in Formatter().parse(text) if field} if "{" in text else set()
    return set(re.findall(r"%\(\w+\)\w|%[sd]", text)) | in_braces


@each_language
def test_every_text_of_the_pages_forms_and_mails_is_translated(language: str) -> None:
    texts = texts_of_templates() | texts_of_forms()
    assert len(texts) > 90
    translations = catalogue(language)
    assert [text for text in sorted(texts) if is_missing(text, translations)] == []


def entries(language: str) -> list[dict[str, str]]:
    """The messages of the catalogue's source, without its header; makemessages was told not to wrap lines."""
    source = (APP / "locale" / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    lines = [dict(re.findall(r'^(msg\w+(?:\[\d\])?) (".*")$', block, re.M)) for block in source.split("\n\n")[1:]]
    return [{key: ast.literal_eval(text) for key, text in entry.items()} for entry in lines if entry]


@each_language
def test_the_catalogue_is_whole_and_compiled(language: str) -> None:
    translations = catalogue(language)
    for entry in entries(language):
        assert all(entry.values()), entry
        if "msgid_plural" in entry:
            assert translations.ngettext(entry["msgid"], entry["msgid_plural"], 1) == entry["msgstr[0]"]
            assert translations.ngettext(entry["msgid"], entry["msgid_plural"], 2) == entry["msgstr[1]"]
        else:
            assert translations.gettext(entry["msgid"]) == entry["msgstr"]


@each_language
def test_a_translation_fills_in_what_the_original_fills_in(language: str) -> None:
    """A name that the original does not have would fail when the mail is written, at night, in one language only."""
    for entry in entries(language):
        assert placeholders(entry.get("msgstr", entry.get("msgstr[0]", ""))) == placeholders(entry["msgid"]), entry
        if "msgid_plural" in entry:
            assert placeholders(entry["msgstr[1]"]) == placeholders(entry["msgid_plural"]), entry


@each_language
def test_markup_of_the_original_stays_in_the_translation(language: str) -> None:
    for entry in entries(language):
        translated = entry.get("msgstr", entry.get("msgstr[0]", ""))
        assert re.findall(r"</?\w+>", translated) == re.findall(r"</?\w+>", entry["msgid"]), entry
