"""DNS servers that are silent, broken or lie: what they say is unknown, never a problem of the domain."""

import io
from datetime import timedelta
from functools import partial
from typing import Any

import dns.resolver
import pytest

from recovery import domains
from recovery.domains import Judged
from recovery.reasons import DomainPart, DomainReason, Judgement
from tests.domains.conftest import Dns
from tests.domains.zones import DOMAIN, GOOD, KEY, SPF, changed

R = DomainReason
BROKEN = {
    "silent": R.DNS_TIMEOUT,
    "wrong_id": R.DNS_TIMEOUT,
    "wrong_question": R.DNS_TIMEOUT,
    "garbage": R.DNS_TIMEOUT,
    "servfail": R.DNS_FAILED,
    "refused": R.DNS_FAILED,
    "sends_on": R.DNS_FAILED,
    "truncated": R.DNS_TRUNCATED,
    "denies_all": R.DNS_LIES,
    "makes_up": R.DNS_LIES,
    "makes_up_behind_a_cache": R.DNS_LIES,
    "bare": R.DNS_GARBAGE,
    "cut_garbage": R.DNS_GARBAGE,
    "denies_and_answers": R.DNS_LIES,
}
OF_SETTINGS = {DomainReason.NOT_SHARED}
"""Known without the DNS."""


def looked() -> Judged:
    [judged] = domains.look()
    return judged


def of_dns(judged: Judged) -> dict[DomainPart, tuple[Judgement, DomainReason]]:
    return {
        finding.part: (finding.judgement, finding.reason)
        for finding in judged.findings
        if finding.reason not in OF_SETTINGS
    }


@pytest.mark.parametrize("mode", BROKEN)
def test_a_broken_server_makes_everything_unknown_and_nothing_a_problem(dns: Dns, mode: str) -> None:
    dns(GOOD, mode, within=0.1)
    judged = looked()
    assert judged.judgement == Judgement.UNKNOWN
    assert {judgement for judgement, _ in of_dns(judged).values()} == {Judgement.UNKNOWN}
    assert of_dns(judged)[DomainPart.SPF][1] == BROKEN[mode]
    for finding in judged.findings:
        assert finding.record == ""
        assert domains.advice(finding.reason) or finding.reason in OF_SETTINGS


def test_a_server_that_denies_the_domain_and_knows_what_is_below_it_is_not_believed(dns: Dns) -> None:
    """The liar of one name: the domain would not exist, and its key would."""
    dns(GOOD, "denies_the_domain")
    judged = looked()
    assert judged.judgement != Judgement.OK
    assert of_dns(judged)[DomainPart.DOMAIN] == (Judgement.UNKNOWN, R.DNS_LIES)
    assert Judgement.PROBLEM not in {finding.judgement for finding in judged.findings}


def test_a_key_that_nobody_could_look_up_leaves_open_whether_mail_is_aligned(dns: Dns) -> None:
    dns(GOOD, "hides_keys")
    told = of_dns(looked())
    assert told[DomainPart.DKIM] == told[DomainPart.ALIGNMENT] == (Judgement.UNKNOWN, R.DNS_FAILED)
    assert told[DomainPart.SPF][0] == Judgement.OK


def test_a_filter_that_drops_texts_leaves_them_unknown_and_what_it_lets_through_known(dns: Dns) -> None:
    dns(GOOD, "no_texts")
    judged = looked()
    assert Judgement.PROBLEM not in {finding.judgement for finding in judged.findings}
    told = of_dns(judged)
    assert told[DomainPart.SPF] == told[DomainPart.DMARC] == (Judgement.UNKNOWN, R.DNS_GARBAGE)


def test_a_cache_that_forgot_whose_word_it_was_is_believed_beside_an_address(dns: Dns) -> None:
    dns(changed({SPF: ["v=spf1 mx -all"]}), "forgetful")
    assert looked().judgement == Judgement.OK
    dns.again(changed({("mx.example.org", "A"): None}))
    assert of_dns(looked())[DomainPart.MX] == (Judgement.PROBLEM, R.MX_DEAD)
    dns.places.clear()
    dns(changed({("mx.example.org", "A"): None}), "forgetful")
    assert of_dns(looked())[DomainPart.MX] == (Judgement.UNKNOWN, R.DNS_GARBAGE)


@pytest.mark.parametrize("place", ["127.0.0.1:1", "255.255.255.255"])  # nothing may even be sent to the second
def test_a_server_that_nobody_runs_makes_everything_unknown(settings: Any, place: str) -> None:
    dns = {"resolvers": [place], "answer_within": timedelta(seconds=0.1)}
    settings.RECOVERY = {**settings.RECOVERY, "FROM_EMAIL": "a@example.org", "DNS": dns}
    judged = looked()
    assert judged.judgement == Judgement.UNKNOWN
    assert of_dns(judged)[DomainPart.SPF] == (Judgement.UNKNOWN, R.DNS_TIMEOUT)


def test_silence_is_waited_for_once_and_not_for_every_question(dns: Dns) -> None:
    server = dns(GOOD, "silent", within=0.1)
    looked()
    assert len(server.asked) == 2


def test_all_of_it_together_ends_at_the_deadline(dns: Dns) -> None:
    server = dns(GOOD, "slow", deadline=0.18)
    judged = looked()
    assert of_dns(judged)[DomainPart.DMARC] == (Judgement.UNKNOWN, R.DNS_TIMEOUT)
    assert len(server.asked) <= 4


def test_a_cut_answer_is_asked_for_again_by_tcp(dns: Dns) -> None:
    server = dns(GOOD, "cut")
    assert looked().judgement == Judgement.OK
    assert server.asked.count((DOMAIN, "TXT")) == 2


def test_the_second_server_answers_where_the_first_fails(dns: Dns) -> None:
    dns(GOOD, "servfail")
    dns(GOOD)
    assert looked().judgement == Judgement.OK


def two_that_differ(serve: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(changed({KEY: None}))
    serve(GOOD)


def a_machine_without_any(serve: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(GOOD)
    serve.settings.RECOVERY = {**serve.settings.RECOVERY, "DNS": {"resolvers": []}}
    of_nothing = partial(dns.resolver.Resolver, io.StringIO("search example.org"))
    monkeypatch.setattr(dns.resolver, "Resolver", of_nothing)


OTHERWISE = {R.DNS_DISAGREES: two_that_differ, R.DNS_NOWHERE: a_machine_without_any}


@pytest.mark.parametrize("reason", OTHERWISE)
def test_what_no_single_server_can_be_at_fault_for_is_unknown_too(
    dns: Dns, monkeypatch: pytest.MonkeyPatch, reason: DomainReason
) -> None:
    OTHERWISE[reason](dns, monkeypatch)
    assert of_dns(looked())[DomainPart.DKIM] == (Judgement.UNKNOWN, reason)


def test_where_both_servers_know_no_record_there_is_none(dns: Dns) -> None:
    dns(changed({KEY: None}))
    dns(changed({KEY: None}))
    assert of_dns(looked())[DomainPart.DKIM] == (Judgement.PROBLEM, R.DKIM_MISSING)


def test_each_question_is_asked_once_for_all_senders(dns: Dns, settings: Any) -> None:
    server = dns(GOOD)
    door = {"BASE_URL": "https://portal.example"}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"portal": door, "partner": door}}
    assert len(domains.look()) == 3
    assert len(server.asked) == len(set(server.asked))
