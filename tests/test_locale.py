"""The shipped catalogues: nothing that a locked-out person reads is left in English, and no translation can fail."""

import ast
import gettext
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from django.utils.translation.template import templatize

import recovery

APP = Path(recovery.__file__).parent
LANGUAGES = sorted(folder.name for folder in (APP / "locale").iterdir())
LITERAL = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
CALL_IN_TEMPLATE = rf"\b(_|n?p?gettext)\(\s*({LITERAL}(?:\s*,\s*{LITERAL})*)"
TEXTS = {
    "gettext": ("msgid",),
    "ngettext": ("msgid", "msgid_plural"),
    "pgettext": ("msgctxt", "msgid"),
    "npgettext": ("msgctxt", "msgid", "msgid_plural"),
}
"""What the first arguments of a translating function are."""

Message = tuple[str, str]
"""Context and text; the plural rides along with its singular."""

each_language = pytest.mark.parametrize("language", LANGUAGES)


def catalogue(language: str) -> gettext.GNUTranslations:
    with (APP / "locale" / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def function_of(name: str) -> str:
    """Django's name without what says when it translates."""
    return name.removesuffix("_lazy").removesuffix("_noop")


def translating_names(tree: ast.Module) -> dict[str, str]:
    """Under which name a module calls which function: by whatever alias, which makemessages would not know."""
    return {
        alias.asname or alias.name: function_of(alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
        if function_of(alias.name) in TEXTS
    }


def called(node: ast.Call, names: dict[str, str]) -> str | None:
    """The translating function that is called, also as ``translation.gettext``."""
    if isinstance(node.func, ast.Name):
        return names.get(node.func.id)
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        function = function_of(node.func.attr)
        return function if node.func.value.id == "translation" and function in TEXTS else None
    return None


def texts_of_python(source: str) -> Iterator[dict[str, str]]:
    tree = ast.parse(source)
    names = translating_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (function := called(node, names)):
            texts = [ast.literal_eval(argument) for argument in node.args[: len(TEXTS[function])]]
            yield dict(zip(TEXTS[function], texts, strict=True))


def texts_of_template(source: str) -> Iterator[dict[str, str]]:
    for name, literals in re.findall(CALL_IN_TEMPLATE, templatize(source)):
        function = "gettext" if name == "_" else name
        texts = [ast.literal_eval(text) for text in re.findall(LITERAL, literals)]
        yield dict(zip(TEXTS[function], texts, strict=True))


@cache
def texts_of_the_sources() -> dict[Message, str]:
    """Each message of the app with its plural, as makemessages would find it; needs no gettext on the machine."""
    found: dict[Message, str] = {}
    for path in sorted(APP.rglob("*")):
        read = {".py": texts_of_python, ".html": texts_of_template, ".txt": texts_of_template}.get(path.suffix)
        for text in read(path.read_text(encoding="utf-8")) if read and path.is_file() else ():
            message, plural = (text.get("msgctxt", ""), text["msgid"]), text.get("msgid_plural", "")
            assert found.setdefault(message, plural) == plural, f"{path}: once with, once without a plural: {message}"
    return found


def placeholders(text: str) -> tuple[set[str], list[str]]:
    """``%(name)s`` and ``{name}`` in any order and number; ``%s``, ``%d`` and ``{}`` in theirs."""
    fields = [field for _, field, _, _ in Formatter().parse(text) if field is not None] if "{" in text else []
    in_order = re.findall(r"%[a-z]\b", text.replace("%%", "")) + [field for field in fields if not field]
    return set(re.findall(r"%\(\w+\)\w", text)) | {field for field in fields if field}, in_order


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("from django.utils.translation import gettext as _now\n_now('a' 'b')", [{"msgid": "ab"}]),
        ("from django.utils.translation import gettext_lazy as _\nf'{_(\"a\")} b'", [{"msgid": "a"}]),
        ("from django.utils import translation\ntranslation.gettext('a')", [{"msgid": "a"}]),
        (
            "from django.utils.translation import ngettext\nngettext('a', 'b', 3)",
            [{"msgid": "a", "msgid_plural": "b"}],
        ),
        (
            "from django.utils.translation import pgettext_lazy as p\np('c', 'a')",
            [{"msgctxt": "c", "msgid": "a"}],
        ),
        ("from elsewhere import gettext as _\n_('a')", []),
    ],
)
def test_texts_are_found_in_python(source: str, texts: list[dict[str, str]]) -> None:
    assert list(texts_of_python(source)) == texts


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("{% translate 'a' %}{{ _('b')|upper }}", [{"msgid": "a"}, {"msgid": "b"}]),
        ("{% blocktranslate trimmed %}\n a\n {{ b }}\n{% endblocktranslate %}", [{"msgid": "a %(b)s"}]),
        (
            "{% blocktranslate count n=n %}it's{% plural %}{{ n }} b{% endblocktranslate %}",
            [{"msgid": "it's", "msgid_plural": "%(n)s b"}],
        ),
        ("{% translate 'a' context 'c' %}", [{"msgctxt": "c", "msgid": "a"}]),
        ("plain", []),
    ],
)
def test_texts_are_found_in_templates(source: str, texts: list[dict[str, str]]) -> None:
    assert list(texts_of_template(source)) == texts


