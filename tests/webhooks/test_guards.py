"""What anymail leaves open: tokens that go with any body, and bodies that are traps."""

import gzip
import json
import time
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.core.handlers.asgi import ASGIRequest
from django.test import Client
from django.urls import reverse

from recovery import webhooks
from recovery.models import Bounce, Email, EmailEvent, RawEvent, Suppression
from recovery.reasons import EmailState
from recovery.webhooks import bodies
from tests.webhooks import posts
from tests.webhooks.reported import body, hand_over, mailgun, signed, state_of, told

pytestmark = pytest.mark.django_db


@pytest.mark.attack(68)
@pytest.mark.parametrize("esp", ["mailgun"])
def test_mailguns_token_goes_with_one_body_only(esp: str, email: Email) -> None:
    hand_over(email, esp)
    at = time.time()  # of all of them: what was signed a second later is another body
    delivered = signed(mailgun(email, "delivered"), at=at)
    assert delivered.send().status_code == 200
    assert signed(mailgun(email, "bounced"), at=at).send().status_code == 400
    assert signed(mailgun(email, "delivered", recipient="somebody@reader.example"), at=at).send().status_code == 400
    assert (state_of(email), told(), RawEvent.objects.count()) == (EmailState.DELIVERED, 1, 1)
    assert not Bounce.objects.exists()
    for _ in range(3):  # the same delivery again is fine
        assert delivered.send().status_code == 200
    assert signed(mailgun(email, "bounced"), token="b" * 50).send().status_code == 200
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.attack(67, 68)
@pytest.mark.parametrize("esp", ["mailgun"])
@pytest.mark.parametrize(
    ("age", "status"), [(0, 200), (8 * 3600, 200), (13 * 3600, 400), (30 * 86400, 400), (-3600, 400)]
)
def test_mailguns_signature_is_believed_while_it_is_young(esp: str, email: Email, age: int, status: int) -> None:
    hand_over(email, esp)
    assert signed(mailgun(email), at=time.time() - age).send().status_code == status
    assert told() == (status == 200)


TRAPS = {
    "50 MB": (b'{"RecordType": "' + b"x" * 50_000_000 + b'"}', {}, 413),
    "100 000 deep": (b'{"RecordType": "Bounce", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}, 400),
    "gzip bomb": (gzip.compress(b" " * 50_000_000), {"Content-Encoding": "gzip"}, 415),
    "gzip without saying so": (gzip.compress(b"{}"), {}, 400),
    "NaN": (b'{"RecordType": "Bounce", "ID": NaN, "Email": "a@b.example"}', {}, 400),
    "Infinity": (b'{"RecordType": "Bounce", "ID": -Infinity, "Email": "a@b.example"}', {}, 400),
    "bad UTF-8": (b'{"RecordType": "Bounce", "Description": "\xff"}', {}, 400),
    "a huge number": (b'{"RecordType": "Bounce", "ID": ' + b"9" * 100_000 + b"}", {}, 400),
    "a list": (b'[{"RecordType": "Bounce"}]', {}, 400),
    "an address that is a list": (b'{"RecordType": "Bounce", "Email": ["a@b.example"], "ID": 1}', {}, 400),
    "a length that is none": (b"{}", {"Content-Length": "-1"}, 400),
}
READ = {"a list", "an address that is a list"}  # JSON, if no event of Postmark's: set aside


@pytest.mark.attack(76)
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("esp", ["postmark"])
def test_a_body_that_is_a_trap_is_refused_and_nothing_of_it_counts(
    esp: str, trap: str, caplog: pytest.LogCaptureFixture
) -> None:
    content, headers, status = TRAPS[trap]
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    url = reverse("recovery:webhook", args=[esp])
    headers = headers | posts.basic(posts.BASIC)
    length = {"CONTENT_LENGTH": headers.pop("Content-Length")} if "Content-Length" in headers else {}
    answer: Any = client.generic("POST", url, content, "application/json", headers=headers, **length)
    assert answer.status_code == status
    assert answer.content == b""
    assert EmailEvent.objects.count() == RawEvent.objects.filter(error="").count() == 0
    assert RawEvent.objects.count() == (trap in READ)
    assert not [record for record in caplog.records if record.exc_info and "recovery" in record.name]


@pytest.mark.attack(76)
def test_what_does_not_say_how_large_it_is_is_read_up_to_a_size() -> None:
    """In pieces, as a server of ASGI hands it on."""
    password = posts.basic(posts.BASIC)["Authorization"].encode()
    headers = [(b"authorization", password), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    file = BytesIO(b" " * (bodies.MOST_BYTES + 100))
    assert webhooks.webhook(ASGIRequest(scope, file), "postmark").status_code == 413
    assert file.tell() == bodies.MOST_BYTES + 1


@pytest.mark.attack(76)
@pytest.mark.parametrize("esp", ["postmark"])
def test_what_says_that_it_is_too_large_is_not_read(esp: str) -> None:
    """Memory stays flat: not a byte is taken."""

    class Unread:
        def read(self, *args: Any) -> bytes:
            raise AssertionError("read")

        readline = read

    client: Any = Client()
    answer = client.request(
        REQUEST_METHOD="POST",
        PATH_INFO=reverse("recovery:webhook", args=[esp]),
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH=str(bodies.MOST_BYTES + 1),
        HTTP_AUTHORIZATION=posts.basic(posts.BASIC)["Authorization"],
        **{"wsgi.input": Unread()},
    )
    assert answer.status_code == 413


@pytest.mark.attack(76)
@pytest.mark.parametrize("esp", ["postmark"])
def test_a_text_that_merely_says_nan_is_read(esp: str, email: Email) -> None:
    content = json.loads(body(esp, "bounced", email)) | {"Description": "NaN bread, Infinity pool"}
    assert posts.post(esp, json.dumps(content)).send().status_code == 200
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.attack(70)
@pytest.mark.parametrize("esp", ["postmark"])
def test_a_forged_bounce_of_a_live_person_stops_nothing(esp: str, email: Email) -> None:
    """Rightly signed, for an address that we mail, about a mail that we never sent."""
    content = json.loads(body(esp, "bounced", email))
    content |= {"MessageID": "never-sent", "Metadata": {}}
    assert posts.post(esp, json.dumps(content)).send().status_code == 200
    [event] = EmailEvent.objects.filter(esp=esp)
    assert event.email is None
    assert not Suppression.objects.exists()
    assert state_of(email) == EmailState.QUEUED


@pytest.mark.parametrize("esp", ["mailgun"])
def test_the_clock_of_the_payload_is_what_freshness_is_judged_by(esp: str, email: Email) -> None:
    hand_over(email, esp)
    with time_machine.travel(datetime(2020, 1, 1, tzinfo=UTC)):
        assert signed(mailgun(email), at=datetime(2020, 1, 1, tzinfo=UTC).timestamp()).send().status_code == 200
