"""How the provider posts its webhooks: again until they are taken, unchanged, and not to whom it may not."""

from example_project import provider as providers
from example_project.provider import Provider
from tests.provider.conftest import SECRET, Receiver, backend, mail, wait_until


def test_webhooks_are_repeated_unchanged_until_they_are_taken(provider: Provider, receiver: Receiver) -> None:
    receiver.answers = [500, 503]
    backend(provider).send_messages([mail("bounce+hard@example.org")])
    first, second, third = receiver.all_from(provider)
    assert first == second == third
    assert provider.ledger.messages[0].events[0].answer == 200
    assert [event.tries for event in provider.ledger.messages[0].events] == [3]


def test_webhooks_wait_for_a_site_that_is_not_up_yet(receiver: Receiver) -> None:
    provider = providers.start(webhook_url="http://127.0.0.1:1/", secret=SECRET, pace=0.02)
    backend(provider).send_messages([mail("ada@example.org")])
    wait_until(lambda: provider.ledger.messages[0].events and provider.ledger.messages[0].events[0].tries)
    provider.webhook_url = receiver.url
    [told] = receiver.all_from(provider)
    assert told["RecordType"] == "Delivery"
    provider.stop()


def test_a_site_that_forbids_a_webhook_is_not_asked_again(provider: Provider, receiver: Receiver) -> None:
    receiver.answers = [403]
    backend(provider).send_messages([mail("ada@example.org")])
    assert len(receiver.all_from(provider)) == 1


def test_without_webhooks_nobody_is_told(receiver: Receiver) -> None:
    provider = providers.start(webhook_url=receiver.url, secret=SECRET, webhooks=False, pace=0.02)
    backend(provider).send_messages([mail("ada@example.org")])
    assert receiver.all_from(provider) == []
    assert provider.ledger.messages[0].events
    provider.stop()
