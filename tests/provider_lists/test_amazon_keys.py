"""Whence the keys for Amazon's list come: the settings, else wherever boto3 finds them for the mail itself."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recovery import provider_lists
from recovery.provider_lists import calling
from tests.provider_lists import standins
from tests.provider_lists.standins import KEY, AmazonSES, Answer, Ask, StandIn

ADA = "ada+x@reader.example"
REGION = "eu-west-1"
EXPLICIT = {"aws_access_key_id": "AKID", "aws_secret_access_key": KEY, "region_name": REGION}
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": KEY, "AWS_DEFAULT_REGION": REGION}


class Role(StandIn):
    """What tells a container its role's keys, on the machine itself ("Container credential provider")."""

    esp = ""

    def is_proven(self, ask: Ask) -> bool:
        return True

    def answer_proven(self, ask: Ask) -> Answer:
        ends = datetime.now(UTC) + timedelta(hours=1)
        keys = {"AccessKeyId": "AKID", "SecretAccessKey": KEY, "Token": "the role's token"}
        return 200, {**keys, "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}


@pytest.fixture(autouse=True)
def nothing_to_find(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever this machine has, and no question to the network."""
    for name in (*ENVIRONMENT, "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(calling, "LONGEST_PAUSE", 0.01)


@pytest.fixture
def amazon(settings: Any) -> Iterator[AmazonSES]:
    with standins.listening(AmazonSES()) as standin:
        assert isinstance(standin, AmazonSES)
        standin.held[ADA] = {"BOUNCE": "no such user"}
        backend = "anymail.backends.amazon_ses.EmailBackend"
        settings.RECOVERY = settings.RECOVERY | {"ROUTES": [{"NAME": "main", "BACKEND": backend}]}
        settings.ANYMAIL = {"AMAZON_SES_CLIENT_PARAMS": {"endpoint_url": standin.url}}
        yield standin


def params(settings: Any, **more: Any) -> None:
    given = settings.ANYMAIL["AMAZON_SES_CLIENT_PARAMS"]
    settings.ANYMAIL = {**settings.ANYMAIL, "AMAZON_SES_CLIENT_PARAMS": {**given, **more}}


def shown() -> str:
    """What is found against her, or why nobody knows."""
    [looked] = provider_lists.show(ADA)
    return looked.unknown or ", ".join(entry.why for entry in looked.entries)


def given(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def without_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("boto3", "boto3.session"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "anymail.backends.amazon_ses", raising=False)


def test_keys_of_the_environment_will_do(amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, ENVIRONMENT)
    assert shown() == "BOUNCE"
    assert "x-amz-security-token" not in amazon.asked[0].headers


def test_a_token_that_goes_with_them_is_signed_as_well(amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, ENVIRONMENT | {"AWS_SESSION_TOKEN": "a token"})
    assert shown() == "BOUNCE"
    [ask] = amazon.asked
    assert ask.headers["x-amz-security-token"] == "a token"
    assert "x-amz-security-token" in ask.headers["authorization"]


def test_a_profile_that_the_settings_name_is_looked_up(
    amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text(f"[mail]\naws_access_key_id = AKID\naws_secret_access_key = {KEY}\n")
    (tmp_path / "config").write_text(f"[profile mail]\nregion = {REGION}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    settings.ANYMAIL = {**settings.ANYMAIL, "AMAZON_SES_SESSION_PARAMS": {"profile_name": "mail"}}
    assert shown() == "BOUNCE"


def test_a_role_of_the_machine_will_do(amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch) -> None:
    with standins.listening(Role()) as role:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{role.url}/keys")
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        assert shown() == "BOUNCE"
    assert amazon.asked[0].headers["x-amz-security-token"] == "the role's token"


def test_keys_in_the_settings_come_first(amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    params(settings, **EXPLICIT)
    given(monkeypatch, {"AWS_ACCESS_KEY_ID": "another", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "token"})
    assert shown() == "BOUNCE"
    assert "x-amz-security-token" not in amazon.asked[0].headers


def test_and_need_no_region_beside_them_where_the_environment_has_one(
    amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    params(settings, aws_access_key_id="AKID", aws_secret_access_key=KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    assert shown() == "BOUNCE"


def test_and_no_boto3(amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    without_boto3(monkeypatch)
    params(settings, **EXPLICIT)
    assert shown() == "BOUNCE"


def test_without_both_it_is_said_what_to_do(amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, ENVIRONMENT)
    without_boto3(monkeypatch)
    assert "AMAZON_SES_CLIENT_PARAMS" in shown()
    assert "pip install" in shown()
    assert amazon.asked == []


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "boto3 finds no access key"),
        ({"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": KEY}, "boto3 finds no region"),
        ({"AWS_PROFILE": "nobody's"}, "boto3 finds no access key: ProfileNotFound"),
        ({"AWS_ACCESS_KEY_ID": "AKID"}, "boto3 finds no access key: PartialCredentialsError"),
    ],
    ids=["nothing", "no region", "no such profile", "half a key"],
)
def test_where_boto3_finds_none_that_is_said(
    environment: dict[str, str], said: str, amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, environment)
    assert shown() == said
    assert amazon.asked == []


def test_half_a_key_in_the_settings_is_none(amazon: AmazonSES, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    given(monkeypatch, ENVIRONMENT)
    params(settings, aws_access_key_id="half")
    assert shown() == "boto3 finds no access key"
    assert amazon.asked == []
