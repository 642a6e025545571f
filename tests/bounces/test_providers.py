"""What each provider's raw event says, as the provider's documentation or a real call has it."""

from typing import Any

import pytest
from django.http import QueryDict

from recovery import bounces
from recovery.bounces import providers
from recovery.reasons import BounceClass, EventKind
from recovery.webhooks import PROVIDERS

HARD, SOFT, POLICY = BounceClass.HARD, BounceClass.SOFT, BounceClass.POLICY
UNDETERMINED = BounceClass.UNDETERMINED
ADA = "ada@example.org"


def ses(bounce_type: str, sub_type: str, **recipient: str) -> dict[str, Any]:
    mine = {"emailAddress": ADA, "action": "failed", **recipient}
    other = {"emailAddress": "bob@example.org", "status": "5.2.2", "diagnosticCode": "smtp; 552 5.2.2 full"}
    bounce = {"bounceType": bounce_type, "bounceSubType": sub_type, "bouncedRecipients": [other, mine]}
    return {"notificationType": "Bounce", "bounce": bounce, "mail": {"messageId": "1", "destination": [ADA]}}


def mailgun(severity: str, **more: Any) -> dict[str, Any]:
    return {"event-data": {"event": "failed", "severity": severity, "recipient": ADA, **more}}


def sparkpost(kind: str, number: str, **more: Any) -> dict[str, Any]:
    return {"msys": {"message_event": {"type": kind, "bounce_class": number, "raw_rcpt_to": ADA, **more}}}


def postal(**payload: Any) -> dict[str, Any]:
    return {"event": "MessageDeliveryFailed", "payload": payload, "uuid": "1"}


