"""Addresses as text: compared, masked, and near misses of well-known domains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.addresses import WELL_KNOWN_DOMAINS, likely_domain, mask, normalise

SAME = [
    ("ada@example.com", "ADA@Example.COM"),
    ("ada@example.com", "  ada@example.com\t"),
    ("ada@example.com", "ａｄａ@example.com"),
    ("mike@example.com", "mi\u212ae@example.com"),
    ("office@example.com", "o\ufb03ce@example.com"),
    ("straße@example.com", "STRASSE@example.com"),
    ("sara@example.com", "\u017fara@example.com"),
]
DIFFERENT = [
    ("mike@example.com", "m\u0131ke@example.com"),
    ("mike@example.com", "m\u0130ke@example.com"),
    ("mike@example.com", "mik\u0435@example.com"),
    ("ada@example.com", "ada@examp1e.com"),
    ("ada@example.com", "a.da@example.com"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_address_compare_equal(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_only_looks_alike_does_not(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("amelie@example.com", "a•••e@e•••e.com"),
        ("al@ex.org", "a•••@e•••.org"),
        ("a@b.c", "a•••@b•••.c"),
        ("amelie", "a•••e"),
        ("amelie@localhost", "a•••e@l•••t"),
        ("", "•••"),
        ("@", "@•••"),
    ],
)
def test_a_masked_address_is_recognised_and_not_learned(address: str, shown: str) -> None:
    assert mask(address) == shown


@given(st.emails())
def test_a_masked_address_holds_two_letters_of_each_part_at_most(address: str) -> None:
    local, _, domain = mask(address).rpartition("@")
    assert len(local.replace("•••", "")) <= 2
    assert len(domain.rpartition(".")[0].replace("•••", "")) <= 2


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ada@gmial.com", "gmail.com"),
        ("ada@gmai.com", "gmail.com"),
        ("ada@gmaill.com", "gmail.com"),
        ("ada@gnail.com", "gmail.com"),
        ("ada@GMIAL.COM", "gmail.com"),
        ("ada@hotmial.com", "hotmail.com"),
        ("ada@web.d", "web.de"),
        ("ada@gmail.com", None),
        ("ada@example.com", None),
        ("ada@mail.com", None),
        ("gmial.com", None),
        ("ada@", None),
        ("@", None),
        ("", None),
    ],
)
def test_a_near_miss_of_a_well_known_domain_is_pointed_out(typed: str, meant: str | None) -> None:
    assert likely_domain(typed) == meant


@pytest.mark.parametrize("domain", WELL_KNOWN_DOMAINS)
def test_a_well_known_domain_is_itself_no_slip_for_another(domain: str) -> None:
    assert likely_domain(f"ada@{domain}") is None


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    assert likely_domain(text) in {None, *WELL_KNOWN_DOMAINS}
    assert isinstance(mask(text), str)
