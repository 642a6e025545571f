"""What a bounce mail tells, however it is written: reports, complaints, prose, damage."""

import base64
import quopri
import sys
import uuid
from types import SimpleNamespace

import pytest

from recovery.bounces import mails
from recovery.reasons import BounceClass
from tests.bounces.letters import OURS, PERSON, complaint, found, group, plain, report

HARD, SOFT, POLICY = BounceClass.HARD, BounceClass.SOFT, BounceClass.POLICY
UNDETERMINED, COMPLAINT = BounceClass.UNDETERMINED, BounceClass.COMPLAINT

# Reports


def test_a_report_tells_recipient_status_and_what_the_server_said() -> None:
    [failure] = mails.read(report(group(Diagnostic_Code="smtp; 550 5.1.1 User unknown"))).failures
    assert (failure.evidence.recipient, failure.evidence.status) == (PERSON, "5.1.1")
    assert failure.evidence.text == "550 5.1.1 User unknown"
    assert failure.classified.rule == "enhanced:5.1.1"


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", "Relayed (to non-DSN mailer)"])
def test_what_arrived_or_was_passed_on_is_no_failure(action: str) -> None:
    assert found(report(group(action=action, status="2.0.0"), said="It was relayed.")) == []


def test_delayed_is_soft_whatever_the_code_says() -> None:
    assert found(report(group(action="delayed", status="4.4.1"))) == [(PERSON, SOFT, "enhanced:4.4.1")]
    assert found(report(group(action="delayed", status="5.1.1"))) == [(PERSON, SOFT, "kind:deferred")]


def test_several_recipients_are_judged_each_for_itself() -> None:
    raw = report(group(), group("bob@example.org", status="5.2.2"), group("eve@example.org", action="delivered"))
    assert found(raw) == [(PERSON, HARD, "enhanced:5.1.1"), ("bob@example.org", SOFT, "enhanced:5.2.2")]


def test_groups_that_lack_the_blank_line_between_them_are_told_apart() -> None:
    raw = report(group().rstrip("\n") + "\n" + group("bob@example.org", status="5.2.2"))
    assert [recipient for recipient, _, _ in found(raw)] == [PERSON, "bob@example.org"]


def test_a_delay_and_then_a_failure_of_the_same_recipient_is_a_failure() -> None:
    raw = report(group(action="delayed", status="4.4.1"), group(status="5.1.1"))
    assert found(raw) == [(PERSON, HARD, "enhanced:5.1.1")]


def test_the_address_that_was_written_to_counts_where_the_mail_was_passed_on() -> None:
    raw = report(group("forwarded@elsewhere.example", Original_Recipient=f"rfc822; {PERSON}"))
    [failure] = mails.read(raw).failures
    assert (failure.evidence.recipient, failure.final) == (PERSON, "forwarded@elsewhere.example")


def test_a_code_that_says_nothing_has_its_reason_read_from_what_is_said_to_people() -> None:
    raw = report(group(status="5.0.0"), said=f"<{PERSON}>: this mailbox is full")
    assert found(raw) == [(PERSON, SOFT, "enhanced:5.0.0+text:mailbox_full")]


@pytest.mark.parametrize(
    "said",
    [f"<{PERSON}>: host mx said: 550 Unknown user (in reply to end of DATA command)", ">>> DATA\n<<< 550 Unknown user"],
)
def test_an_unknown_user_to_whom_the_server_listened_to_the_end_may_be_a_filter(said: str) -> None:
    raw = group(status="5.0.0", Diagnostic_Code="smtp; 550 Unknown user")
    assert found(report(raw, said=said)) == [(PERSON, UNDETERMINED, "enhanced:5.0.0+text:unknown_after_data")]
    assert found(report(raw, said="in reply to RCPT TO command")) == [
        (PERSON, HARD, "enhanced:5.0.0+text:unknown_recipient")
    ]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_an_encoded_report_is_decoded(encoding: str) -> None:
    plain_text = f"Reporting-MTA: dns; mx.example\n\n{group()}"
    encode = base64.encodebytes if encoding == "base64" else quopri.encodestring
    raw = report("ENCODED").replace(b"Reporting-MTA: dns; mx.library.example\n\nENCODED", encode(plain_text.encode()))
    head = f"Content-Type: message/delivery-status\nContent-Transfer-Encoding: {encoding}".encode()
    assert found(raw.replace(b"Content-Type: message/delivery-status", head)) == [(PERSON, HARD, "enhanced:5.1.1")]


