"""What a site says of its doors is checked before anybody comes through them."""

from typing import Any

import pytest
from django.core import checks as django_checks

from recovery import checks
from tests.audiences.site import DOORS, HERE


def told(settings: Any, *, deploy: bool = False, **doors: Any) -> list[django_checks.CheckMessage]:
    settings.RECOVERY = {"BASE_URL": "https://library.example", "AUDIENCES": doors}
    found = checks.check_deployment(None) if deploy else checks.check_settings(None)
    return [each for each in found if each.id in ("recovery.E006", "recovery.E007", "recovery.E013", "recovery.W019")]


def test_a_sound_site_is_told_nothing(settings: Any) -> None:
    assert told(settings, **DOORS) == []
    assert told(settings, deploy=True, **DOORS) == []
    assert told(settings, default={"MEMBERS": f"{HERE}.is_of_site"}, **DOORS) == []


@pytest.mark.parametrize(
    ("door", "key", "meant"),
    [
        ({"TEMPLATE": "x"}, "TEMPLATE", "TEMPLATES"),
        ({"MEMBER": "x"}, "MEMBER", "MEMBERS"),
        ({"LANGUAGES": "de"}, "LANGUAGES", "LANGUAGE"),
        ({"BASE_URI": "https://x.example"}, "BASE_URI", "BASE_URL"),
    ],
)
def test_an_unknown_key_is_told_with_the_one_that_was_meant(
    door: dict[str, str], key: str, meant: str, settings: Any
) -> None:
    [found] = told(settings, portal=door)
    assert found.id == "recovery.E006"
    assert f"['portal'] has no key {key!r}" in found.msg
    assert found.hint == f"Did you mean {meant}?"


@pytest.mark.parametrize(
    ("doors", "wanted"),
    [
        ({"portal": {"MEMBERS": "library.rules.is_member"}}, "recovery.E007"),
        ({"portal": {"MEMBERS": 7}}, "recovery.E006"),
        ({"portal": {"BASE_URL": "https://library.example/"}}, "recovery.E013"),
        ({"portal": {"BASE_URL": "https://LIBRARY.example:443"}}, "recovery.E013"),
        (
            {"a": {"BASE_URL": "https://x.example/a"}, "b": {"BASE_URL": "https://x.example/a/"}},
            "recovery.E013",
        ),
        ({"The Portal": {}}, "recovery.E013"),
        ({"p" * 41: {}}, "recovery.E013"),
        ({"portal": {"LANGUAGE": "klingon"}}, "recovery.E013"),
    ],
)
def test_what_cannot_be_is_an_error(doors: dict[str, Any], wanted: str, settings: Any) -> None:
    assert [each.id for each in told(settings, **doors)] == [wanted]


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("https://unheard.example", "ALLOWED_HOSTS"),
        ("https://library.example/nowhere", "no page of this site"),
    ],
)
def test_a_place_where_nobody_is_let_in_is_doubtful(base_url: str, said: str, settings: Any) -> None:
    [found] = told(settings, deploy=True, portal={"BASE_URL": base_url})
    assert found.id == "recovery.W019"
    assert said in found.msg


def test_a_site_that_its_own_host_refuses_is_doubtful(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["www.library.example"]
    [found] = told(settings, deploy=True)
    assert (found.id, "library.example, which ALLOWED_HOSTS" in found.msg) == ("recovery.W019", True)


@pytest.mark.parametrize("name", ["CHOOSE_AUDIENCE", "STAFF_AUDIENCES"])
def test_the_site_s_functions_must_be_there(name: str, settings: Any) -> None:
    settings.RECOVERY = {"BASE_URL": "https://library.example", name: "library.rules.door"}
    assert "recovery.E007" in {each.id for each in checks.check_settings(None)}
