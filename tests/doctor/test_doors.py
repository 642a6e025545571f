"""Webhooks as they are seen from outside: ours or somebody's in front of it, and the secret of the settings."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from django.urls import reverse

from recovery import webhooks
from recovery.doctor import Symptom
from recovery.models import EmailEvent, Heartbeat, RawEvent
from recovery.reasons import Examined, Judgement
from tests.doctor.examined import found, judged
from tests.webhooks import posts

pytestmark = pytest.mark.django_db(transaction=True)

OK, PROBLEM, UNKNOWN = Judgement.OK, Judgement.PROBLEM, Judgement.UNKNOWN
TRIED = ("brevo", "mailersend", "mailjet", "mailtrap", "postmark", "sparkpost")
NOT_TRIED = tuple(sorted({*webhooks.PROVIDERS} - {*TRIED}))


def knocked(settings: Any, url: str, esp: str = "postmark", **anymail: Any) -> Symptom:
    settings.RECOVERY = {**settings.RECOVERY, "BASE_URL": url, "WEBHOOKS": {esp: {}}}
    settings.ANYMAIL = {**posts.anymail(esp), **anymail}
    [door] = found(Examined.WEBHOOKS)
    return door


@pytest.fixture
def proofs() -> list[str]:
    """Headers with a proof that came to what stands in front."""
    return []


@pytest.fixture
def in_front(proofs: list[str]) -> Iterator[Callable[[int], str]]:
    """Something that answers every post with this status, and none of ours."""

    class Answers(BaseHTTPRequestHandler):
        status = 403

        def do_POST(self) -> None:
            proofs.extend(name for name in ("Authorization", "Signature") if name in self.headers)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(self.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    def answering(status: int) -> str:
        Answers.status = status
        return f"http://127.0.0.1:{server.server_port}"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield answering
    server.shutdown()
    server.server_close()


def test_a_webhook_is_knocked_at_from_outside_and_must_refuse(settings: Any, live_server: Any) -> None:
    door = knocked(settings, live_server.url)
    assert door.judgement == OK
    assert reverse("recovery:webhook", args=["postmark"]) in door.said
    door = knocked(settings, f"{live_server.url}/elsewhere")
    assert (door.judgement, "404" in door.said) == (PROBLEM, True)
    settings.RECOVERY = {**settings.RECOVERY, "BASE_URL": "http://127.0.0.1:1"}
    assert judged(Examined.WEBHOOKS) == {UNKNOWN}


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 500])
def test_what_answers_in_front_of_the_site_is_no_door_of_ours(
    settings: Any, in_front: Callable[[int], str], status: int
) -> None:
    door = knocked(settings, in_front(status))
    assert (door.judgement, str(status) in door.said) == (PROBLEM, True)
    assert door.what_next


def test_a_host_that_django_refuses_is_told(settings: Any, live_server: Any) -> None:
    settings.ALLOWED_HOSTS = ["www.example.org"]
    door = knocked(settings, live_server.url)
    assert (door.judgement, "ALLOWED_HOSTS" in door.what_next) == (PROBLEM, True)


@pytest.mark.parametrize("esp", TRIED)
def test_the_secret_of_the_settings_is_tried_and_nothing_is_stored(settings: Any, live_server: Any, esp: str) -> None:
    door = knocked(settings, live_server.url, esp)
    assert (door.judgement, "takes what the secret" in door.said) == (OK, True)
    assert not RawEvent.objects.exists()
    assert not EmailEvent.objects.exists()
    assert not Heartbeat.objects.exists()


def test_a_password_of_this_machine_does_not_stand_in_the_place_of_the_proof(
    settings: Any, live_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (netrc := tmp_path / "netrc").write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert knocked(settings, live_server.url).judgement == OK


@pytest.mark.parametrize("esp", NOT_TRIED)
def test_where_the_scheme_lets_nobody_else_sign_the_secret_is_not_said_to_work(
    settings: Any, live_server: Any, esp: str
) -> None:
    door = knocked(settings, live_server.url, esp)
    assert (door.judgement, "takes what the secret" in door.said) == (OK, False)


@pytest.mark.parametrize("esp", ["postmark", "mailersend"])
def test_a_proof_that_does_not_come_through_is_told(
    settings: Any, live_server: Any, monkeypatch: pytest.MonkeyPatch, esp: str
) -> None:
    """As a proxy takes it off, which has the name and password of its own."""
    whole = requests.post

    def without(*args: Any, headers: Any = None, **more: Any) -> requests.Response:
        kept = {name: value for name, value in (headers or {}).items() if name not in ("Authorization", "Signature")}
        return whole(*args, headers=kept, **more)

    monkeypatch.setattr(requests, "post", without)
    door = knocked(settings, live_server.url, esp)
    assert (door.judgement, "refuses what the secret" in door.said) == (PROBLEM, True)


@pytest.mark.parametrize("esp", ["postmark", "mailersend"])
def test_what_refuses_and_is_not_ours_is_shown_no_proof(
    settings: Any, in_front: Callable[[int], str], proofs: list[str], esp: str
) -> None:
    knocked(settings, in_front(401), esp)
    assert proofs == []
