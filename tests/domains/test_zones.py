"""What the DNS holds, and how it must be judged: one zone a line."""

import base64
from typing import Any

import pytest

from recovery import domains
from recovery.domains import Finding
from recovery.reasons import DomainPart, DomainReason, Judgement
from tests.domains.conftest import Dns
from tests.domains.test_broken import BROKEN, OTHERWISE
from tests.domains.zones import DMARC, DOMAIN, GOOD, KEY, MX, OWN_DMARC, SPF, changed, rsa

OK, NOTICE, PROBLEM, UNKNOWN = Judgement.OK, Judgement.NOTICE, Judgement.PROBLEM, Judgement.UNKNOWN
R, P = DomainReason, DomainPart


def include(number: int, text: str = "v=spf1 ip4:198.51.100.7 -all") -> dict[tuple[str, str], list[str]]:
    return {(f"i{number}.example.net", "TXT"): [text] for number in range(number)}


def includes(count: int) -> list[str]:
    return [f"v=spf1 {' '.join(f'include:i{number}.example.net' for number in range(count))} -all"]


def key(**tags: str) -> list[str]:
    return ["; ".join(f"{tag}={value}" for tag, value in {"v": "DKIM1", "p": rsa(2048), **tags}.items())]


def policy(text: str) -> list[str]:
    return [f"v=DMARC1; {text}"]


REPORTS = "rua=mailto:d@example.org"
POSTMARK = "anymail.backends.postmark.EmailBackend"
ED25519 = base64.b64encode(bytes(32)).decode()

