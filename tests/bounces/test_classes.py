"""What evidence means: each kind in its order, every word of the tables, and the text rules by their own examples."""

from datetime import timedelta

import pytest
from django.utils import timezone

from recovery import bounces
from recovery.bounces import statuses, texts, words
from recovery.models import Bounce
from recovery.reasons import BounceClass, EventKind
from tests.bounces.judging import classified, verdict

HARD, SOFT, POLICY = BounceClass.HARD, BounceClass.SOFT, BounceClass.POLICY
UNDETERMINED, COMPLAINT = BounceClass.UNDETERMINED, BounceClass.COMPLAINT
ADA = "ada@example.org"


STATUSES = {
    HARD: "5.1.1 5.1.2 5.1.3 5.1.4 5.1.6 5.1.10 5.7.13 5.7.17 5.7.18",
    SOFT: "4.0.0 4.1.1 4.2.2 4.3.0 4.4.1 4.4.2 4.4.7 4.7.0 4.7.1 5.2.0 5.2.2 5.2.4 5.3.0 5.3.1 5.3.2 5.3.5 5.4.0 5.4.1 "
    "5.4.2 5.4.3 5.4.4 5.4.5 5.4.6 5.4.7 5.5.1 5.5.2 5.5.3 5.5.4 5.5.5 5.5.6 5.7.19",
    POLICY: "5.1.7 5.1.8 5.2.3 5.3.3 5.3.4 5.6.0 5.6.1 5.6.2 5.6.3 5.6.5 5.6.7 5.7.0 5.7.1 5.7.2 5.7.3 5.7.8 5.7.16 "
    "5.7.20 5.7.25 5.7.26 5.7.27 5.7.28 5.7.30 5.7.509",
    UNDETERMINED: "5.0.0 5.1.0 5.2.1 5.5.0 5.1.5 5.1.9 5.9.9",
}


@pytest.mark.parametrize(
    ("status", "meant"), [(status, meant) for meant, many in STATUSES.items() for status in many.split()]
)
def test_a_status_code_means_what_the_registry_says(status: str, meant: str) -> None:
    found = classified(status=status)
    assert found
    assert found.bounce_class == meant
    assert found.rule == ("none" if meant == UNDETERMINED else f"enhanced:{status}")


@pytest.mark.parametrize(
    ("code", "meant"),
    [(421, SOFT), (450, SOFT), (452, SOFT), (500, SOFT), (552, SOFT), (530, POLICY), (535, POLICY), (571, POLICY),
     (521, HARD), (556, HARD), (550, UNDETERMINED), (551, UNDETERMINED), (553, UNDETERMINED), (554, UNDETERMINED)],
)  # fmt: skip
def test_a_reply_code_means_what_it_mostly_means_and_550_means_nothing(code: int, meant: str) -> None:
    found = classified(code=code)
    assert found
    assert found.bounce_class == meant


def test_the_strongest_evidence_decides() -> None:
    says = {
        "status": ("5.1.1", (HARD, "enhanced:5.1.1")),
        "code": (552, (SOFT, "smtp:552")),
        "provider_subtype": ("greylisted", (SOFT, "mailjet:blocked/greylisted")),
        "provider_type": ("blocked", (UNDETERMINED, "mailjet:blocked")),
        "reject_reason": ("invalid", (HARD, "reason:invalid")),
        "text": ("recipient rejected", (POLICY, "text:recipient_refused")),
    }
    for weakest in range(len(says)):
        facts = {name: value for name, (value, _) in list(says.items())[weakest:]}
        expected = list(says.values())[weakest][1]
        assert verdict(esp="mailjet", **{"provider_type": "blocked", **facts} if weakest == 2 else facts) == expected


