"""What a site may write about its sending domains, and what the system checks say of the rest."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks

SOUND = {"BASE_URL": "https://library.example"}
SERVERS = ["192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:53"]


def complaints(settings: Any, **own: Any) -> list[str]:
    settings.RECOVERY = {**SOUND, **own}
    return [str(message.id) for message in run_checks() if message.id == "recovery.E006"]


@pytest.mark.parametrize(
    "own",
    [
        {"DKIM_SELECTORS": ["s1", "s2@example.org"]},
        {"SENDING_IPS": ["192.0.2.1", "192.0.2.0/24", "2001:db8::/32"]},
        {"MARKETING_DOMAINS": ["news.example.org"]},
        {"DNS": {"resolvers": SERVERS, "answer_within": timedelta(seconds=1)}},
        {"ROUTES": [{"NAME": "a", "RETURN_PATH": "b.example.org", "DKIM_SELECTORS": ["s"], "IPS": ["192.0.2.1"]}]},
    ],
)
def test_what_is_documented_is_sound(settings: Any, own: dict[str, Any]) -> None:
    assert complaints(settings, **own) == []


@pytest.mark.parametrize(
    "own",
    [
        {"DKIM_SELECTORS": "s1"},
        {"SENDING_IPS": ["192.0.2.300"]},
        {"SENDING_IPS": ["mail.example.org"]},
        {"DNS": {"resolvers": ["dns.example.org"]}},
        {"DNS": {"resolvers": ["192.0.2.1:"]}},
        {"DNS": {"resolvers": ["192.0.2.0/24"]}},
        {"DNS": {"deadline": 20}},
        {"DNS": {"answer_within": timedelta(0)}},
        {"DNS": {"servers": []}},
        {"ROUTES": [{"NAME": "a", "RETURN_PATH": "bounces@example.org"}]},
        {"ROUTES": [{"NAME": "a", "IPS": ["x"]}]},
        {"ROUTES": [{"NAME": "a", "DKIM_SELECTORS": "s1"}]},
    ],
)
def test_what_is_not_is_named(settings: Any, own: dict[str, Any]) -> None:
    assert complaints(settings, **own) == ["recovery.E006"]