ZONES: dict[str, tuple[dict[Any, Any], DomainPart, Judgement, DomainReason]] = {
    # The domain and its mail servers.
    "no such domain": (
        {SPF: None, MX: None, KEY: None, ("other.example.org", "A"): ["192.0.2.1"]},
        P.DOMAIN, PROBLEM, R.DOMAIN_MISSING,
    ),
    "the domain": ({}, P.DOMAIN, OK, R.DOMAIN_FOUND),
    "mx": ({}, P.MX, OK, R.MX_FOUND),
    "no mx, but an address": ({MX: None, (DOMAIN, "A"): ["192.0.2.1"]}, P.MX, NOTICE, R.MX_IMPLICIT),
    "no mx, but an address of six": ({MX: None, (DOMAIN, "AAAA"): ["2001:db8::1"]}, P.MX, NOTICE, R.MX_IMPLICIT),
    "nothing takes mail": ({MX: None}, P.MX, PROBLEM, R.MX_MISSING),
    "null mx": ({MX: ["0 ."]}, P.MX, PROBLEM, R.MX_NULL),
    "null mx beside another": ({MX: ["0 .", "10 mx.example.org."]}, P.MX, PROBLEM, R.MX_NULL),
    "mx without an address": ({MX: ["10 gone.example.org."]}, P.MX, PROBLEM, R.MX_DEAD),
    "one mx of two has an address": ({MX: ["5 gone.example.org.", "10 mx.example.org."]}, P.MX, OK, R.MX_FOUND),
    # SPF.
    "spf": ({}, P.SPF, OK, R.SPF_GOOD),
    "spf in capitals": ({SPF: ["V=SPF1 IP4:192.0.2.0/24 -ALL"]}, P.SPF, OK, R.SPF_GOOD),
    "spf beside other texts": ({SPF: ["site-verification=1", "v=spf1 mx ~all"]}, P.SPF, OK, R.SPF_GOOD),
    "spf of no version": ({SPF: ["v=spf10 mx -all"]}, P.SPF, PROBLEM, R.SPF_MISSING),
    "no spf": ({SPF: ["hello"]}, P.SPF, PROBLEM, R.SPF_MISSING),
    "two spf records": ({SPF: ["v=spf1 mx -all", "v=spf1 a -all"]}, P.SPF, PROBLEM, R.SPF_SEVERAL),
    "anybody": ({SPF: ["v=spf1 +all"]}, P.SPF, PROBLEM, R.SPF_ANYBODY),
    "anybody by a bare all": ({SPF: ["v=spf1 mx all"]}, P.SPF, PROBLEM, R.SPF_ANYBODY),
    "anybody by an include": ({SPF: includes(1), **include(1, "v=spf1 +all")}, P.SPF, PROBLEM, R.SPF_ANYBODY),
    "anybody by an include within": (
        {SPF: includes(1), **include(1, "v=spf1 include:x.example.net -all"), ("x.example.net", "TXT"): ["v=spf1 all"]},
        P.SPF, PROBLEM, R.SPF_ANYBODY,
    ),
    "anybody by a length of nothing": ({SPF: ["v=spf1 mx ip4:0.0.0.0/0 -all"]}, P.SPF, PROBLEM, R.SPF_ANYBODY),
    "anybody by two halves": ({SPF: ["v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all"]}, P.SPF, PROBLEM, R.SPF_ANYBODY),
    "anybody by many": (
        {SPF: [f"v=spf1 {' '.join(f'ip4:{number}.128.0.0/10' for number in range(1, 9))} -all"]},
        P.SPF, PROBLEM, R.SPF_ANYBODY,
    ),
    "anybody near a server": ({SPF: ["v=spf1 a:mx.example.org/0 -all"]}, P.SPF, PROBLEM, R.SPF_ANYBODY),
    "anybody by six": ({SPF: ["v=spf1 mx ip6:2000::/3 -all"]}, P.SPF, PROBLEM, R.SPF_ANYBODY),
    "anybody by what is always there": ({SPF: ["v=spf1 exists:mx.example.org -all"]}, P.SPF, PROBLEM, R.SPF_ANYBODY),
    "what is there by six alone": (
        {SPF: ["v=spf1 mx exists:x.example.net -all"], ("x.example.net", "AAAA"): ["2001:db8::1"]},
        P.SPF, OK, R.SPF_GOOD,
    ),
    "a whole /8": ({SPF: ["v=spf1 ip4:10.0.0.0/8 ip6:2001:db8::/32 -all"]}, P.SPF, OK, R.SPF_GOOD),
    "the same /8 twice": ({SPF: ["v=spf1 ip4:10.0.0.0/8 ip4:10.0.0.0/9 -all"]}, P.SPF, OK, R.SPF_GOOD),
    "anybody, but they are refused before": (
        {SPF: ["v=spf1 mx -ip4:0.0.0.0/0 ip4:0.0.0.0/0 -all"]}, P.SPF, OK, R.SPF_GOOD,
    ),
    "anybody by an include that refuses": (
        {SPF: ["v=spf1 mx -include:i0.example.net -all"], **include(1, "v=spf1 +all")}, P.SPF, OK, R.SPF_GOOD,
    ),
    "nobody": ({SPF: ["v=spf1 -all"]}, P.SPF, PROBLEM, R.SPF_NOT_OURS),
    "neutral": ({SPF: ["v=spf1 mx ?all"]}, P.SPF, NOTICE, R.SPF_NEUTRAL),
    "no end": ({SPF: ["v=spf1 mx"]}, P.SPF, NOTICE, R.SPF_NEUTRAL),
    "mistyped mechanism": ({SPF: ["v=spf1 ipv4:192.0.2.1 -all"]}, P.SPF, PROBLEM, R.SPF_SYNTAX),
    "no address": ({SPF: ["v=spf1 ip4:192.0.2.999 -all"]}, P.SPF, PROBLEM, R.SPF_SYNTAX),
    "four said to be six": ({SPF: ["v=spf1 ip6:192.0.2.1 -all"]}, P.SPF, PROBLEM, R.SPF_SYNTAX),
    "wrong after the end": ({SPF: ["v=spf1 mx -all nonsense"]}, P.SPF, PROBLEM, R.SPF_SYNTAX),
    "two redirects": (
        {SPF: ["v=spf1 redirect=i0.example.net redirect=i0.example.net"], **include(1)}, P.SPF, PROBLEM, R.SPF_SYNTAX,
    ),
    "unknown modifier": ({SPF: ["v=spf1 mx new=thing -all"]}, P.SPF, OK, R.SPF_GOOD),
    "include": ({SPF: includes(1), **include(1)}, P.SPF, OK, R.SPF_GOOD),
    "include of nothing": ({SPF: includes(1)}, P.SPF, PROBLEM, R.SPF_INCLUDE),
    "include of two records": (
        {SPF: includes(1), ("i0.example.net", "TXT"): ["v=spf1 -all", "v=spf1 mx -all"]}, P.SPF, PROBLEM, R.SPF_SEVERAL,
    ),
    "include of anybody is the includer's end": (
        {SPF: includes(1), **include(1, "v=spf1 ip4:198.51.100.7 ?all")}, P.SPF, OK, R.SPF_GOOD,
    ),
    "the end of an include is none of the includer": (
        {SPF: ["v=spf1 include:i0.example.net"], **include(1)}, P.SPF, NOTICE, R.SPF_NEUTRAL,
    ),
    "ten look-ups": ({SPF: includes(10), **include(10)}, P.SPF, OK, R.SPF_GOOD),
    "eleven look-ups": ({SPF: includes(11), **include(11)}, P.SPF, PROBLEM, R.SPF_LOOKUPS),
    "eleven look-ups, one of them inside": (
        {SPF: includes(10), **include(10), ("i9.example.net", "TXT"): ["v=spf1 a:mx.example.org -all"]},
        P.SPF, PROBLEM, R.SPF_LOOKUPS,
    ),
    "ten look-ups and a redirect": (
        {SPF: [includes(10)[0].replace("-all", "redirect=i10.example.net")], **include(11)},
        P.SPF, PROBLEM, R.SPF_LOOKUPS,
    ),
    "look-ups after the end cost nothing": (
        {SPF: ["v=spf1 mx -all " + " ".join(f"a:x{n}.example.net" for n in range(12))]}, P.SPF, OK, R.SPF_GOOD,
    ),
    "two void look-ups": ({SPF: ["v=spf1 a:x.example.net a:y.example.net mx -all"]}, P.SPF, OK, R.SPF_GOOD),
    "three void look-ups": (
        {SPF: ["v=spf1 a:x.example.net a:y.example.net exists:z.example.net -all"]}, P.SPF, PROBLEM, R.SPF_VOIDS,
    ),
    "includes itself": ({SPF: [f"v=spf1 include:{DOMAIN} -all"]}, P.SPF, PROBLEM, R.SPF_LOOP),
    "includes itself by another": (
        {SPF: includes(1), **include(1, f"v=spf1 include:{DOMAIN} -all")}, P.SPF, PROBLEM, R.SPF_LOOP,
    ),
    "redirect": ({SPF: ["v=spf1 redirect=i0.example.net"], **include(1)}, P.SPF, OK, R.SPF_GOOD),
    "redirect to anybody": (
        {SPF: ["v=spf1 redirect=i0.example.net"], **include(1, "v=spf1 +all")}, P.SPF, PROBLEM, R.SPF_ANYBODY,
    ),
    "redirect to nothing": ({SPF: ["v=spf1 redirect=i0.example.net"]}, P.SPF, PROBLEM, R.SPF_INCLUDE),
    "redirect to a neutral end": (
        {SPF: ["v=spf1 redirect=i0.example.net"], **include(1, "v=spf1 ip4:198.51.100.7 ?all")},
        P.SPF, NOTICE, R.SPF_NEUTRAL,
    ),
    "redirect by a macro": ({SPF: ["v=spf1 redirect=%{d}._spf.example.net"]}, P.SPF, NOTICE, R.SPF_MACRO),
    "redirect behind an end": ({SPF: ["v=spf1 mx -all redirect=i0.example.net"]}, P.SPF, OK, R.SPF_GOOD),
    "ptr": ({SPF: ["v=spf1 ptr mx -all"]}, P.SPF, NOTICE, R.SPF_PTR),
    "ptr alone": ({SPF: ["v=spf1 ptr -all"]}, P.SPF, NOTICE, R.SPF_PTR),
    "macro": ({SPF: ["v=spf1 exists:%{i}._spf.example.net mx -all"]}, P.SPF, NOTICE, R.SPF_MACRO),
    "macro alone": ({SPF: ["v=spf1 exists:%{i}._spf.example.net -all"]}, P.SPF, NOTICE, R.SPF_MACRO),
    "mx with eleven servers": (
        {MX: [f"10 m{n}.example.org." for n in range(11)], SPF: ["v=spf1 mx -all"]}, P.SPF, PROBLEM, R.SPF_LOOKUPS,
    ),
    "more words than any sender has": (
        {SPF: includes(10), **include(10, "v=spf1 " + "ip6::: " * 100 + "-all")}, P.SPF, UNKNOWN, R.DNS_GARBAGE,
    ),
    "spf behind an alias": (
        {SPF: includes(1), ("i0.example.net", "CNAME"): ["real.example.net."],
         ("real.example.net", "TXT"): ["v=spf1 ip4:198.51.100.7 -all"]},
        P.SPF, OK, R.SPF_GOOD,
    ),
    # DKIM.
    "dkim": ({}, P.DKIM, OK, R.DKIM_GOOD),
    "key without a version": ({KEY: [f"k=rsa; p={rsa(2048)}"]}, P.DKIM, OK, R.DKIM_GOOD),
    "bare key of PKCS 1": ({KEY: key(p=rsa(2048, is_bare=True))}, P.DKIM, OK, R.DKIM_GOOD),
    "key behind an alias": (
        {KEY: None, (KEY[0], "CNAME"): ["s1.esp.example.net."], ("s1.esp.example.net", "TXT"): key()},
        P.DKIM, OK, R.DKIM_GOOD,
    ),
    "no key": ({KEY: None}, P.DKIM, PROBLEM, R.DKIM_MISSING),
    "revoked": ({KEY: key(p="")}, P.DKIM, PROBLEM, R.DKIM_REVOKED),
    "1023 bits": ({KEY: key(p=rsa(1023))}, P.DKIM, PROBLEM, R.DKIM_WEAK),
    "512 bits": ({KEY: key(p=rsa(512))}, P.DKIM, PROBLEM, R.DKIM_WEAK),
    "1024 bits": ({KEY: key(p=rsa(1024))}, P.DKIM, NOTICE, R.DKIM_SHORT),
    "2047 bits": ({KEY: key(p=rsa(2047))}, P.DKIM, NOTICE, R.DKIM_SHORT),
    "4096 bits": ({KEY: key(p=rsa(4096))}, P.DKIM, OK, R.DKIM_GOOD),
    "ed25519": ({KEY: key(k="ed25519", p=ED25519)}, P.DKIM, NOTICE, R.DKIM_ED25519),
    "ed25519 cut": ({KEY: key(k="ed25519", p=ED25519[:20])}, P.DKIM, PROBLEM, R.DKIM_BROKEN),
    "key cut": ({KEY: key(p=rsa(2048)[:200])}, P.DKIM, PROBLEM, R.DKIM_BROKEN),
    "key of letters": ({KEY: key(p="not*base64")}, P.DKIM, PROBLEM, R.DKIM_BROKEN),
    "key of another kind": ({KEY: key(k="dsa")}, P.DKIM, PROBLEM, R.DKIM_BROKEN),
    "no key in it": ({KEY: ["v=DKIM1; k=rsa"]}, P.DKIM, PROBLEM, R.DKIM_BROKEN),
    "version last": ({KEY: [f"p={rsa(2048)}; v=DKIM1"]}, P.DKIM, PROBLEM, R.DKIM_BROKEN),
    "version of the future": ({KEY: key(v="DKIM2")}, P.DKIM, PROBLEM, R.DKIM_BROKEN),
    "two keys": ({KEY: [*key(), *key(p=rsa(1024))]}, P.DKIM, PROBLEM, R.DKIM_SEVERAL),
    "key for testing": ({KEY: key(t="y:s")}, P.DKIM, NOTICE, R.DKIM_TESTING),
    "key for SHA-1 alone": ({KEY: key(h="sha1")}, P.DKIM, PROBLEM, R.DKIM_OTHER_USE),
    "key for no mail": ({KEY: key(s="tlsrpt")}, P.DKIM, PROBLEM, R.DKIM_OTHER_USE),
    # DMARC.
    "dmarc of the organisation": ({}, P.DMARC, OK, R.DMARC_GOOD),
    "dmarc of its own": ({OWN_DMARC: policy("p=quarantine")}, P.DMARC, OK, R.DMARC_GOOD),
    "no dmarc": ({DMARC: None}, P.DMARC, PROBLEM, R.DMARC_MISSING),
    "dmarc of another kind of text": ({DMARC: ["hello"]}, P.DMARC, PROBLEM, R.DMARC_MISSING),
    "version not first": ({DMARC: ["p=reject; v=DMARC1"]}, P.DMARC, PROBLEM, R.DMARC_MISSING),
    "two dmarc records": ({OWN_DMARC: policy("p=reject") + policy("p=none")}, P.DMARC, PROBLEM, R.DMARC_SEVERAL),
    "p=none": ({DMARC: policy(f"p=none; {REPORTS}")}, P.DMARC, NOTICE, R.DMARC_NONE),
    "sp=none": ({DMARC: policy("p=reject; sp=none")}, P.DMARC, NOTICE, R.DMARC_NONE),
    "sp holds below": ({DMARC: policy("p=reject; sp=quarantine")}, P.DMARC, OK, R.DMARC_GOOD),
    "np=none": ({DMARC: policy("p=reject; np=none")}, P.DMARC, NOTICE, R.DMARC_NONE),
    "t=y": ({DMARC: policy("p=reject; t=y")}, P.DMARC, NOTICE, R.DMARC_TESTING),
    "pct means nothing any more": ({DMARC: policy("p=reject; pct=0")}, P.DMARC, OK, R.DMARC_GOOD),
    "no policy, but reports": ({OWN_DMARC: policy(REPORTS)}, P.DMARC, PROBLEM, R.DMARC_BROKEN),
    "a policy of no word": ({OWN_DMARC: policy("p=deny")}, P.DMARC, PROBLEM, R.DMARC_BROKEN),
    "no tags": ({OWN_DMARC: ["v=DMARC1; reject"]}, P.DMARC, PROBLEM, R.DMARC_BROKEN),
    "a registry's policy": ({DMARC: None, ("_dmarc.org", "TXT"): policy("p=reject; psd=y")}, P.DMARC, OK, R.DMARC_GOOD),
    # Alignment.
    "signed by the sender's own": ({}, P.ALIGNMENT, OK, R.ALIGNED),
    "no key, and nobody may send": ({KEY: None, SPF: ["x"]}, P.ALIGNMENT, PROBLEM, R.NOT_ALIGNED),
    "no key, and the return path fits": ({KEY: None}, P.ALIGNMENT, NOTICE, R.ALIGNED_BY_SPF_ALONE),
}  # fmt: skip