def test_a_code_that_is_said_for_everything_has_its_text_read_before_the_providers_word() -> None:
    facts = {"esp": "postal", "provider_type": "hardfail"}
    assert verdict(**facts, text="550 Blocked by spamhaus") == (POLICY, "smtp:550+text:refused_for_us")
    assert verdict(**facts, text="550 5.0.0 mailbox is full") == (SOFT, "enhanced:5.0.0+text:mailbox_full")
    assert verdict(**facts, text="550 No") == (HARD, "postal:hardfail")
    assert verdict(**facts, text="550 5.7.1 No") == (POLICY, "enhanced:5.7.1")
    assert verdict(status="5.4.1", text="550 5.4.1 Recipient address rejected: Access denied. AS(201806281)") == (
        HARD,
        "enhanced:5.4.1+text:unknown_recipient",
    )


def test_what_a_server_replied_counts_before_what_a_relay_made_of_it() -> None:
    said = "smtp; 550 5.7.1 No, see http://example.org/5.1.1"
    assert verdict(status="5.1.1", text=said) == (POLICY, "enhanced:5.7.1")


def test_numbers_that_are_no_codes_are_not_read() -> None:
    for text in ("from 550.5.1.1.example", "host 5.1.1.4 refused", "version 4.5.5.1", "ticket 450123", "status 2.5.0"):
        assert not statuses.status_in(text), text
        assert not statuses.code_in(text), text
    assert statuses.status_in("550 5.0.0 no, 5.1.1 unknown") == "5.1.1"
    assert statuses.code_in("host mx said: 550-no 550 no") == 550


@pytest.mark.parametrize("rule", texts.RULES, ids=lambda rule: rule.name)
def test_every_text_rule_has_a_real_example_that_no_other_takes(rule: texts.TextRule) -> None:
    found = classified(text=rule.example)
    assert found
    assert (found.bounce_class, found.rule.rpartition("text:")[2]) == (rule.bounce_class, rule.name)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("550-Requested action not taken: mailbox unavailable 550 see https://postmaster.gmx.net/", HARD),
        ("554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [0]", HARD),
        ("550 RCPT (x@t-online.de) not found", HARD),
        ("User x (x@example.com) not listed in Domino Directory", HARD),
        ("Your message couldn't be delivered to x@gmail.com because the address couldn't be found", HARD),
        ("554 5.7.1 <x@example.com>: Recipient address rejected: user x does not exist", HARD),
        ("550 #5.1.0 Address rejected.", HARD),
        ("550 No mail box available for this user", HARD),
        ("550 BAD_RECIPIENT - see http://www.example.org/", HARD),
        ("550 no such user. No further delivery attempts will be made.", HARD),
        ("all relevant MX records point to non-existent hosts", HARD),
        ("Name service error for name=a.example type=MX: Host not found, try again", SOFT),
        ("554 STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", SOFT),
        ("connect to mx.example.com[192.0.2.1]:25: Connection timed out", SOFT),
        ("451 Temporary local problem - please try later", SOFT),
        ("550 5.2.1 The user you are trying to contact is disabled", SOFT),
        ("503 user unknown", HARD),
        ("501 Spam blocked", POLICY),
        ("501 5.5.4 Syntax error", SOFT),
        ("501 Syntax error", SOFT),
        ("550 SPF check failed", POLICY),
        ("550 Sender verify failed", POLICY),
        ("550 Unroutable sender address", POLICY),
        ("550 5.0.0 From: Domain is invalid. Please provide a valid From:", POLICY),
        ("550 backscatter protection detected an invalid address", POLICY),
        ("The recipient server did not accept our requests to connect.", SOFT),
        ("550 relay not permitted", POLICY),
        ("550 JunkMail rejected - host is in an RBL", POLICY),
        ("550 Error", UNDETERMINED),
        ("", UNDETERMINED),
    ],
)
def test_common_sentences_are_understood(text: str, meant: str) -> None:
    found = classified(text=text)
    assert found
    assert found.bounce_class == meant, found.rule


WORDS = [(esp, kind, "", meant) for esp, table in words.TYPES.items() for kind, meant in table.items()] + [
    (esp, "", special, meant) for esp, table in words.SUBTYPES.items() for special, meant in table.items()
]


