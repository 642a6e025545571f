"""Bounce mails that are damaged, or made to harm whoever reads them: nothing raises, hangs or fills the memory."""

import tracemalloc

import pytest

from recovery.bounces import mails
from recovery.reasons import BounceClass
from tests.bounces.letters import OURS, PERSON, found, group, plain, report

HARD, SOFT = BounceClass.HARD, BounceClass.SOFT


def test_more_than_fifty_megabytes_are_refused() -> None:
    with pytest.raises(mails.TooBig):
        mails.read(b"x" * (mails.LARGEST + 1))


def test_a_big_attachment_behind_the_report_does_not_matter() -> None:
    assert found(report() + b"x" * (mails.READ * 2)) == [(PERSON, HARD, "enhanced:5.1.1")]


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x00\xff\xfe", b"\n\n\n", b"From: \xff\n\n", report()[:700], report().replace(b"--b--", b""),
        report().replace(b"charset=utf-8", b"charset=nonsense"), report().replace(b'boundary="b"', b""),
        report().replace(b"User unknown", b"\xe9\xff\x00"), report().replace(b"Date: ", b"Date: 99 99 "),
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 3000,
        b"Content-Type: message/rfc822\n\n" * 3000, b"Subject: =?utf-8?b?x?= =?nonsense?q?=ff?=\n\n",
        b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822;\nAction: failed\n",
    ],
)  # fmt: skip
def test_damage_raises_nothing(raw: bytes) -> None:
    assert len(found(raw)) <= 1


HEAD = b"From: MAILER-DAEMON@mx.example\nSubject: failure notice\n"
HTML = b"Content-Type: text/html\n\n"


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"To: " + b"(" * 500_000 + b"\n\n", HEAD + b"Date: " + b"(" * 500_000 + b"\n\n",
        b"From: MAILER-DAEMON@mx.example\nSubject: " + b"=?utf-8?q?=ff?= " * 100_000 + b"\n\n",
        HEAD + HTML + b"<" * 2_000_000, HEAD + HTML + b"<style " * 250_000, HEAD + HTML + b"<br" * 500_000,
        HEAD + b"Content-Type: text/plain; " + b"a*0=b; " * 200_000 + b"\n\n", HEAD + b"X: y\n" * 300_000,
        HEAD + b"\n" + b"\n" * 2_000_000, HEAD + b"\n" + b" " * 2_000_000, HEAD + b"\n" + b"@" * 2_000_000,
        HEAD + b"\n" + b"a." * 1_000_000 + b"@", HEAD + b"\n" + b"\x00" * 2_000_000,
        HEAD + b"Content-Type: text/plain; charset=idna\n\n" + b"a" * 1_000_000,
        report(group(Diagnostic_Code="smtp; " + "5.1." * 400_000)),
        report(group(Diagnostic_Code="smtp; 550 no")).replace(b"550 no", b"550 \xed\xa0\x80 \x00 no"),
    ],
    ids=lambda raw: repr(raw[60:100]),
)  # fmt: skip
def test_what_is_made_to_take_for_ever_does_not(raw: bytes) -> None:
    """Each takes a moment; without its guard, most take minutes."""
    assert len(found(raw)) <= 1


def test_memory_stays_flat_whatever_a_mail_is_made_of() -> None:
    """The parser makes an object of each part: what stands behind the thousandth border is not read."""
    many = b"--b\nContent-Type: text/plain\n\nx\n" * 50_000
    raw = report().replace(b"\n--b--", b"\n" + many + b"--b--")
    tracemalloc.start()
    try:
        assert found(raw) == [(PERSON, HARD, "enhanced:5.1.1")]
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20_000_000


def test_of_thousands_of_recipients_the_first_are_read() -> None:
    assert len(found(report(*(group(f"reader{number}@example.org") for number in range(5000))))) == 50


def test_what_html_hides_is_not_read() -> None:
    hidden = "<head><title>user unknown</title></head><STYLE>a{} user unknown</STYLE >"
    text = f"<html>{hidden}<body><p>&lt;{PERSON}&gt;: this mailbox<br>is full</p><script>user unknown"
    raw = plain("x").replace(b"text/plain", b"text/html").replace(b"\n\nx\n", f"\n\n{text}\n".encode())
    assert found(raw) == [(PERSON, SOFT, "text:mailbox_full")]


def test_what_cannot_be_read_is_said_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("email.message_from_bytes", lambda raw: raw.nothing)
    assert found(report()) == []
    assert "could not be read (AttributeError)" in caplog.text
    assert OURS not in caplog.text
