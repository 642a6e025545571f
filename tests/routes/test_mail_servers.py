"""Mail over SMTP: what the talk came to, how long it may take, and that nothing leaves in clear."""

from contextlib import closing

import pytest
from django.core.mail.backends import smtp

from recovery import delivery
from recovery.reasons import TryOutcome
from recovery.routes import PATIENCE, Line, Route, sending
from tests.routes.mail_server import HANG, HANG_UP, mail_server
from tests.routes.mails import sent


def test_many_mails_go_over_one_connection() -> None:
    with mail_server() as server:
        line = Line(server.route())
        tries = [sent(line) for _ in range(3)]
        line.close()
        assert [tried.outcome for tried in tries] == [TryOutcome.ACCEPTED] * 3
        assert {tried.route for tried in tries} == {line.route.name}
        assert server.connections == 1
        assert server.heard[-1] == "QUIT"
        assert all(b"Message-ID: <one@library.example>" in body for body in server.bodies)
        assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        ({"RCPT": "450 4.2.0 Greylisted"}, TryOutcome.LATER),
        ({"RCPT": "550 5.1.1 No such user"}, TryOutcome.REFUSED_RECIPIENT),
        ({"RCPT": "421 4.3.2 Closing"}, TryOutcome.DOWN),
        ({"MAIL": "553 5.7.1 Sender not allowed"}, TryOutcome.REFUSED_US),
        ({"DATA": "554 5.7.1 Blocked"}, TryOutcome.REFUSED_US),
        ({"BODY": "552 5.3.4 Too big"}, TryOutcome.REFUSED_MAIL),
        ({"BODY": "451 4.3.0 Disk full"}, TryOutcome.DOWN),
        ({"CONNECT": "421 4.3.2 Too busy"}, TryOutcome.DOWN),
        ({"CONNECT": HANG_UP}, TryOutcome.DOWN),
        ({"MAIL": HANG_UP}, TryOutcome.DOWN),
        ({"DATA": HANG_UP}, TryOutcome.DOWN),
        ({"BODY": HANG_UP}, TryOutcome.AMBIGUOUS),
    ],
)
def test_each_end_of_a_talk_is_told_apart(replies: dict[str, str], outcome: TryOutcome) -> None:
    with mail_server(**replies) as server, closing(Line(server.route())) as line:
        tried = sent(line)
        assert tried.outcome == outcome
        assert tried.detail
        assert tried.seconds > 0


@pytest.mark.attack(93)
@pytest.mark.parametrize(("step", "outcome"), [("DATA", TryOutcome.DOWN), ("BODY", TryOutcome.AMBIGUOUS)])
def test_a_server_that_falls_silent_has_the_mail_only_if_its_end_was_sent(step: str, outcome: TryOutcome) -> None:
    with mail_server(**{step: HANG}) as server, closing(Line(server.route(timeout=2))) as line:
        assert sent(line).outcome == outcome


@pytest.mark.parametrize("reply", ["450 4.2.0 Greylisted", "550 5.1.1 No such user"])
def test_a_recipient_who_is_refused_leaves_the_connection_to_the_next_mail(reply: str) -> None:
    with mail_server(RCPT=reply) as server, closing(Line(server.route())) as line:
        sent(line)
        server.replies["RCPT"] = "250 ok"
        assert sent(line).outcome == TryOutcome.ACCEPTED
        assert server.connections == 1


@pytest.mark.parametrize("reply", [HANG_UP, "421 4.4.2 Idle for too long"])
def test_a_server_that_hung_up_meanwhile_is_called_again_in_the_same_try(reply: str) -> None:
    with mail_server() as server, closing(Line(server.route())) as line:
        sent(line)
        server.replies["MAIL"] = reply
        server.later = {"MAIL": "250 ok"}
        assert sent(line).outcome == TryOutcome.ACCEPTED
        assert server.connections == 2
        assert len(server.bodies) == 2


