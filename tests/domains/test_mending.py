"""The SPF record that is proposed: whoever publishes it is better off, and where nobody can be sure of that there is
none."""

from typing import Any

import pytest

from recovery import domains
from recovery.domains import Finding
from recovery.reasons import DomainPart, DomainReason, Judgement
from tests.domains.conftest import Dns
from tests.domains.test_zones import ZONES, found, include, includes
from tests.domains.zones import DOMAIN, SPF, changed

POSTMARK = "anymail.backends.postmark.EmailBackend"
ITS_OWN = {("spf.mtasv.net", "TXT"): ["v=spf1 ip4:198.51.100.0/25 ~all"]}
ADDRESS = {(DOMAIN, "A"): ["192.0.2.11"]}
FAR = {(DOMAIN, "A"): ["203.0.113.1"]}
OF_SPF = {
    name: row
    for name, row in ZONES.items()
    if row[1] == DomainPart.SPF and row[2] in (Judgement.NOTICE, Judgement.PROBLEM)
}
WITHOUT = {
    "include of two records", "ten look-ups and a redirect", "eleven look-ups", "eleven look-ups, one of them inside",
    "mx with eleven servers", "includes itself by another", "redirect to nothing", "include of nothing", "macro",
    "macro alone",
    "redirect to anybody", "redirect by a macro", "ptr", "ptr alone", "anybody", "anybody by an include",
    "anybody by an include within", "anybody by many", "anybody by two halves", "anybody near a server",
    "anybody by what is always there", "nobody", "mistyped mechanism", "no address", "four said to be six",
    "two redirects", "three void look-ups", "includes itself",
}  # fmt: skip
"""Those that name nobody else for sure, or whose flaw stands where the domain's owner cannot mend it."""


def test_the_zones_without_a_record_to_publish_are_these() -> None:
    assert set(OF_SPF) >= WITHOUT


@pytest.mark.parametrize("name", OF_SPF)
def test_whoever_publishes_the_record_for_a_zone_is_fine(dns: Dns, name: str) -> None:
    changes, *_ = ZONES[name]
    dns(changed(changes))
    [before] = domains.look()
    assert not {"0.0.0.0/0", "0.0.0.0/1", "2000::/3"} & set(before.networks)  # for no recipient's IT to let in
    flawed = found(DomainPart.SPF)
    assert bool(flawed.record) == (name not in WITHOUT)
    if flawed.reason != DomainReason.SPF_MACRO:
        advised = domains.advice(flawed.reason, record=flawed.record, part="the part")
        assert ("below" in advised) == bool(flawed.record)
    if not flawed.record:
        return
    dns.again(changed({**changes, SPF: [flawed.record]}))
    [after] = domains.look()
    assert found(DomainPart.SPF).reason == DomainReason.SPF_GOOD
    assert after.networks
    if flawed.reason != DomainReason.SPF_ANYBODY:
        assert set(before.networks) <= set(after.networks)


