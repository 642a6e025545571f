"""The Python API that is documented is there, with these arguments, typed and explained."""

import inspect
import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from recovery import link_lives
from recovery.checks import PATHS
from recovery.conf import DEFAULTS, Conf

GUIDE = (Path(__file__).resolve().parent.parent / "docs" / "python_api.md").read_text()
CALLS = re.findall(r"^\| `(\w+)\.(\w+)\((.*?)\)` \| (.*) \|$", GUIDE, re.MULTILINE)
SWAPPED = GUIDE.split("## What a site swaps")[1]


def written(function: Any) -> str:
    """The arguments as the guide writes them: names, and the star behind which they are given by name."""
    words, by_name = [], False
    for name, each in inspect.signature(function).parameters.items():
        if each.kind == each.KEYWORD_ONLY and not by_name:
            words.append("*")
            by_name = True
        words.append(f"**{name}" if each.kind == each.VAR_KEYWORD else name)
        by_name = by_name or each.kind == each.VAR_POSITIONAL
    return ", ".join(words)


@pytest.mark.parametrize(("module", "name", "arguments"), [call[:3] for call in CALLS], ids=lambda part: part)
def test_each_call_has_the_arguments_that_the_guide_says_types_and_an_explanation(
    module: str, name: str, arguments: str
) -> None:
    function = getattr(import_module(f"recovery.{module}"), name)
    assert written(inspect.unwrap(function)) == arguments
    signature = inspect.signature(function)
    assert all(each.annotation is not each.empty for each in signature.parameters.values())
    assert signature.return_annotation is not signature.empty
    assert inspect.getdoc(function)


def test_the_guide_names_some() -> None:
    assert len(CALLS) >= 20


def test_the_guide_names_every_setting_that_is_a_dotted_path_or_holds_one() -> None:
    first_cells = re.findall(r"^\| (`[A-Z].*?) \|", SWAPPED, re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`([A-Z_]+)", cell)}
    said = {name for name in DEFAULTS if "dotted path" in (getattr(Conf, name).__doc__ or "").lower()}
    assert named == said | set(PATHS) | {"AUDIENCES", "ROUTES", "SITE_MAIL"}
    inner = {key for cell in first_cells for key in re.findall(r'"([A-Z]+)"', cell)}
    assert inner == {"MEMBERS", "ANCHOR", "TARGET", "BACKEND"}


def half_an_hour_at_the_club(audience: str) -> Any:
    return {"club": timedelta(minutes=30), "forever": timedelta(days=9)}.get(audience)


@pytest.mark.django_db
def test_the_life_of_a_link_is_what_the_sites_own_function_says_a_day_at_most_or_as_measured(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TOKEN_LIFETIME": f"{__name__}.half_an_hour_at_the_club"}
    assert link_lives.lifetime("club") == timedelta(minutes=30)
    assert link_lives.lifetime("forever") == timedelta(hours=24)
    assert link_lives.lifetime() == timedelta(minutes=60)