BOUNCED, DEFERRED, REJECTED, FAILED = EventKind.BOUNCED, EventKind.DEFERRED, EventKind.REJECTED, EventKind.FAILED
CASES: list[tuple[str, str, Any, str | None, str]] = [
    ("amazon_ses", BOUNCED, ses("Permanent", "General", status="5.1.1"), HARD, "enhanced:5.1.1"),
    ("amazon_ses", BOUNCED, ses("Permanent", "NoEmail"), HARD, "amazon_ses:permanent/noemail"),
    ("amazon_ses", BOUNCED, ses("Permanent", "Suppressed"), UNDETERMINED, "amazon_ses:permanent/suppressed"),
    ("amazon_ses", BOUNCED, ses("Permanent", "UnsubscribedRecipient"), None, ""),
    ("amazon_ses", BOUNCED, ses("Transient", "General"), SOFT, "amazon_ses:transient"),
    ("amazon_ses", BOUNCED, ses("Transient", "MessageTooLarge"), POLICY, "amazon_ses:transient/messagetoolarge"),
    ("amazon_ses", BOUNCED, ses("Undetermined", "Undetermined"), UNDETERMINED, "amazon_ses:undetermined"),
    ("amazon_ses", REJECTED, {"eventType": "Reject", "reject": {"reason": "Bad content"}}, POLICY, "amazon_ses:reject"),
    ("brevo", BOUNCED, {"event": "hard_bounce", "email": ADA}, HARD, "brevo:hard_bounce"),
    ("brevo", BOUNCED, {"event": "soft_bounce", "email": ADA}, SOFT, "brevo:soft_bounce"),
    ("brevo", BOUNCED, {"event": "invalid_email", "email": ADA}, HARD, "brevo:invalid_email"),
    ("brevo", BOUNCED, {"event": "hard_bounce", "reason": "RecipientError: 550 5.5.0 Requested action not taken: "
     "mailbox unavailable."}, HARD, "enhanced:5.5.0+text:unknown_recipient"),
    ("mailersend", BOUNCED, {"data": {"type": "hard_bounced"}}, HARD, "mailersend:hard_bounced"),
    ("mailersend", BOUNCED, {"data": {"type": "soft_bounced", "morph": None}}, SOFT, "mailersend:soft_bounced"),
    ("mailgun", BOUNCED, mailgun("permanent", **{"delivery-status": {"code": 550, "message": "5.1.1 The"
     " email account that you tried to reach does not exist."}}), HARD, "enhanced:5.1.1"),
    ("mailgun", BOUNCED, mailgun("permanent", reason="generic"), HARD, "mailgun:permanent"),
    ("mailgun", BOUNCED, mailgun("permanent", reason="suppress-bounce"), UNDETERMINED,
     "mailgun:permanent/suppress-bounce"),
    ("mailgun", DEFERRED, mailgun("temporary", reason="greylisted"), SOFT, "mailgun:temporary/greylisted"),
    ("mailgun", REJECTED, QueryDict("event=dropped&code=605&reason=hardfail&code=550"), UNDETERMINED,
     "mailgun:dropped/605"),
    ("mailgun", BOUNCED, QueryDict("event=bounced&code=550&error=5.1.1+no+such+user"), HARD, "enhanced:5.1.1"),
    ("mailjet", BOUNCED, {"event": "bounce", "hard_bounce": True, "error": "mailbox inactive"}, HARD, "mailjet:hard"),
    ("mailjet", BOUNCED, {"event": "bounce", "hard_bounce": False, "error": ""}, SOFT, "mailjet:soft"),
    ("mailjet", BOUNCED, {"event": "bounce", "hard_bounce": True, "error": "user unknown"}, HARD,
     "mailjet:hard/user unknown"),
    ("mailjet", REJECTED, {"event": "blocked", "error": "preblocked"}, UNDETERMINED, "mailjet:blocked/preblocked"),
    ("mailtrap", BOUNCED, {"event": "bounce", "response": "bounced (550 5.1.1 The account that you tried to reach "
     "does not exist. a67bc - gsmtp)", "response_code": 550, "bounce_category": "hard"}, HARD, "enhanced:5.1.1"),
    ("mailtrap", DEFERRED, {"event": "soft bounce", "bounce_category": "unavailable"}, SOFT,
     "mailtrap:soft bounce/unavailable"),
    ("mailtrap", BOUNCED, {"event": "bounce"}, HARD, "mailtrap:bounce"),
    ("mandrill", BOUNCED, {"event": "hard_bounce", "msg": {"bounce_description": "bad_mailbox", "diag": ""}}, HARD,
     "mandrill:hard_bounce/bad_mailbox"),
    ("mandrill", BOUNCED, {"event": "soft_bounce", "msg": {"bounce_description": "general"}}, SOFT,
     "mandrill:soft_bounce"),
    ("postal", FAILED, postal(status="HardFail", output="server output"), HARD, "postal:hardfail"),
    ("postal", DEFERRED, postal(status="SoftFail", output="server output"), SOFT, "postal:softfail"),
    ("postal", BOUNCED, postal(original_message={"to": ADA}, bounce={"id": 1}), HARD, "postal:bounce"),
    ("postmark", BOUNCED, {"Type": "HardBounce", "Description": "The server was unable to deliver your message (ex: "
     "unknown user, mailbox not found)."}, HARD, "postmark:hardbounce"),
    ("postmark", BOUNCED, {"Type": "SoftBounce", "Description": "Unable to temporarily deliver message (i.e. mailbox "
     "full, account disabled, exceeds quota, out of disk space)."}, SOFT, "postmark:softbounce"),
    ("postmark", BOUNCED, {"Type": "HardBounce", "Details": "smtp;550 5.7.1 Blocked"}, POLICY,
     "enhanced:5.7.1+text:refused_for_us"),
    ("postmark", DEFERRED, {"Type": "DnsError"}, SOFT, "postmark:dnserror"),
    ("postmark", REJECTED, {"Type": "ManuallyDeactivated"}, UNDETERMINED, "postmark:manuallydeactivated"),
    ("resend", BOUNCED, {"data": {"bounce": {"type": "Permanent", "subType": "General"}}}, HARD, "resend:permanent"),
    ("resend", BOUNCED, {"data": {"bounce": {"type": "Transient", "subType": "MailboxFull"}}}, SOFT,
     "resend:transient/mailboxfull"),
    ("resend", BOUNCED, {"data": {"bounce": {"message": "The recipient's email provider sent a hard bounce message, "
     "but didn't specify the reason"}}}, HARD, "resend:permanent"),
    ("resend", BOUNCED, {"data": {"bounce": {"message": "Resend has suppressed sending to this address because it is "
     "on the account-level suppression list."}}}, UNDETERMINED, "resend:suppressed"),
    ("sendgrid", BOUNCED, {"event": "bounce", "type": "bounce", "status": "5.1.1"}, HARD, "enhanced:5.1.1"),
    ("sendgrid", BOUNCED, {"event": "bounce", "type": "bounce"}, HARD, "sendgrid:bounce"),
    ("sendgrid", BOUNCED, {"event": "bounce", "type": "blocked", "bounce_classification": "Unclassified"}, SOFT,
     "sendgrid:blocked"),
    ("sendgrid", BOUNCED, {"event": "bounce", "type": "blocked", "bounce_classification": "Reputation"}, POLICY,
     "sendgrid:blocked/reputation"),
    ("sendgrid", REJECTED, {"event": "dropped", "reason": "Bounced Address", "status": "5.0.0"}, UNDETERMINED,
     "sendgrid:dropped/bounced address"),
    ("sendgrid", REJECTED, {"event": "dropped", "reason": "Unsubscribed Address"}, None, ""),
    ("sparkpost", BOUNCED, sparkpost("bounce", "10"), HARD, "sparkpost:bounce/10"),
    ("sparkpost", BOUNCED, sparkpost("bounce", "30"), HARD, "sparkpost:bounce/30"),
    ("sparkpost", BOUNCED, sparkpost("bounce", "22"), SOFT, "sparkpost:bounce/22"),
    ("sparkpost", BOUNCED, sparkpost("out_of_band", "51"), POLICY, "sparkpost:out_of_band/51"),
    ("sparkpost", BOUNCED, sparkpost("bounce", "1"), UNDETERMINED, "sparkpost:bounce/1"),
    ("sparkpost", DEFERRED, sparkpost("delay", "21", raw_reason="454 4.4.4 [internal] no MX or A for domain"), SOFT,
     "enhanced:4.4.4"),
    ("unisender_go", BOUNCED, {"status": "hard_bounced", "delivery_info": {"delivery_status": "err_user_unknown"}},
     HARD, "unisender_go:hard_bounced/err_user_unknown"),
    ("unisender_go", DEFERRED, {"status": "soft_bounced", "delivery_info": {"delivery_status": "err_mailbox_full",
     "destination_response": "554 5.2.2 Mailbox full"}}, SOFT, "enhanced:5.2.2"),
    ("unisender_go", BOUNCED, {"status": "hard_bounced", "delivery_info": {"delivery_status": "err_user_unknown",
     "destination_response": "555 5.7.1 User unknown 'ada@example.org'."}}, HARD,
     "enhanced:5.7.1+text:unknown_recipient"),
]  # fmt: skip


