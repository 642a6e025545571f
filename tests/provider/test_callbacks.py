"""How the provider posts its webhooks: again until they are taken, unchanged, and not to whom it may not."""

import time

from example_project import provider as providers
from example_project.provider import Provider
from tests.provider.conftest import SECRET, Receiver, backend, mail, wait_until


def test_webhooks_are_repeated_unchanged_until_they_are_taken(provider: Provider, receiver: Receiver) -> None:
    receiver.answers = [500, 503]
    backend(provider).send_messages([mail("bounce+hard@example.org")])
    bodies = receiver.wait(3)
    assert bodies[0] == bodies[1] == bodies[2]
    wait_until(lambda: provider.ledger.messages[0].events[0].answer == 200)
    assert [event.tries for event in provider.ledger.messages[0].events] == [3]


def test_webhooks_wait_for_a_site_that_is_not_up_yet(receiver: Receiver) -> None:
    provider = providers.start(webhook_url="http://127.0.0.1:1/", secret=SECRET, pace=0.02)
    backend(provider).send_messages([mail("ada@example.org")])
    wait_until(lambda: provider.ledger.messages[0].events and provider.ledger.messages[0].events[0].tries)
    provider.webhook_url = receiver.url
    assert receiver.wait(1)[0]["RecordType"] == "Delivery"
    provider.stop()


def test_a_site_that_forbids_a_webhook_is_not_asked_again(provider: Provider, receiver: Receiver) -> None:
    receiver.answers = [403]
    backend(provider).send_messages([mail("ada@example.org")])
    receiver.wait(1)
    time.sleep(0.4)
    assert len(receiver.bodies) == 1


def test_without_webhooks_nobody_is_told(receiver: Receiver) -> None:
    provider = providers.start(webhook_url=receiver.url, secret=SECRET, webhooks=False, pace=0.02)
    backend(provider).send_messages([mail("ada@example.org")])
    wait_until(lambda: provider.ledger.messages[0].events)
    time.sleep(0.1)
    assert receiver.bodies == []
    provider.stop()