def found(part: DomainPart) -> Finding:
    [judged] = domains.look()
    return next(finding for finding in judged.findings if finding.part == part)


SITES: dict[str, tuple[dict[str, Any], DomainPart, Judgement, DomainReason]] = {
    "no sender": ({"FROM_EMAIL": "webmaster"}, P.DOMAIN, PROBLEM, R.NO_SENDER),
    "no selector": ({"DKIM_SELECTORS": []}, P.DKIM, UNKNOWN, R.DKIM_NOT_NAMED),
    "no selector and another's return path": (
        {"DKIM_SELECTORS": [], "RETURN_PATH_DOMAIN": "esp.example.net"}, P.ALIGNMENT, UNKNOWN, R.ALIGNMENT_NOT_KNOWN,
    ),
    "servers that are left out": ({"SENDING_IPS": ["192.0.3.1"]}, P.SPF, PROBLEM, R.SPF_NOT_OURS),
    "marketing from elsewhere": ({"MARKETING_DOMAINS": ["news.example.org"]}, P.SHARING, OK, R.NOT_SHARED),
    "marketing from here": ({"MARKETING_DOMAINS": [DOMAIN]}, P.SHARING, NOTICE, R.SHARED_DOMAIN),
    "marketing by the same stream": (
        {"MARKETING_STREAMS": ["outbound"], "ROUTES": [{"NAME": "main", "BACKEND": POSTMARK, "STREAM": "outbound"}]},
        P.SHARING, NOTICE, R.SHARED_STREAM,
    ),
}  # fmt: skip
"""What the settings say, over the good zone."""


