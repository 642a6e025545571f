"""Who sends, by audience and route: which domains fit together, what is shared, and the record to publish."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa as maker
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from recovery import domains
from recovery.domains import Finding, Judged
from recovery.reasons import DomainPart, DomainReason, Judgement
from tests.domains.conftest import Dns
from tests.domains.zones import DMARC, DOMAIN, GOOD, KEY, MX, SPF, changed, rsa

R = DomainReason
POSTMARK = "anymail.backends.postmark.EmailBackend"


def give(settings: Any, **own: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, **own}


def route(**own: Any) -> dict[str, Any]:
    return {"NAME": "main", "BACKEND": POSTMARK, "OPTIONS": {"server_token": "t"}, **own}


def looked() -> Judged:
    [judged] = domains.look()
    return judged


def of(part: DomainPart, subject: str = "") -> Finding:
    return next(each for each in looked().findings if each.part == part and subject in each.subject)


SIGNED: dict[str, tuple[list[str], str, str | None, DomainReason]] = {
    "by its own": (["s1"], "p=reject", None, R.ALIGNED),
    "by the organisation": (["s1@example.org"], "p=reject", None, R.ALIGNED),
    "by the organisation, strictly": (["s1@example.org"], "p=reject; adkim=s", None, R.ALIGNED_BY_SPF_ALONE),
    "by the provider": (["s1@esp.example.net"], "p=reject", None, R.ALIGNED_BY_SPF_ALONE),
    "and a return path of a sister": (
        ["s1@esp.example.net"], "p=reject", "bounces.example.org", R.ALIGNED_BY_SPF_ALONE,
    ),
    "and a sister, strictly": (["s1@esp.example.net"], "p=reject; aspf=s", "bounces.example.org", R.NOT_ALIGNED),
    "and the provider's return path": (["s1@esp.example.net"], "p=reject", "esp.example.net", R.NOT_ALIGNED),
    "by a registry": (["s1@example.org"], "p=reject; psd=y", "esp.example.net", R.NOT_ALIGNED),
    "by nobody known": ([], "p=reject", "esp.example.net", R.ALIGNMENT_NOT_KNOWN),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNED)
def test_signature_or_return_path_must_belong_to_the_senders_domain(dns: Dns, settings: Any, name: str) -> None:
    selectors, policy, return_path, reason = SIGNED[name]
    signed, spf = [f"v=DKIM1; p={rsa(2048)}"], ["v=spf1 ip4:192.0.2.10 ~all"]
    dns(
        changed(
            {
                DMARC: [f"v=DMARC1; {policy}"],
                ("s1._domainkey.example.org", "TXT"): signed,
                ("s1._domainkey.esp.example.net", "TXT"): signed,
                ("bounces.example.org", "TXT"): spf,
                ("esp.example.net", "TXT"): spf,
            }
        )
    )
    give(settings, DKIM_SELECTORS=selectors, RETURN_PATH_DOMAIN=return_path)
    assert of(DomainPart.ALIGNMENT).reason == reason


def test_a_record_that_is_its_own_organisation_ends_the_walk(dns: Dns, settings: Any) -> None:
    own, key = ("_dmarc.mail.example.org", "TXT"), ("s1._domainkey.example.org", "TXT")
    dns(changed({own: ["v=DMARC1; p=reject; psd=n"], key: GOOD[KEY]}))
    give(settings, DKIM_SELECTORS=["s1@example.org"])
    assert of(DomainPart.ALIGNMENT).reason == R.ALIGNED_BY_SPF_ALONE


def test_the_walk_of_a_long_name_leaves_out_what_lies_between(dns: Dns, settings: Any) -> None:
    """RFC 9989 section 4.10: after the domain itself, at most the last seven labels are asked for."""
    deep = "a.b.c.d.e.f.g.h.i.mail.example.org"
    server = dns(changed({(deep, "TXT"): ["v=spf1 mx -all"], (deep, "MX"): ["10 mx.example.org."]}))
    give(settings, FROM_EMAIL=f"a@{deep}", DKIM_SELECTORS=[])
    assert of(DomainPart.DMARC).reason == R.DMARC_GOOD
    walked = [name for name, _ in server.asked if name.startswith("_dmarc.")]
    assert walked[:2] == [f"_dmarc.{deep}", "_dmarc.f.g.h.i.mail.example.org"]
    assert len(walked) == 8


def test_a_domain_that_does_not_exist_below_its_policy_gets_np(dns: Dns, settings: Any) -> None:
    dns(changed({DMARC: ["v=DMARC1; p=reject; sp=reject; np=quarantine"], SPF: None, MX: None, KEY: None}))
    assert looked().judgement == Judgement.PROBLEM


def test_a_provider_whose_return_path_is_its_own_is_unknown_and_no_problem(dns: Dns, settings: Any) -> None:
    dns(GOOD)
    give(settings, ROUTES=[route()], DKIM_SELECTORS=[])
    assert of(DomainPart.ALIGNMENT).reason == R.ALIGNMENT_NOT_KNOWN
    assert of(DomainPart.DKIM).reason == R.DKIM_NOT_NAMED
    assert looked().judgement == Judgement.UNKNOWN


def test_the_servers_of_a_provider_are_those_of_its_own_record(dns: Dns, settings: Any) -> None:
    dns(changed({("spf.mtasv.net", "TXT"): ["v=spf1 ip4:198.51.100.0/25 ~all"]}))
    give(settings, ROUTES=[route()])
    assert looked().networks == ("192.0.2.0/24", "198.51.100.0/25")
    give(settings, ROUTES=[route(RETURN_PATH=DOMAIN)])
    assert looked().networks == ("192.0.2.0/24",)


def test_each_audience_and_route_has_its_own_sender_keys_and_return_path(dns: Dns, settings: Any) -> None:
    second = {("s2._domainkey.portal.example", "TXT"): GOOD[KEY], ("portal.example", "TXT"): ["v=spf1 mx -all"]}
    dns(changed(second))
    door = {"BASE_URL": "https://portal.example", "FROM_EMAIL": "a@portal.example", "ROUTES": ["spare"]}
    spare = route(NAME="spare", RETURN_PATH="pm.mail.example.org", DKIM_SELECTORS=["s2"], IPS=["203.0.113.0/28"])
    give(settings, ROUTES=[route(), spare], AUDIENCES={"portal": door})
    found = [(each.sender.audience, each.sender.route, each.sender.domain) for each in domains.look()]
    assert found == [("default", "main", DOMAIN), ("default", "spare", DOMAIN), ("portal", "spare", "portal.example")]
    portal = domains.look()[-1]
    assert [each.subject for each in portal.findings if each.part == DomainPart.DKIM] == [
        "s2._domainkey.portal.example"
    ]
    assert portal.sender.return_path == "pm.mail.example.org"
    assert portal.sender.ips == ("203.0.113.0/28",)


def test_marketing_from_the_same_domain_or_stream_is_flagged(dns: Dns, settings: Any) -> None:
    dns(GOOD)
    assert of(DomainPart.SHARING).judgement == Judgement.OK
    give(settings, MARKETING_DOMAINS=["Mail.example.org"])
    assert (of(DomainPart.SHARING).judgement, of(DomainPart.SHARING).reason) == (Judgement.NOTICE, R.SHARED_DOMAIN)
    give(settings, MARKETING_DOMAINS=["news.example.org"], MARKETING_STREAMS=["broadcast"], ROUTES=[route()])
    assert of(DomainPart.SHARING).judgement == Judgement.OK
    give(settings, ROUTES=[route(STREAM="broadcast")])
    assert of(DomainPart.SHARING).reason == R.SHARED_STREAM


def test_servers_of_the_settings_that_the_record_leaves_out_are_a_problem(dns: Dns, settings: Any) -> None:
    dns(GOOD)
    give(settings, SENDING_IPS=["192.0.2.0/28", "198.51.100.7"])
    finding = of(DomainPart.SPF)
    assert (finding.judgement, finding.reason) == (Judgement.PROBLEM, R.SPF_NOT_OURS)
    assert finding.record == "v=spf1 ip4:198.51.100.7 ip4:192.0.2.0/24 -all"
    give(settings, SENDING_IPS=["192.0.2.0/28"])
    assert of(DomainPart.SPF).judgement == Judgement.OK


def test_the_return_path_is_looked_at_too(dns: Dns, settings: Any) -> None:
    dns(changed({("bounces.example.org", "MX"): ["0 ."], ("bounces.example.org", "TXT"): ["v=spf1 +all"]}))
    give(settings, RETURN_PATH_DOMAIN="bounces.example.org")
    assert of(DomainPart.MX, "bounces").reason == R.MX_NULL
    assert of(DomainPart.SPF, "bounces").reason == R.SPF_ANYBODY


@pytest.mark.parametrize(
    ("changes", "part", "name", "record"),
    [
        ({SPF: None}, DomainPart.SPF, DOMAIN, "v=spf1 mx a ~all"),
        ({SPF: ["v=spf1 mx -all", "v=spf1 ip4:192.0.2.1 ~all"]}, DomainPart.SPF, DOMAIN,
         "v=spf1 ip4:192.0.2.1 mx ~all"),
        ({SPF: ["v=spf1 mx +all"]}, DomainPart.SPF, DOMAIN, "v=spf1 mx ~all"),
        ({SPF: ["v=spf1 mx"]}, DomainPart.SPF, DOMAIN, "v=spf1 mx ~all"),
        ({SPF: ["v=spf1 mx ipv4:192.0.2.1 -all"]}, DomainPart.SPF, DOMAIN, "v=spf1 mx ~all"),
        ({SPF: ["v=spf1 include:gone.example.net mx -all"]}, DomainPart.SPF, DOMAIN, "v=spf1 mx -all"),
        ({MX: None}, DomainPart.MX, DOMAIN, "10 {the name of your mail server}."),
        ({DMARC: None}, DomainPart.DMARC, f"_dmarc.{DOMAIN}", f"v=DMARC1; p=none; rua=mailto:dmarc@{DOMAIN}"),
        ({DMARC: None, (f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=deny; rua=mailto:r@example.org; adkim=s"]},
         DomainPart.DMARC, f"_dmarc.{DOMAIN}", "v=DMARC1; p=none; rua=mailto:r@example.org; adkim=s"),
        ({KEY: ["v=DKIM1; p=aaaa", "v=DKIM1; p=aaaaaaaa"]}, DomainPart.DKIM, "", ""),
        ({DMARC: ["v=DMARC1; p=none; adkim=s"]}, DomainPart.DMARC, "_dmarc.example.org",
         "v=DMARC1; p=quarantine; adkim=s"),
        ({DMARC: ["v=DMARC1; p=reject; t=y"]}, DomainPart.DMARC, "_dmarc.example.org", "v=DMARC1; p=reject; t=n"),
    ],
)  # fmt: skip
def test_what_to_publish_is_the_record_that_mends_it(
    dns: Dns, changes: dict[Any, Any], part: DomainPart, name: str, record: str
) -> None:
    dns(changed({("x.mail.example.org", "TXT"): ["the domain exists"], **changes}))
    finding = of(part)
    assert (finding.name, finding.record) == (name, record)


def test_a_provider_is_named_in_the_record_to_publish(dns: Dns, settings: Any) -> None:
    dns(changed({SPF: None, ("spf.mtasv.net", "TXT"): ["v=spf1 ip4:198.51.100.0/25 ~all"]}))
    give(settings, ROUTES=[route()], SENDING_IPS=["2001:db8::/48"])
    assert of(DomainPart.SPF).record == "v=spf1 include:spf.mtasv.net ip6:2001:db8::/48 ~all"


def test_a_real_key_has_the_length_that_its_maker_gave_it(dns: Dns) -> None:
    key = maker.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # the shortest is the soonest
    text = base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    dns(changed({KEY: [f"v=DKIM1; p={text}"]}))
    assert of(DomainPart.DKIM).detail == "1024"