def test_a_server_that_keeps_hanging_up_is_not_called_for_ever() -> None:
    with mail_server() as server, closing(Line(server.route())) as line:
        sent(line)
        server.replies["MAIL"] = HANG_UP
        assert sent(line).outcome == TryOutcome.DOWN
        assert server.connections == 2


def test_a_mail_that_may_have_been_taken_is_not_sent_again_by_itself() -> None:
    with mail_server() as server, closing(Line(server.route())) as line:
        sent(line)
        server.replies["BODY"] = HANG_UP
        assert sent(line).outcome == TryOutcome.AMBIGUOUS
        assert len(server.bodies) == 2


@pytest.mark.attack(101)
@pytest.mark.parametrize("reply", ["454 4.7.0 TLS not available", "220 go ahead", "501 5.5.4 no"])
def test_a_server_whose_encryption_breaks_gets_no_word_of_the_mail(reply: str) -> None:
    """Not at the first try, and not over what is left of the connection at the next."""
    with mail_server(STARTTLS=reply) as server, closing(Line(server.route(use_tls=True, timeout=1))) as line:
        for _ in range(3):
            assert sent(line).outcome in {TryOutcome.DOWN, TryOutcome.REFUSED_US}
        assert server.bodies == []
        assert not {"MAIL", "RCPT", "DATA"} & set(server.heard)
        assert server.connections == 3


@pytest.mark.attack(101)
def test_a_server_that_offers_no_encryption_is_an_alarm_and_no_way_out() -> None:
    with mail_server(EHLO="250 mx.example") as server, closing(Line(server.route(use_tls=True))) as line:
        assert sent(line).outcome == TryOutcome.REFUSED_US
        assert server.bodies == []


@pytest.mark.parametrize("replies", [{"CONNECT": HANG_UP}, {"MAIL": HANG_UP}])
def test_a_site_that_wants_silence_still_gets_the_truth(replies: dict[str, str]) -> None:
    """With fail_silently Django's backend returns 0 for a server that is gone, as others do for a refused recipient."""
    with mail_server(**replies) as server, closing(Line(server.route(fail_silently=True))) as line:
        assert sent(line).outcome == TryOutcome.DOWN


class Watched(smtp.EmailBackend):
    """Django's own, seen as it is about to connect."""

    patience: list[float | None] = []

    def open(self) -> bool:
        self.patience.append(self.timeout)
        raise TimeoutError("timed out")


@pytest.mark.parametrize(("given", "kept"), [({}, PATIENCE), ({"timeout": 7}, 7), ({"timeout": 300}, PATIENCE)])
def test_a_server_that_never_answers_is_given_up_before_the_mails_lease_ends(given: dict[str, int], kept: int) -> None:
    """Otherwise a worker would hang for good, and another would send the mail beside it."""
    Watched.patience.clear()
    line = Line(Route("smtp", spec={"BACKEND": f"{__name__}.Watched", "OPTIONS": {"host": "127.0.0.1", **given}}))
    assert sent(line).outcome == TryOutcome.DOWN
    assert Watched.patience == [kept]
    assert delivery.LEASE.total_seconds() > 2 * PATIENCE


def test_a_server_that_dawdles_does_not_get_the_mail_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer came in time, all of them did not: with the mail's end on its way the lease could run out."""
    monkeypatch.setattr(sending, "LAST_MOMENT", 0)
    with mail_server() as server, closing(Line(server.route())) as line:
        assert sent(line).outcome == TryOutcome.DOWN
        assert b"Open https" not in b"".join(server.bodies)


class Parting(smtp.EmailBackend):
    """Django's own, seen as it is about to say good-bye."""

    patience: list[float | None] = []

    def close(self) -> None:
        if self.connection:
            self.patience.append(self.connection.sock.gettimeout())
        super().close()


def test_nobody_waits_long_for_a_servers_good_bye() -> None:
    with mail_server() as server:
        spec = {**server.route(timeout=PATIENCE).spec, "BACKEND": f"{__name__}.Parting"}
        line = Line(Route("smtp", spec=spec))
        sent(line)
        line.close()
        assert Parting.patience == [sending.PARTING]