@each_language
def test_every_text_of_the_sources_is_translated(language: str) -> None:
    wanted = texts_of_the_sources()
    assert len(wanted) > 500
    known = {(entry.get("msgctxt", ""), entry["msgid"]): entry for entry in entries(language)}
    assert sorted(wanted.keys() - known.keys()) == []
    for message, plural in wanted.items():
        entry = known[message]
        assert entry.get("msgid_plural", "") == plural, entry
        assert {*entry} - {"msgctxt", "msgid", "msgid_plural"} == ({*forms_of(language)} if plural else {"msgstr"})
        assert all(entry.values()), entry


@each_language
def test_the_catalogue_holds_nothing_but_texts_of_the_sources(language: str) -> None:
    known = {(entry.get("msgctxt", ""), entry["msgid"]) for entry in entries(language)}
    assert sorted(known - texts_of_the_sources().keys()) == []
    source = (APP / "locale" / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    assert re.findall(r"^(?:#, .*\bfuzzy\b.*|#[~|].*)$", source, re.M) == []


def entries(language: str) -> list[dict[str, str]]:
    """The messages of the catalogue's source, without its header; makemessages was told not to wrap lines."""
    source = (APP / "locale" / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    lines = [dict(re.findall(r'^(msg\w+(?:\[\d\])?) (".*")$', block, re.M)) for block in source.split("\n\n")[1:]]
    return [{key: ast.literal_eval(text) for key, text in entry.items()} for entry in lines if entry]


def forms_of(language: str) -> list[str]:
    """The names of its plural forms: two in English, three in Spanish, six in Arabic."""
    told = catalogue(language).info()["plural-forms"]
    return [f"msgstr[{number}]" for number in range(int(re.findall(r"nplurals=(\d)", told)[0]))]


@each_language
def test_the_catalogue_is_whole_and_compiled(language: str) -> None:
    translations = catalogue(language)
    for entry in entries(language):
        assert all(entry.values()), entry
        if "msgid_plural" in entry:
            for number in (0, 1, 2, 3, 11, 100, 1_000_000):
                form = entry[f"msgstr[{translations.plural(number)}]"]  # type: ignore[attr-defined]
                assert translations.ngettext(entry["msgid"], entry["msgid_plural"], number) == form
        elif "msgctxt" in entry:
            assert translations.pgettext(entry["msgctxt"], entry["msgid"]) == entry["msgstr"]
        else:
            assert translations.gettext(entry["msgid"]) == entry["msgstr"]


@each_language
def test_a_translation_fills_in_what_the_original_fills_in(language: str) -> None:
    """A name that the original does not have would fail when the mail is written, at night, in one language only."""
    of_one = f"msgstr[{catalogue(language).plural(1)}]"  # type: ignore[attr-defined]
    for entry in entries(language):
        for form in forms_of(language) if "msgid_plural" in entry else ["msgstr"]:
            original = entry["msgid"] if form in ("msgstr", of_one) else entry["msgid_plural"]
            assert placeholders(entry[form]) == placeholders(original), entry


@each_language
def test_markup_of_the_original_stays_in_the_translation(language: str) -> None:
    for entry in entries(language):
        translated = entry.get("msgstr", entry.get("msgstr[0]", ""))
        assert re.findall(r"</?\w+>", translated) == re.findall(r"</?\w+>", entry["msgid"]), entry
