"""Case 19 with nothing stood in for: a real worker on a real broker sends, and neither keeps the link."""

import re
from collections.abc import Mapping
from email import message_from_string, policy
from pathlib import Path

import pytest

from example_project.servers import Server
from recovery.models import Email
from recovery.reasons import EmailKind, EmailState
from tests.asking import SITE, ask, browser, set_password
from tests.attacks.searching import broker, shapes_of, tables
from tests.factories import UserFactory
from tests.following import opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(19)]


@pytest.fixture(scope="module")
def letter_box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mail")


@pytest.fixture(scope="module")
def worker_environment(letter_box: Path) -> Mapping[str, str]:
    return {"EMAIL_URL": f"filemail:///{letter_box}"}  # the path begins after the third slash


def mailed(letter_box: Path) -> str:
    """The text of all mail that the worker wrote into its folder."""
    files = "".join(file.read_text() for file in sorted(letter_box.iterdir()))
    messages = [message_from_string(text, policy=policy.default) for text in files.split("-" * 79 + "\n")]
    bodies = [message.get_body(("plain",)) for message in messages if message.get("To")]
    return "\n".join(str(body.get_content()) for body in bodies if body)


def test_neither_the_workers_log_nor_the_broker_nor_a_row_holds_the_link(
    worker: Server, broker_url: str, letter_box: Path
) -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    sent = Email.objects.filter(state=EmailState.HANDED_OVER)
    worker.wait_until(sent.filter(kind=EmailKind.RESET).exists)
    [link] = re.findall(rf"{SITE}(/recovery/reset/\S+)", mailed(letter_box))
    client, form = opened(link)
    assert set_password(client, form).status_code == 302
    worker.wait_until(sent.filter(kind=EmailKind.PASSWORD_CHANGED).exists)
    found = {"log": worker.log, "broker": broker(broker_url), "tables": tables()}
    assert "recovery.fulfil_reset" in found["log"]
    shapes = shapes_of(link)
    assert [(place, shape) for place, text in found.items() for shape, secret in shapes.items() if secret in text] == []
