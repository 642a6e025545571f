"""What says hard beside what says otherwise, and the same said in other languages: hard is what nothing contradicts."""

from typing import Any

import pytest

from recovery.reasons import BounceClass
from tests.bounces.judging import classified, verdict

HARD, SOFT, POLICY = BounceClass.HARD, BounceClass.SOFT, BounceClass.POLICY


@pytest.mark.parametrize(
    ("facts", "meant"),
    [
        # A server's own 5.1.1 for a full mailbox (French providers), and for a refused sender.
        ({"text": "552 5.1.1 Boite du destinataire pleine. Recipient overquota"}, (SOFT, "mailbox_full")),
        ({"text": "550 5.1.1 Client host blocked using a list"}, (POLICY, "refused_for_us")),
        ({"text": "521 192.0.2.1 blocked for abuse", "code": 521}, (POLICY, "refused_for_us")),
        ({"provider_type": "hardbounce", "text": "mailbox full"}, (SOFT, "mailbox_full")),
        # A relay made 5.1.1 of a bare 550.
        ({"status": "5.1.1", "text": "550 RCPT TO:<ada@example.org> max message size exceeded"}, (POLICY, "too_big")),
        ({"status": "5.1.1", "text": "550 Mailbox currently suspended"}, (SOFT, "disabled")),
        ({"status": "5.1.1", "text": "550 try again later"}, (SOFT, "not_for_now")),
    ],
)
def test_a_hard_code_beside_a_reason_of_another_kind_is_not_believed(
    facts: dict[str, Any], meant: tuple[str, str]
) -> None:
    found = classified(**facts)
    assert found
    assert (found.bounce_class, found.rule.rpartition("text:")[2]) == meant


@pytest.mark.parametrize(
    "facts",
    [
        {"text": "550 5.1.1 user unknown, or blocked by the recipient"},
        {"text": "550 5.1.1 this account is suspended"},  # its own word, and not a relay's
        {"status": "5.1.1", "text": "550 user unknown; try again later"},
        {"status": "5.1.1", "text": "550 recipient rejected"},
        {"status": "5.1.1"},
    ],
)
def test_a_hard_code_is_believed_where_the_text_speaks_of_the_recipient_or_says_nothing(
    facts: dict[str, Any],
) -> None:
    assert verdict(**facts) == (HARD, "enhanced:5.1.1")


@pytest.mark.parametrize(
    "stage",
    ["SMTP error from remote mail server after MAIL FROM:<us@example.org> SIZE=1: ",
     ">>> MAIL From:<us@a.example> <<< ", "(in reply to EHLO command) ", ">>> EHLO a.example <<< "],
)  # fmt: skip
def test_who_refuses_before_a_recipient_was_named_means_the_sender(stage: str) -> None:
    said = f"{stage}550 a.example does not exist"
    assert verdict(text=said) == (POLICY, "smtp:550+text:unknown_recipient+before_recipient")
    assert verdict(text=said.replace("550", "550 5.1.1")) == (POLICY, "enhanced:5.1.1+before_recipient")
    assert classified(text=f"{stage}421 busy").bounce_class == SOFT  # type: ignore[union-attr]
    later = "host mx said: 550 5.1.1 User unknown (in reply to RCPT TO command)"
    assert verdict(text=later) == (HARD, "enhanced:5.1.1")


@pytest.mark.parametrize(
    ("unknown", "full"),
    [
        ("Empfänger unbekannt", "Das Postfach ist voll"),
        ("L'utilisateur n'existe pas", "Boîte du destinataire pleine"),
        ("El usuario no existe", "El buzón está lleno"),
        ("Nessun utente simile", "La casella del destinatario è piena"),
        ("Deze gebruiker bestaat niet", "Het postvak zit vol"),
        ("O usuário não existe", "A caixa postal está cheia"),
        ("пользователь не найден", "почтовый ящик переполнен"),
        ("宛先が見つかりませんでした", "メールボックスが一杯です"),
        ("用户不存在", "邮箱空间不足"),
    ],
)
def test_other_languages_say_it_too(unknown: str, full: str) -> None:
    assert verdict(text=f"550 {unknown}") == (HARD, "smtp:550+text:unknown_recipient")
    assert verdict(text=f"550 {full}") == (SOFT, "smtp:550+text:mailbox_full")


def test_an_unknown_sender_in_another_language_is_no_unknown_recipient() -> None:
    assert verdict(text="550 Absender unbekannt") == (POLICY, "smtp:550+text:refused_for_us")