@pytest.mark.parametrize(("esp", "kind", "raw", "meant", "rule"), CASES)
def test_hard_and_soft_are_read_from_the_raw_event(esp: str, kind: str, raw: Any, meant: str | None, rule: str) -> None:
    """What anymail made of it, "bounced" for hard and soft alike, decides nothing."""
    evidence = bounces.evidence_of(esp, raw, kind=kind, recipient=ADA, reject_reason="bounced", text="said by anymail")
    found = bounces.classify(evidence)
    assert ((found.bounce_class, found.rule) if found else (None, "")) == (meant, rule)


def test_every_provider_is_read_and_each_has_hard_and_soft_cases() -> None:
    assert set(providers.READERS) == set(PROVIDERS)
    for esp in PROVIDERS:
        assert {HARD, SOFT} <= {meant for name, _, _, meant, _ in CASES if name == esp}, esp


@pytest.mark.parametrize("esp", providers.READERS)
@pytest.mark.parametrize(
    "raw",
    [None, "text", 7, [], {}, [{}], {"msys": None}, {"msys": {}}, {"msys": {"a": []}}, {"data": []}, {"payload": "x"},
     {"bounce": {"bouncedRecipients": "x"}, "eventType": "Bounce"}, {"bounce": {"bouncedRecipients": [1]}},
     {"event-data": {"event": 1, "delivery-status": None}}, {"event": {"a": 1}, "Type": ["x"], "status": {}}],
)  # fmt: skip
def test_an_odd_event_says_nothing_and_raises_nothing(esp: str, raw: Any) -> None:
    evidence = bounces.evidence_of(esp, raw, kind=BOUNCED, recipient=ADA, text="550 5.1.1 said by anymail")
    found = bounces.classify(evidence)
    assert found is None or found.bounce_class == HARD
    assert evidence.text == "550 5.1.1 said by anymail"


@pytest.mark.parametrize(
    ("esp", "raw", "stream"),
    [
        ("postmark", {"Type": "SpamComplaint", "MessageStream": "broadcast"}, "broadcast"),
        ("mailtrap", {"event": "spam", "sending_stream": "bulk"}, "bulk"),
        ("sendgrid", {"event": "spamreport", "category": ["newsletter", "other"]}, "newsletter"),
        ("amazon_ses", {"eventType": "Complaint", "mail": {"tags": {"ses:configuration-set": ["news"]}}}, "news"),
    ],
)
def test_the_providers_stream_is_read(esp: str, raw: Any, stream: str) -> None:
    assert bounces.evidence_of(esp, raw, kind=EventKind.COMPLAINED, recipient=ADA).stream == stream
