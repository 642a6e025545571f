"""The return path of a mail: whose it is, and for how long."""

import contextlib
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.mail import EmailMultiAlternatives

from recovery.bounces import return_paths
from recovery.routes import Line
from tests.bounces.letters import OURS, PERSON
from tests.routes.mail_server import mail_server

KEY = uuid.UUID("01980000-0000-7000-8000-000000000001")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _domain(settings):
    settings.RECOVERY = {**settings.RECOVERY, "RETURN_PATH_DOMAIN": "Bounces.library.example"}


def test_it_names_the_mail_and_fits_into_a_local_part() -> None:
    path = return_paths.address_of(KEY)
    assert return_paths.email_id_of(path) == KEY
    assert path == path.partition("@")[0] + "@Bounces.library.example"
    assert len(path.partition("@")[0]) <= 64


def test_servers_may_change_its_case() -> None:
    path = return_paths.address_of(str(KEY))
    assert return_paths.email_id_of(path.upper()) == return_paths.email_id_of(path.lower()) == KEY


def test_it_expires() -> None:
    with time_machine.travel(NOW, tick=False):
        path = return_paths.address_of(KEY)
    with time_machine.travel(NOW + return_paths.LIFE - timedelta(hours=1), tick=False):
        assert return_paths.email_id_of(path) == KEY
    with time_machine.travel(NOW + return_paths.LIFE + timedelta(hours=1), tick=False):
        assert return_paths.email_id_of(path) is None


def test_every_letter_of_it_is_signed() -> None:
    local, _, domain = return_paths.address_of(KEY).partition("@")
    for place in range(len(return_paths.PREFIX), len(local)):
        other = "b" if local[place] == "a" else "a"
        forged = f"{local[:place]}{other}{local[place + 1 :]}@{domain}"
        assert return_paths.is_one(forged)
        assert return_paths.email_id_of(forged) is None, place


@pytest.mark.parametrize(
    "address",
    ["", "@", "bounces+@bounces.library.example", "bounces+!!!@bounces.library.example", "bounces+aaaa@example.org",
     "bounces@bounces.library.example", "bounces+äöü@bounces.library.example", "reader@library.example"],
)  # fmt: skip
def test_nothing_else_is_one(address: str) -> None:
    assert return_paths.email_id_of(address) is None


def test_a_key_that_was_rotated_still_counts_and_a_foreign_one_does_not(settings) -> None:
    path = return_paths.address_of(KEY)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    assert return_paths.email_id_of(path) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert return_paths.email_id_of(path) == KEY


def test_without_a_domain_there_are_none(settings) -> None:
    path = return_paths.address_of(KEY)
    settings.RECOVERY = {**settings.RECOVERY, "RETURN_PATH_DOMAIN": None}
    assert return_paths.address_of(KEY) == ""
    assert return_paths.email_id_of(path) is None


def test_over_smtp_each_mail_leaves_with_its_own() -> None:
    message = EmailMultiAlternatives("subject", "text", f"Library <{OURS}>", [PERSON])
    with mail_server() as server, contextlib.closing(Line(server.route())) as line:
        line.send(message, key=str(KEY), kind="reset")
    [sender] = [line for line in server.lines if line.upper().startswith("MAIL FROM")]
    [path] = re.findall(r"<(.*)>", sender)
    assert return_paths.email_id_of(path) == KEY
    [body] = server.bodies
    assert f"From: Library <{OURS}>".encode() in body
    assert b"bounces+" not in body
    assert message.from_email == f"Library <{OURS}>"
    assert message.extra_headers == {}
