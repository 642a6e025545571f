"""Tests that a text names, ``tests/x/test_y.py::test_z``, and whether there are such tests."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NODE = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")


def missing(text: str) -> list[str]:
    """Those named in ``text`` that do not exist."""
    return [f"{path}::{name}" for path, name in NODE.findall(text) if name not in _tests_in(path)]


@cache
def _tests_in(path: str) -> set[str]:
    file = ROOT / path
    return set(re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)) if file.is_file() else set()