def test_a_report_in_a_part_of_the_wrong_type_is_read() -> None:
    raw = report().replace(b"Content-Type: message/delivery-status", b"Content-Type: text/plain")
    assert found(raw) == [(PERSON, HARD, "enhanced:5.1.1")]


def test_the_mail_that_comes_back_is_not_taken_for_the_report() -> None:
    """A person who is written to may put a report about somebody else into a mail; it comes back with the bounce."""
    forged = group("victim@example.org").encode()
    raw = report().replace(b"Subject: Your new password\n", b"Subject: Your new password\n\n" + forged)
    assert found(raw) == [(PERSON, HARD, "enhanced:5.1.1")]


def test_a_report_in_plain_text_ends_where_the_returned_mail_begins() -> None:
    text = f"{group()}\n--- This is a copy of the message.\n\n{group('victim@example.org')}"
    assert found(plain(text)) == [(PERSON, HARD, "enhanced:5.1.1")]


def test_our_message_id_in_the_mail_that_came_back_is_read() -> None:
    key = uuid.uuid4()
    assert mails.read(report(message_id=f"<{key}@library.example>")).returned_id == key
    assert mails.read(report(message_id="<else@library.example>")).returned_id is None


# Complaints


def test_a_complaint_names_its_recipient_or_the_mail_does() -> None:
    assert found(complaint(named="bob@example.org")) == [("bob@example.org", COMPLAINT, "kind:complained")]
    assert found(complaint()) == [(PERSON, COMPLAINT, "kind:complained")]


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus"])
def test_a_feedback_report_of_another_type_is_no_complaint(kind: str) -> None:
    assert found(complaint(kind)) == []


# Prose


QMAIL = f"""
Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<{PERSON}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

To: other@example.org
"""
EXIM = f"""
A message that you sent could not be delivered to all of its recipients. The following address(es) failed:

  {PERSON}
    SMTP error from remote mail server after RCPT TO:<{PERSON}>:
    host mx.example [192.0.2.7]: 550 Mailbox quota exceeded

------ This is a copy of the message, including all the headers. ------

To: other@example.org
"""
SENDMAIL = f"""
The original message was received at Sat, 14 Oct 2000 06:14:45 +0200 from localhost

   ----- The following addresses had permanent fatal errors -----
<{PERSON}>

   ----- Transcript of session follows -----
... while talking to mx.example:
>>> RCPT To:<{PERSON}>
<<< 550 5.7.1 blocked using a list
"""
EXCHANGE = f"""
Your message

  To:      list@library.example

did not reach the following recipient(s):

{PERSON} on Fri, 20 Jul 2001 11:08:59 -0700
    The recipient name is not recognized
"""


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (QMAIL, HARD),
        (EXIM, SOFT),
        (SENDMAIL, POLICY),
        (EXCHANGE, HARD),
        (f"We were unable to deliver your message to {PERSON}.", UNDETERMINED),
    ],
)
def test_what_is_said_to_people_is_understood(text: str, meant: str) -> None:
    assert [(recipient, kind) for recipient, kind, _ in found(plain(text))] == [(PERSON, meant)]


def test_exims_own_header_names_the_recipients() -> None:
    raw = plain("It failed: user unknown.", sender="x@example.org", subject="hello", X_Failed_Recipients=PERSON)
    assert [recipient for recipient, _, _ in found(raw)] == [PERSON]


def test_a_phone_companys_gateway_is_known_by_its_sender() -> None:
    text = f"Error: Invalid user address\n\n550 - no such user here\n\n  RCPT TO: {PERSON}\n"
    raw = plain(text, sender="post_master@sms.example", subject="Re:Your new password")
    assert found(raw) == [(PERSON, HARD, "smtp:550+text:unknown_recipient")]


def test_a_subject_in_raw_bytes_and_one_of_another_language_announce_a_bounce() -> None:
    text = f"Could not be delivered to: <{PERSON}>\nAs their mailbox is full."
    for subject in ("メールエラー通知", "Nicht zustellbar: Ihr Passwort", "Mancata consegna"):
        coded = plain(text, sender="no-reply@mx.example", subject=subject)
        raw = f"From: no-reply@mx.example\nTo: {OURS}\nSubject: {subject}\n\n{text}\n".encode()
        assert [meant for _, meant, _ in found(coded)] == [meant for _, meant, _ in found(raw)] == [SOFT], subject


