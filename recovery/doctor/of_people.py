"""Accounts that will be hard to help: several that share an address or a spelling, and addresses that lead nowhere."""

from collections.abc import Iterator
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import CharField, Count, F, QuerySet, Value
from django.db.models.functions import Cast, Lower, StrIndex, Substr
from django.utils.translation import gettext as _

from recovery import accounts
from recovery.addresses import likely_domain, mask
from recovery.doctor.symptoms import Symptom
from recovery.models import BackupAddress
from recovery.reasons import Examined, Judgement

MOST_NAMED: Final = 5


def twins() -> Iterator[Symptom]:
    """One pass over the users for each of address and user name; counted by the database."""
    model: Any = get_user_model()
    address, name = accounts.email_field(), model.USERNAME_FIELD
    found = False
    for field in dict.fromkeys(filter(None, (address, name))):
        if groups := _shared(model._default_manager.all(), field):
            found = True
            named = ", ".join(mask(str(each)) for each in groups[:MOST_NAMED])
            said = (
                _("%(count)s addresses belong to several accounts: %(named)s.")
                if field == address
                else _("%(count)s user names differ only by capital letters: %(named)s.")
            )
            count = f"{MOST_NAMED}+" if len(groups) > MOST_NAMED else str(len(groups))
            advice = _("People get one mail with a link for each account. Merge or rename accounts that nobody needs.")
            facts = {"count": count, "named": named}
            yield Symptom(Examined.TWINS, Judgement.NOTICE, said % facts, advice, field)
    if not found:
        said = _("No two accounts share an address or a spelling.")
        yield Symptom(Examined.TWINS, Judgement.OK, said)


def _shared(users: "QuerySet[Any]", field: str) -> list[str]:
    groups = users.filter(**{f"{field}__gt": ""}).annotate(recovery_key=Lower(field)).values("recovery_key")
    several = groups.annotate(several=Count("pk")).filter(several__gt=1).order_by("recovery_key")
    return list(several.values_list("recovery_key", flat=True)[: MOST_NAMED + 1])


def near_misses() -> Iterator[Symptom]:
    """Domains of stored addresses that are one slip away from a well-known one."""
    model: Any = get_user_model()
    places: list[tuple[QuerySet[Any], str]] = [(BackupAddress.objects.all(), "address")]
    if field := accounts.email_field():
        places.insert(0, (model._default_manager.all(), field))
    counted: dict[str, int] = {}
    for rows, name in places:
        for domain, count in _domains(rows, name):
            counted[domain] = counted.get(domain, 0) + count
    missed = {domain: likely for domain in sorted(counted) if (likely := likely_domain(f"x@{domain}"))}
    for domain, likely in missed.items():
        said = _("%(count)d stored addresses end in %(domain)s, probably meant as %(likely)s.")
        facts = {"count": counted[domain], "domain": domain, "likely": likely}
        advice = _("Search the users for the domain; ask them, and correct the address from their page.")
        yield Symptom(Examined.NEAR_MISSES, Judgement.NOTICE, said % facts, advice, domain)
    if not missed:
        said = _("No stored address has a domain that misses a well-known one by one slip.")
        yield Symptom(Examined.NEAR_MISSES, Judgement.OK, said)


def _domains(rows: "QuerySet[Any]", field: str) -> list[tuple[str, int]]:
    place = StrIndex(F(field), Value("@"))
    domain = Lower(Substr(Cast(field, CharField()), place + 1))
    named = rows.filter(**{f"{field}__contains": "@"}).annotate(recovery_domain=domain)
    return list(named.values("recovery_domain").annotate(count=Count("pk")).values_list("recovery_domain", "count"))