@pytest.mark.parametrize(("esp", "kind", "special", "meant"), WORDS)
def test_a_providers_word_means_what_its_table_says(esp: str, kind: str, special: str, meant: str | None) -> None:
    found = classified(esp=esp, provider_type=kind, provider_subtype=special)
    assert (found.bounce_class if found else None) == meant


def test_hard_and_soft_are_told_apart_for_every_provider() -> None:
    for esp, table in words.TYPES.items():
        meant = set(table.values()) | set(words.SUBTYPES.get(esp, {}).values())
        assert {HARD, SOFT} <= meant, esp


def test_a_delay_is_never_hard() -> None:
    assert verdict(EventKind.DEFERRED, status="5.1.1") == (SOFT, "kind:deferred")
    assert verdict(EventKind.DEFERRED) == (SOFT, "kind:deferred")
    assert verdict(EventKind.DEFERRED, status="4.2.2") == (SOFT, "enhanced:4.2.2")
    assert verdict(EventKind.DEFERRED, status="5.7.1") == (POLICY, "enhanced:5.7.1")


def test_a_complaint_is_one_unless_the_providers_word_is_about_a_filter() -> None:
    assert verdict(EventKind.COMPLAINED, text="550 5.1.1 unknown") == (COMPLAINT, "kind:complained")
    assert verdict(EventKind.COMPLAINED, provider_type="spamcomplaint") == (COMPLAINT, "postmark:spamcomplaint")
    assert verdict(EventKind.COMPLAINED, provider_type="spamnotification") == (POLICY, "postmark:spamnotification")


def test_what_is_neither_failure_nor_complaint_is_nothing() -> None:
    failures = {EventKind.BOUNCED, EventKind.REJECTED, EventKind.FAILED, EventKind.DEFERRED, EventKind.COMPLAINED}
    for kind in set(EventKind) - failures:
        assert classified(kind, status="5.1.1", text="550 user unknown") is None, kind
    assert verdict(EventKind.UNKNOWN, provider_type="unknown") == (SOFT, "postmark:unknown")
    assert verdict(EventKind.BOUNCED, provider_type="autoresponder") is None
    assert verdict(EventKind.REJECTED, reject_reason="unsubscribed") is None


def test_anymails_word_for_what_it_flattened_stays_undetermined() -> None:
    assert verdict(reject_reason="bounced") == (UNDETERMINED, "none")
    assert verdict(reject_reason="other") == (UNDETERMINED, "none")
    assert verdict(reject_reason="blocked") == (POLICY, "reason:blocked")
    assert verdict(reject_reason="timed_out") == (SOFT, "reason:timed_out")


def test_the_evidence_is_one_harmless_line() -> None:
    found = classified(text="550 5.1.1 no\r\nSubject: <script>\x00\u202e" + "x" * 1000)
    assert found
    assert found.evidence.isprintable()
    assert len(found.evidence) == 500
    assert found.evidence.startswith("550 5.1.1 no Subject: <script> x")
    assert classified(provider_type="hardbounce").evidence == "hardbounce"  # type: ignore[union-attr]


class TestSecondSight:
    @pytest.mark.parametrize(
        ("hours", "address", "rule", "meant"),
        [
            (None, ADA, "enhanced:5.4.4", SOFT),
            (23, ADA, "enhanced:5.4.4", SOFT),
            (25, ADA, "enhanced:5.4.4", HARD),
            (25, "bob@example.org", "enhanced:5.4.4", SOFT),
            (25, ADA, "enhanced:5.4.1", SOFT),
        ],
    )
    def test_unable_to_route_is_hard_when_it_lasts_a_day(
        self, hours: int | None, address: str, rule: str, meant: str
    ) -> None:
        at = timezone.now()
        now = Bounce(bounce_class=SOFT, rule=rule, recipient_key=ADA, occurred_at=at)
        bounces.on_second_sight([now], {address: at - timedelta(hours=hours)} if hours else {})
        assert now.bounce_class == meant
        assert now.rule == ("enhanced:5.4.4:again" if meant == HARD else rule)