def test_the_first_reply_that_is_quoted_counts_before_what_stands_around_it() -> None:
    transcript = f">>> RCPT To:<{PERSON}>\n<<< 550 <{PERSON}>, User Unknown\n421 mx.example... Deferred: timed out"
    assert found(plain(transcript)) == [(PERSON, HARD, "smtp:550+text:unknown_recipient")]
    boilerplate = f"<{PERSON}>: 550 No\nIt was a temporary error."
    assert found(plain(boilerplate)) == [(PERSON, SOFT, "smtp:550+text:not_for_now")]


def test_what_a_gateway_adds_below_does_not_speak_against_a_report() -> None:
    footer = f"{PERSON}\n____\nThis mail has been scanned for viruses and spam."
    assert found(report(said=footer)) == [(PERSON, HARD, "enhanced:5.1.1")]


def test_what_stands_before_a_report_in_the_same_text_is_said_to_people() -> None:
    text = (
        f"<{PERSON}>\n\nmail.local: unknown user: reader\n\nReporting-MTA: dns; mx.example\n\n{group(status='5.5.0')}"
    )
    assert found(plain(text)) == [(PERSON, HARD, "enhanced:5.5.0+text:unknown_recipient")]


def test_a_refusal_of_the_sender_is_seen_in_what_is_said_to_people() -> None:
    said = f"<{PERSON}>: host mx.example[192.0.2.7] said: 550 5.1.1 no such domain (in reply to MAIL FROM command)"
    raw = report(group(Diagnostic_Code="smtp; 550 5.1.1 no such domain"), said=said)
    assert found(raw) == [(PERSON, POLICY, "enhanced:5.1.1+before_recipient")]


def test_a_warning_that_a_mail_is_late_is_soft() -> None:
    text = f"Your message has not yet been delivered to\n\n<{PERSON}>\n\nuser unknown. Delivery attempts will continue."
    [(_, meant, _)] = found(plain(text, subject="Warning: message delayed 2 days"))
    assert meant == SOFT


@pytest.mark.parametrize(
    ("subject", "fields"),
    [
        ("Out of office: Your new password", {"Auto_Submitted": "auto-replied"}),
        ("Automatic reply", {}),
        ("Re: Your new password", {"Auto_Submitted": "auto-replied (vacation)"}),
        ("Re: Your new password", {}),
    ],
)
def test_automatic_replies_and_letters_of_people_are_no_bounces(subject: str, fields: dict[str, str]) -> None:
    text = f"Mail to {PERSON} is not read until Monday; the user unknown to you is bob@example.org."
    assert found(plain(text, sender=f"Reader <{PERSON}>", subject=subject, **fields)) == []


def test_a_bounce_that_names_nobody_is_kept_for_its_return_path() -> None:
    assert found(plain("It could not be delivered: the mailbox is full.")) == [("", SOFT, "text:mailbox_full")]


UNREADABLE = "Ihre Nachricht an reader (library.example) kam nicht an: user unknown."


def test_flufl_bounce_is_asked_where_nothing_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    flufl = SimpleNamespace(all_failures=lambda message: (set(), {PERSON.encode()}))
    monkeypatch.setitem(sys.modules, "flufl.bounce", flufl)
    assert found(plain(UNREADABLE)) == [(PERSON, HARD, "text:unknown_recipient")]
    assert found(plain(QMAIL)) == [(PERSON, HARD, "enhanced:5.1.1")]


def test_flufl_bounce_itself_knows_forms_that_name_nobody_in_full() -> None:
    text = "Message not delivered to the following:\n\n  reader    No such user\n\nError Detail follows.\n"
    assert found(plain(text, sender="MAILER-DAEMON@yale.edu")) == [
        ("reader@cs.yale.edu", HARD, "text:unknown_recipient"),
        ("reader@yale.edu", HARD, "text:unknown_recipient"),
    ]


def test_flufl_bounce_may_fail_or_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(message: object) -> None:
        raise ValueError

    for flufl in (SimpleNamespace(all_failures=fails), None):
        monkeypatch.setitem(sys.modules, "flufl.bounce", flufl)
        assert [recipient for recipient, _, _ in found(plain(UNREADABLE))] == [""]
