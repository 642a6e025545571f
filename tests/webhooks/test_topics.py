"""Amazon's notices: only of topics that are listed, rightly signed, by a certificate that nobody else chooses."""

import base64
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from urllib3.exceptions import DecodeError, ProtocolError

from recovery.models import Email
from recovery.reasons import EmailState
from recovery.webhooks import topics
from tests.webhooks import posts
from tests.webhooks.reported import SNS, body, hand_over, state_of, told

pytestmark = pytest.mark.django_db
TOPIC = "arn:aws:sns:us-east-1:123456789012:SES_Events"
CERTIFICATE = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


def notice(email: Email, topic: str = TOPIC, kind: str = "Notification", **more: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(body("amazon_ses", "bounced", email))
    content["Message"] = content["Message"] if isinstance(content["Message"], str) else json.dumps(content["Message"])
    return content | {"TopicArn": topic, "Type": kind} | more


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Amazon's, whose certificate is where Amazon has it."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    certificate = certificate.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=9))
    pem = certificate.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    class Answer:
        status_code = 200

        class raw:  # noqa: N801 - named by requests
            @staticmethod
            def read(*args: Any, **kwargs: Any) -> bytes:
                return pem

    monkeypatch.setattr(topics.requests, "get", lambda url, **kwargs: Answer)
    _forget()
    yield private
    _forget()


def _forget() -> None:
    topics._keys.clear()
    topics._failed.clear()


def sign(content: dict[str, Any], private: Any, version: str = "1") -> dict[str, Any]:
    order = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    names = [name for name in order if name in content]
    text = "".join(f"{name}\n{content[name]}\n" for name in names).encode()
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = base64.b64encode(private.sign(text, padding.PKCS1v15(), digest)).decode()
    return content | {"Signature": signature, "SignatureVersion": version, "SigningCertURL": CERTIFICATE}


def send(content: dict[str, Any]) -> int:
    return int(posts.post("amazon_ses", json.dumps(content)).send().status_code)


@pytest.fixture
def listed(settings: Any) -> None:
    settings.RECOVERY = settings.RECOVERY | {"WEBHOOKS": {"amazon_ses": {"TOPICS": [TOPIC]}}}


@pytest.mark.attack(69)
@pytest.mark.parametrize("esp", ["amazon_ses"])
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.usefixtures("listed")
def test_only_what_amazon_signed_for_a_listed_topic_is_heard(esp: str, version: str, email: Email, key: Any) -> None:
    hand_over(email, esp)
    content = {name: value for name, value in notice(email).items() if not name.startswith("Sign")}
    right = sign(content, key, version)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    foreign = sign(content | {"TopicArn": TOPIC + "2"}, key, version)
    swapped = right | {"Message": right["Message"].replace("Permanent", "Transient")}
    for forged in (foreign, swapped, sign(content, other, version), content):
        assert send(forged) == 400
    assert told() == 0
    assert send(right) == 200
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.attack(69)
@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("esp", ["amazon_ses"])
@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/x/../SimpleNotificationService-0123456789abcdef.pem",
        f"{CERTIFICATE}?x=.pem",
        f"{CERTIFICATE}\n",
    ],
)
def test_a_certificate_from_elsewhere_is_not_even_fetched(
    esp: str, url: str, email: Email, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(topics.requests, "get", lambda url, **kwargs: fetched.append(url))
    content = {name: value for name, value in notice(email).items() if not name.startswith("Sign")}
    assert send(sign(content, key) | {"SigningCertURL": url}) == 400
    assert fetched == []


@pytest.mark.attack(69)
@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_nobody_without_the_password_makes_us_fetch_a_certificate(
    esp: str, email: Email, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(topics.requests, "get", lambda url, **kwargs: fetched.append(url))
    post = posts.post(esp, json.dumps(sign(notice(email), key)), "provider:another")
    assert post.send().status_code == 400
    assert posts.unsigned(post).send().status_code == 401
    assert fetched == []


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("error", [ProtocolError("it broke off"), DecodeError("no gzip"), TimeoutError()])
@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_a_certificate_that_breaks_off_is_no_fault_of_the_notice(
    esp: str, error: Exception, email: Email, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*args: Any, **kwargs: Any) -> bytes:
        raise error

    answer = SimpleNamespace(status_code=200, raw=SimpleNamespace(read=breaks))
    monkeypatch.setattr(topics.requests, "get", lambda url, **kwargs: answer)
    assert send(sign(notice(email), key)) == 503  # to be told again


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("status", [None, 200, 404, 503])  # 200: with nothing in it
@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_a_certificate_that_could_not_be_fetched_is_asked_for_again_in_a_minute(
    esp: str, status: int | None, email: Email, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over(email, esp)
    asked: list[str] = []
    now, works = 1000.0, topics.requests.get
    monkeypatch.setattr(topics, "time", SimpleNamespace(monotonic=lambda: now))

    def fails(url: str, **kwargs: Any) -> Any:
        asked.append(url)
        if status is None:
            raise ConnectionError("no way there")
        return SimpleNamespace(status_code=status, raw=SimpleNamespace(read=lambda *args, **kwargs: b""))

    monkeypatch.setattr(topics.requests, "get", fails)
    right = sign(notice(email), key)
    other = CERTIFICATE.replace("us-east-1", "eu-west-1")
    for _ in range(3):
        assert send(right) == 503
    assert asked == [CERTIFICATE]
    assert send(right | {"SigningCertURL": other}) == 503
    assert asked == [CERTIFICATE, other], "one address says nothing of another"
    now += topics.QUIET
    assert send(right) == 503
    assert asked == [CERTIFICATE, other, CERTIFICATE]
    monkeypatch.setattr(topics.requests, "get", works)
    assert send(right) == 503
    now += topics.QUIET
    assert send(right) == 200
    assert state_of(email) == EmailState.BOUNCED


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_of_two_fetches_at_once_the_one_that_fails_costs_no_notice(
    esp: str, email: Email, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over(email, esp)
    right, works, answers = sign(notice(email), key), topics.requests.get, list[int]()

    def breaks_while_another_works(url: str, **kwargs: Any) -> Any:
        monkeypatch.setattr(topics.requests, "get", works)
        answers.append(send(right))
        raise ConnectionError("no way there")

    monkeypatch.setattr(topics.requests, "get", breaks_while_another_works)
    answers.append(send(right))
    monkeypatch.setattr(topics.requests, "get", None)
    answers.append(send(right))
    assert answers == [200, 200, 200]
    topics._failed[CERTIFICATE] = topics.time.monotonic() + topics.QUIET  # as a fetch of long ago may end
    assert send(right) == 200


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_only_so_many_certificates_are_remembered(esp: str, email: Email, key: Any) -> None:
    for number in range(topics.MOST_KEYS + 2):
        right = sign(notice(email), key) | {"SigningCertURL": CERTIFICATE.replace("east-1", f"east-{number}")}
        assert send(right) == 200
        assert 0 < len(topics._keys) <= topics.MOST_KEYS


@pytest.mark.attack(69)
@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_a_topic_is_confirmed_only_if_it_is_listed(
    esp: str, key: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anymail.webhooks.amazon_ses.boto3", None)
    content = SNS | {"Type": "SubscriptionConfirmation", "TopicArn": TOPIC, "Token": "t", "Timestamp": "now"}
    content |= {"SubscribeURL": "https://sns.us-east-1.amazonaws.com/"}
    assert send(sign(content, key)) == 400
    settings.RECOVERY = settings.RECOVERY | {"WEBHOOKS": {"amazon_ses": {"TOPICS": [TOPIC]}}}
    assert send(sign(content | {"TopicArn": TOPIC + "2"}, key)) == 400
    assert send(sign(content, key)) == 503  # heard; there is no boto3 that could confirm it
