"""Whose report it is: an address counts where it stands whole, in whatever way it is written."""

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from django.utils import timezone

from recovery import feedback, privacy
from recovery.feedback import Report
from recovery.models import EmailEvent, RawEvent
from recovery.privacy.mentions import named_in
from tests.factories import UserFactory
from tests.privacy.life import erased

ANN = "Ann@x.example"
PLUS = "ann+news@x.example"

NAMING = {
    "alone": "ann@x.example",
    "other case": "550 5.1.1 <ANN@X.EXAMPLE>... User unknown",
    "end of a sentence": "No such user: ann@x.example.",
    "JSON": json.dumps({"Email": "ann@x.example"}),
    "JSON in JSON": json.dumps({"Message": json.dumps({"to": ["Ann <ann@x.example>"]})}),
    "JSON with all escaped": '{"to":"\\u0061nn\\u0040x.example"}',
    "after a line break of JSON": '"To:\\nann@x.example"',
    "a form": f"event=bounced&recipient={quote('ann@x.example', safe='')}&code=550",
    "a form that escapes little": "event=bounced&recipient=ann@x.example&code=550",
    "a path": "/suppressions/ann@x.example/",
    "HTML": "<p>Not delivered to &lt;ann&#64;x.example&gt;</p>",
    "a mail": "<a href=3D\"mailto:ann=40x.example\">",
    "a mail's broken line": "Final-Recipient: ann@x.exa=\r\nmple",
    "a delivery notice": "Original-Recipient: rfc822;ann+40x.example",
    "a quoted local part": 'to <"ann"@x.example>: rejected',
    "single quotes": "unknown user 'ann@x.example'",
    "full-width letters": "ａｎｎ@x.example",
    "a return path": "bounces+ann=x.example@sender.example",
}  # fmt: skip
OTHERS = {
    "longer before": "joann@x.example",
    "a dot before": "jo.ann@x.example",
    "a hyphen before": "jo-ann@x.example",
    "a tag before": "jo+ann@x.example",
    "an apostrophe before": "o'ann@x.example",
    "a letter before": "éann@x.example",
    "a tag": "ann+news@x.example",
    "longer behind": "ann@x.examples",
    "a country behind": "ann@x.example.uk",
    "a hyphen behind": "ann@x.example-mail.example",
    "a domain above": "ann@mx.x.example",
    "a domain below": "ann@example",
    "another's return path": "bounces+jo+ann=x.example@sender.example",
    "no dot": "ann@xqexample",
    "a form of another": f"recipient={quote_plus('jo+ann@x.example')}",
    "JSON of another": json.dumps({"Message": json.dumps({"to": ["o'ann@x.example"]})}),
}


@pytest.mark.parametrize("text", NAMING.values(), ids=NAMING.keys())
def test_an_address_is_found_however_it_is_written(text: str) -> None:
    assert named_in(text, [ANN])


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_one_that_only_holds_it_is_anothers(text: str) -> None:
    assert not named_in(text, [ANN])


@pytest.mark.parametrize("address", [PLUS, "jürgen@bücher.example", 'o"neill@x.example', "a/b=c@x.example"])
def test_letters_that_are_escaped_are_found_too(address: str) -> None:
    ways = (
        address, address.upper(), json.dumps(address), json.dumps({"m": json.dumps(address)}), quote(address),
        quote_plus(address).lower(), f"<{address.encode('idna').decode() if address.isascii() else address}>",
    )  # fmt: skip
    for text in ways:
        assert named_in(f"to={text}", [address]), text


def test_a_domain_is_found_as_the_dns_writes_it() -> None:
    assert named_in("<ann@xn--bcher-kva.example>", ["ann@bücher.example"])


@pytest.mark.django_db(transaction=True)
def test_an_erasure_takes_and_a_file_shows_the_persons_own_reports_alone() -> None:
    ann, joann = (UserFactory.create(username=name, email=f"{name}@x.example") for name in ("ann", "joann"))
    for user in (ann, joann):
        told(f"550 5.1.1 {user.email.upper()}: unknown", f"no mail of {user.username}'s")
        for form in (json.dumps({"Email": user.email}), f"recipient={quote(user.email, safe='')}"):
            RawEvent.objects.create(esp="postmark", content=form, error="KeyError: 'MessageID'")
    file = privacy.export(privacy.of_user(ann))["held"]["reports"]
    assert len(file) == 3
    assert "joann" not in json.dumps(file).casefold()
    assert erased(ann) == {"reports": 3}
    assert len(privacy.export(privacy.of_user(joann))["held"]["reports"]) == 3
    assert EmailEvent.objects.count() + RawEvent.objects.count() == 3


def told(detail: str, event_id: str) -> Any:
    facts = {"event_id": event_id, "recipient": "", "esp": "postmark", "occurred_at": timezone.now()}
    return feedback.ingest([Report(kind="bounced", detail=detail, **facts)])
