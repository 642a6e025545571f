"""Tests that a text names as pytest does, ``tests/x/test_y.py::test_z``, and whether there are such tests."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACT = re.compile(r"^\| `([\w.]+)` \| `(tests/[\w/]+\.py)::((?:\w+::)?test_\w+)` \|$", re.MULTILINE)
NODE = re.compile(r"(tests/[\w/]+\.py)::((?:\w+::)?test_\w+)")


def missing(text: str) -> list[str]:
    """Those named in ``text`` that do not exist."""
    return [f"{path}::{name}" for path, name in NODE.findall(text) if name not in _tests_in(path)]


@cache
def shown_acts() -> dict[str, set[str]]:
    """The acts of which docs/compliance.md says that a test shows them on the trail, by the test."""
    shown: dict[str, set[str]] = {}
    for act, path, name in ACT.findall((ROOT / "docs" / "compliance.md").read_text("utf-8")):
        shown.setdefault(f"{path}::{name}", set()).add(act)
    return shown


@cache
def _tests_in(path: str) -> set[str]:
    file = ROOT / path
    if not file.is_file():
        return set()
    found = set()
    for node in ast.parse(file.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else []
        found |= {f"{node.name}::{each.name}" for each in inner if isinstance(each, ast.FunctionDef)}
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found
