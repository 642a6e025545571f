"""The site's RECOVERY dict: every setting has a sentence and a default, and is read when it is used."""

import inspect
from datetime import timedelta
from typing import Any

import pytest

from recovery.conf import DEFAULTS, MERGED, Conf, conf, unknown_settings


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_setting_has_a_sentence_a_default_and_a_value_that_is_read_when_used(settings: Any, name: str) -> None:
    sentence = getattr(Conf, name).__doc__
    assert sentence
    assert sentence.rstrip().endswith(".")
    settings.RECOVERY = {}
    default = DEFAULTS[name]
    if name == "FROM_EMAIL":
        default = settings.DEFAULT_FROM_EMAIL
    assert getattr(conf, name) == default
    settings.RECOVERY = {name: {"staff": 1} if name in MERGED else "another"}
    changed = getattr(conf, name)
    assert changed == ({**default, "staff": 1} if name in MERGED else "another")
    del settings.RECOVERY
    assert getattr(conf, name) == default


def test_settings_are_the_properties_and_the_properties_the_settings() -> None:
    properties = {name for name, value in inspect.getmembers(Conf) if isinstance(value, property)}
    assert properties == set(DEFAULTS)


def test_a_site_may_give_some_of_the_limits_and_keeps_the_rest(settings: Any) -> None:
    settings.RECOVERY = {"REQUEST_LIMITS": {"address": (3, timedelta(minutes=10))}}
    assert conf.REQUEST_LIMITS["address"] == (3, timedelta(minutes=10))
    assert conf.REQUEST_LIMITS["source"] == DEFAULTS["REQUEST_LIMITS"]["source"]
    assert DEFAULTS["REQUEST_LIMITS"]["address"] == (5, timedelta(hours=1))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("BASE_URLS", "BASE_URL"), ("base_url", "BASE_URL"), ("COOL_DOWN", "COOLDOWN"), ("ZZZZ", None), ("BASE_URL", "")],
)
def test_a_mistyped_setting_is_noticed_with_the_one_that_was_meant(
    settings: Any, typed: str, meant: str | None
) -> None:
    settings.RECOVERY = {typed: "x"}
    assert unknown_settings() == ([] if meant == "" else [(typed, meant)])
