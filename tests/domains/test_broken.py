"""DNS servers that are silent, broken or lie: what they say is unknown, never a problem of the domain."""

from datetime import timedelta
from typing import Any

import pytest

from recovery import domains
from recovery.domains import Judged
from recovery.reasons import DomainPart, DomainReason, Judgement
from tests.domains.conftest import Dns
from tests.domains.zones import DOMAIN, GOOD, KEY, changed

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


def test_a_server_that_nobody_runs_makes_everything_unknown(settings: Any) -> None:
    dns = {"resolvers": ["127.0.0.1:1"], "answer_within": timedelta(seconds=0.1)}
    settings.RECOVERY = {**settings.RECOVERY, "FROM_EMAIL": "a@example.org", "DNS": dns}
    assert looked().judgement == Judgement.UNKNOWN


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


def test_where_the_second_server_knows_a_record_the_first_is_not_believed_that_there_is_none(dns: Dns) -> None:
    dns(changed({KEY: None}))
    dns(GOOD)
    assert of_dns(looked())[DomainPart.DKIM] == (Judgement.UNKNOWN, R.DNS_DISAGREES)


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
