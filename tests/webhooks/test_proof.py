"""Who is heard at a provider's webhook: whoever proves the secret that the site has, and nobody else."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from recovery import webhooks
from recovery.models import Email
from recovery.reasons import EmailState
from tests.webhooks import posts
from tests.webhooks.reported import KEYED, PROVIDERS, RECIPIENT, SNS, body, hand_over, state_of, told

pytestmark = pytest.mark.django_db
BY_KEY_ALONE = sorted(esp for esp, provider in webhooks.PROVIDERS.items() if provider.needs_key)
COVERING_THE_BODY = sorted({*KEYED} - {"mailgun"})  # Mailgun signs a time and a token, not what it says


@pytest.mark.attack(65)
@pytest.mark.parametrize("esp", PROVIDERS)
def test_nobody_without_proof_is_heard(esp: str, email: Email) -> None:
    hand_over(email, esp)
    post = posts.unsigned(posts.post(esp, body(esp, "bounced", email)))
    assert_refused(post, email)


@pytest.mark.parametrize("esp", PROVIDERS)
def test_a_wrong_secret_is_refused(esp: str, email: Email) -> None:
    hand_over(email, esp)
    assert_refused(posts.post(esp, body(esp, "bounced", email), posts.secret_of(esp).wrong), email)


@pytest.mark.parametrize("esp", PROVIDERS)
def test_the_proof_of_another_provider_is_refused(esp: str, email: Email, settings: Any) -> None:
    hand_over(email, esp)
    settings.ANYMAIL = {secret.setting: secret.value for secret in posts.SECRETS.values()}
    settings.ANYMAIL |= {"WEBHOOK_SECRET": posts.BASIC}
    for other in {*KEYED, "postmark"} if esp in KEYED else {*KEYED}:
        if other != esp:
            post = posts.unsigned(posts.post(esp, body(esp, "bounced", email)))
            post.headers |= posts.post(other, body(other, "bounced", email)).headers
            assert_refused(post, email)


@pytest.mark.attack(66)
@pytest.mark.parametrize("esp", COVERING_THE_BODY)
def test_one_changed_character_breaks_the_signature(esp: str, email: Email) -> None:
    hand_over(email, esp)
    post = posts.post(esp, body(esp, "bounced", email))
    post.body = post.body.replace(b"reader.example", b"reader.examplf", 1)
    assert_refused(post, email)


def assert_refused(post: posts.Post, email: Email) -> None:
    before = state_of(email)
    assert post.send().status_code in {400, 401, 403}
    assert told() == 0
    assert state_of(email) == before


@pytest.mark.attack(65)
@pytest.mark.parametrize("unset", [{}, "", None, []])
@pytest.mark.parametrize("esp", PROVIDERS)
def test_without_a_secret_nobody_is_heard(
    esp: str, unset: Any, email: Email, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    name = posts.secret_of(esp).setting
    settings.ANYMAIL = {} if unset == {} else {name: unset, "WEBHOOK_SECRET": unset}
    empty = "whsec_" if esp == "resend" else ""
    post = posts.post(esp, body(esp, "bounced", email), None if esp in {"postal", "sendgrid"} else empty)
    with caplog.at_level(logging.ERROR, "recovery.webhooks"):
        assert_refused(post, email)
    assert name in caplog.text
    assert webhooks.missing_secret(esp) == name


@pytest.mark.parametrize("nothing", ["None", ":", "password without a user", ["", "None"]])
def test_a_shared_secret_that_proves_nothing_is_none(nothing: Any, email: Email, settings: Any) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": nothing}
    assert webhooks.missing_secret("postmark") == "WEBHOOK_SECRET"
    assert_refused(posts.unsigned(posts.post("postmark", body("postmark", "bounced", email))), email)


@pytest.mark.parametrize("esp", BY_KEY_ALONE)
def test_the_shared_secret_does_not_replace_a_key_that_the_provider_needs(
    esp: str, email: Email, settings: Any
) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": posts.BASIC}
    assert webhooks.missing_secret(esp) == posts.secret_of(esp).setting
    post = posts.post(esp, body(esp, "bounced", email), None if esp == "postal" else "")  # anybody can sign with ""
    post.headers |= posts.basic(posts.BASIC)
    assert_refused(post, email)


@pytest.mark.parametrize("esp", sorted({*KEYED} - {*BY_KEY_ALONE}))
def test_the_shared_secret_will_do_where_a_key_is_left_empty(esp: str, email: Email, settings: Any) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": posts.BASIC, posts.secret_of(esp).setting: ""}
    post = posts.unsigned(posts.post(esp, body(esp, "bounced", email)))
    post.headers = posts.basic(posts.BASIC)
    assert post.send().status_code == 200
    assert state_of(email) == EmailState.BOUNCED


def test_mailguns_older_key_counts_where_the_newer_is_not_set(email: Email, settings: Any) -> None:
    settings.ANYMAIL = {"MAILGUN_API_KEY": "mailgun key"}
    assert posts.post("mailgun", body("mailgun", "bounced", email)).send().status_code == 200
    settings.ANYMAIL = {"MAILGUN_API_KEY": "mailgun key", "MAILGUN_WEBHOOK_SIGNING_KEY": ""}
    assert webhooks.missing_secret("mailgun") == "MAILGUN_WEBHOOK_SIGNING_KEY"


@pytest.mark.parametrize("esp", ["amazon_ses"])
def test_amazon_is_asked_for_the_password_before_it_sends_it(esp: str) -> None:
    response = posts.unsigned(posts.post(esp, json.dumps(SNS))).send()
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Basic realm="Anymail WEBHOOK_SECRET"')


@pytest.mark.parametrize("esp", PROVIDERS)
def test_no_log_line_repeats_a_secret_or_an_address(
    esp: str, email: Email, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ANYMAIL |= {"WEBHOOK_SECRET": posts.BASIC}
    post = posts.post(esp, body(esp, "bounced", email), posts.secret_of(esp).wrong)
    post.headers |= posts.basic(posts.BASIC) if esp in KEYED else {}
    with caplog.at_level(logging.DEBUG):
        assert post.send().status_code == 400
    for private in (posts.BASIC, str(posts.secret_of(esp).value), RECIPIENT):
        assert private not in caplog.text


def test_no_view_of_a_provider_is_loaded_before_it_posts() -> None:
    """Those of all providers would take every worker and command of a site longer than the rest of the app."""
    sources = {path.name: path.read_text() for path in Path(webhooks.__file__).parent.glob("*.py")}
    top = re.compile(r"^(?:from anymail\.webhooks(?!\.base\b)|import anymail\.webhooks|import boto)", re.MULTILINE)
    assert [name for name, source in sources.items() if top.search(source)] == []