TEXTS: dict[str, tuple[list[str], dict[Any, Any], str]] = {
    "a word within a word": (
        ["v=spf1 ip4:192.0.2 ip4:192.0.2.10 include:i0.example.net -all"], include(1),
        "v=spf1 ip4:192.0.2.10 include:i0.example.net ~all",
    ),
    "two words that nobody can read": (["v=spf1 mx ipv4:192.0.2.1 mail -all"], {}, "v=spf1 mx ~all"),
    "empty words, and no more than need be": (
        ["v=spf1 a:x.example.net mx a:y.example.net exists:z.example.net include:i0.example.net -all"], include(1),
        "v=spf1 mx include:i0.example.net -all",
    ),
    "a dead include of its own": (["v=spf1 include:gone.example.net mx -all"], {}, "v=spf1 mx -all"),
    "a dead include of another's": (
        ["v=spf1 mx include:i0.example.net -all"],
        include(1, "v=spf1 ip4:198.51.100.7 include:gone.example.net -all"), "",
    ),
    "a word that nobody can read, of another's": (
        ["v=spf1 mx include:i0.example.net -all"], include(1, "v=spf1 ipv4:198.51.100.7 -all"), "",
    ),
    "a circle of another's": (
        ["v=spf1 mx include:i0.example.net -all"], include(1, f"v=spf1 ip4:198.51.100.7 include:{DOMAIN} -all"), "",
    ),
    "anybody by another's": (["v=spf1 mx include:i0.example.net -all"], include(1, "v=spf1 +all"), ""),
    "anybody, and one is led on": (
        ["v=spf1 ip4:0.0.0.0/0 redirect=i0.example.net"], include(1), "v=spf1 include:i0.example.net ~all",
    ),
    "anybody where one is led": (["v=spf1 mx redirect=i0.example.net"], include(1, "v=spf1 +all"), ""),
    "two records, one of them mild": (["v=spf1 mx -all", "v=spf1 a ~all"], ADDRESS, "v=spf1 a mx ~all"),
    "two strict records": (["v=spf1 mx -all", "v=spf1 a -all"], ADDRESS, "v=spf1 a mx -all"),
    "two records, one leads away": (
        ["v=spf1 mx -all", "v=spf1 redirect=i0.example.net"], include(1), "v=spf1 mx include:i0.example.net ~all",
    ),
    "two records, one refuses the other's": (["v=spf1 -ip4:192.0.2.0/24 a -all", "v=spf1 mx -all"], FAR, ""),
    "a neutral end elsewhere": (
        ["v=spf1 redirect=i0.example.net"], include(1, "v=spf1 ip4:198.51.100.7 ?all"),
        "v=spf1 include:i0.example.net ~all",
    ),
    "anybody beside somebody": (["v=spf1 mx ip4:0.0.0.0/0 -all"], {}, "v=spf1 mx ~all"),
    "nothing at all, and nobody to guess": ([], {("mail.example.org", "MX"): ["0 ."]}, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_the_record_keeps_every_word_that_is_not_at_fault(dns: Dns, name: str) -> None:
    texts, more, record = TEXTS[name]
    dns(changed({SPF: [*texts, "the domain exists"], **more}))
    assert found(DomainPart.SPF).record == record


def by_postmark(dns: Dns, settings: Any, texts: list[str], **own: Any) -> Finding:
    route = {"NAME": "main", "BACKEND": POSTMARK, "OPTIONS": {"server_token": "t"}, "RETURN_PATH": DOMAIN, **own}
    dns.again(changed({SPF: texts, **ITS_OWN}))
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [route]}
    return found(DomainPart.SPF)


def test_a_provider_that_the_return_path_leaves_out_is_noticed(dns: Dns, settings: Any) -> None:
    left_out = by_postmark(dns, settings, ["v=spf1 ip4:192.0.2.0/24 -all"])
    assert (left_out.judgement, left_out.reason) == (Judgement.NOTICE, DomainReason.SPF_NOT_OURS)
    assert left_out.record == "v=spf1 include:spf.mtasv.net ip4:192.0.2.0/24 -all"
    for texts in (
        [left_out.record],
        ["v=spf1 redirect=spf.mtasv.net"],
        ["v=spf1 ip4:198.51.100.9 -all"],  # an alias of a name of the provider's
    ):
        assert by_postmark(dns, settings, texts).reason != DomainReason.SPF_NOT_OURS
    for texts in (["v=spf1 mx -include:spf.mtasv.net -all"], ["v=spf1 -all"]):
        assert by_postmark(dns, settings, texts).reason == DomainReason.SPF_NOT_OURS
    own = by_postmark(dns, settings, ["v=spf1 ip4:203.0.113.9 -all"], IPS=["203.0.113.9"])
    assert own.reason == DomainReason.SPF_GOOD


def test_what_ptr_means_is_left_out_where_the_settings_know_who_sends(dns: Dns, settings: Any) -> None:
    assert by_postmark(dns, settings, ["v=spf1 ptr include:spf.mtasv.net -all"]).record == (
        "v=spf1 include:spf.mtasv.net ~all"
    )


def test_a_record_for_anybody_is_replaced_by_the_senders_that_the_settings_know(dns: Dns, settings: Any) -> None:
    assert by_postmark(dns, settings, ["v=spf1 +all"]).record == "v=spf1 include:spf.mtasv.net ~all"


SENDGRID = "anymail.backends.sendgrid.EmailBackend"
MAILTRAP = "anymail.backends.mailtrap.EmailBackend"  # says of no record that customers are to include it
SMTP = "django.core.mail.backends.smtp.EmailBackend"
BOTH = "include:spf.mtasv.net include:sendgrid.net"
WITH_RELAY = "include:spf.mtasv.net ip4:192.0.2.77"
SHARED: dict[tuple[str, str], str] = {
    ("", "both"): f"v=spf1 {BOTH} ~all",
    ("+all", "both"): f"v=spf1 {BOTH} ~all",
    ("?all", "both"): f"v=spf1 {BOTH} ~all",
    ("-all", "both"): f"v=spf1 {BOTH} -all",
    ("include:sendgrid.net ?all", "both"): f"v=spf1 {BOTH} ~all",
    ("", "relay"): f"v=spf1 {WITH_RELAY} ~all",
    ("+all", "relay"): f"v=spf1 {WITH_RELAY} ~all",
    ("-all", "relay"): f"v=spf1 {WITH_RELAY} -all",
    ("ip4:192.0.2.77 ?all", "relay"): f"v=spf1 {WITH_RELAY} ~all",
    ("", "relay unnamed"): "v=spf1 include:spf.mtasv.net mx a ~all",
    ("+all", "relay unnamed"): "", ("?all", "relay unnamed"): "", ("-all", "relay unnamed"): "",
    ("ptr -all", "relay unnamed"): "",
    ("", "provider unnamed"): "", ("+all", "provider unnamed"): "",
}  # fmt: skip
BESIDE: dict[str, dict[str, Any]] = {
    "both": {"BACKEND": SENDGRID, "OPTIONS": {"api_key": "k"}, "RETURN_PATH": DOMAIN},
    "relay": {"BACKEND": SMTP, "IPS": ["192.0.2.77"]},
    "relay unnamed": {"BACKEND": SMTP},
    "provider unnamed": {"BACKEND": MAILTRAP, "OPTIONS": {"api_token": "t"}},
}


@pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")
@pytest.mark.parametrize(("terms", "beside"), SHARED)
@pytest.mark.parametrize("own", [{"RETURN_PATH": DOMAIN}, {}], ids=["returns here", "return path unnamed"])
def test_one_record_serves_all_who_send_for_a_domain(
    dns: Dns, settings: Any, terms: str, beside: str, own: dict[str, str]
) -> None:
    zone = {**ITS_OWN, ("sendgrid.net", "TXT"): ["v=spf1 ip4:203.0.113.0/24 ~all"], (DOMAIN, "A"): ["192.0.2.11"]}
    first = {"NAME": "first", "BACKEND": POSTMARK, "OPTIONS": {"server_token": "t"}, **own}
    elsewhere = {"NAME": "elsewhere", "BACKEND": SMTP, "RETURN_PATH": "example.org", "IPS": ["192.0.2.78"]}
    routes = [first, {"NAME": "second", **BESIDE[beside]}, elsewhere]
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": routes}

    def published(texts: list[str]) -> set[tuple[bool, str]]:
        dns.again(changed({SPF: ["the domain exists", *texts], **zone}))
        of_spf = [each for judged in domains.look()[:2] for each in judged.findings if each.part == DomainPart.SPF]
        assert {each.subject for each in of_spf} == {DOMAIN}
        return {(each.reason == DomainReason.SPF_GOOD, each.record) for each in of_spf}

    before = published([f"v=spf1 {terms}"] if terms else [])
    record = SHARED[terms, beside]
    assert before - {(True, "")} == {(False, record)}
    if record:
        assert published([record]) == {(True, "")}


def test_the_doors_of_one_domain_share_its_record(dns: Dns, settings: Any) -> None:
    provider = {"NAME": "provider", "BACKEND": POSTMARK, "OPTIONS": {"server_token": "t"}, "RETURN_PATH": DOMAIN}
    doors = {
        route: {"BASE_URL": f"https://{route}.example.org", "FROM_EMAIL": f"{route}@{DOMAIN}", "ROUTES": [route]}
        for route in ("provider", "relay")
    }
    routes = [provider, {"NAME": "relay", "BACKEND": SMTP, "IPS": ["192.0.2.77"]}]
    own = {"FROM_EMAIL": "accounts@example.org", "ROUTES": routes, "AUDIENCES": doors}
    settings.RECOVERY = {**settings.RECOVERY, **own}
    dns(changed({SPF: ["the domain exists"], **ITS_OWN}))
    found = {
        judged.sender.audience: each.record
        for judged in domains.look()
        for each in judged.findings
        if each.part == DomainPart.SPF and each.subject == DOMAIN
    }
    assert found == dict.fromkeys(("default", "provider", "relay"), f"v=spf1 {WITH_RELAY} ~all")


def test_the_part_at_fault_is_named_by_the_way_there(dns: Dns) -> None:
    dns(changed({SPF: includes(1), **include(1, "v=spf1 include:gone.example.net -all")}))
    flawed = found(DomainPart.SPF)
    assert flawed.detail == "include:i0.example.net (gone.example.net)"
    assert flawed.detail in domains.advice(flawed.reason, part=flawed.detail)