def test_there_are_enough_of_them_and_every_reason_is_met() -> None:
    assert len(ZONES) >= 40
    met = {row[3] for row in ZONES.values()} | {row[3] for row in SITES.values()}
    assert met | {*BROKEN.values(), *OTHERWISE} == set(DomainReason)


@pytest.mark.parametrize("name", SITES)
def test_the_settings_get_the_verdict_that_they_deserve(dns: Dns, settings: Any, name: str) -> None:
    own, part, judgement, reason = SITES[name]
    dns(GOOD)
    settings.RECOVERY = {**settings.RECOVERY, **own}
    assert (found(part).judgement, found(part).reason) == (judgement, reason)


@pytest.mark.parametrize("name", ZONES)
def test_the_zone_gets_the_verdict_that_it_deserves(dns: Dns, name: str) -> None:
    changes, part, judgement, reason = ZONES[name]
    dns(changed(changes))
    finding = found(part)
    assert (finding.judgement, finding.reason) == (judgement, reason)
    advised = domains.advice(finding.reason)
    assert bool(advised) == (judgement != OK)


def test_a_domain_that_does_everything_right_is_ok(dns: Dns) -> None:
    dns(GOOD)
    [judged] = domains.look()
    assert judged.judgement == OK
    assert {finding.judgement for finding in judged.findings} == {OK}
    assert judged.networks == ("192.0.2.0/24",)
