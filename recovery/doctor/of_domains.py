"""The sending domains as the DNS has them at this moment."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from recovery import domains
from recovery.doctor.symptoms import Symptom
from recovery.domains import Finding
from recovery.exceptions import Misconfigured
from recovery.reasons import Examined, Judgement


def sending_domains() -> Iterator[Symptom]:
    """Each thing once, however many audiences and routes it concerns."""
    try:
        judged = domains.look()
    except Misconfigured as error:
        advice = _("Do what it says, then ask again.")
        yield Symptom(Examined.DOMAINS, Judgement.UNKNOWN, str(error), advice)
        return
    findings = dict.fromkeys(finding for each in judged for finding in each.findings)
    for finding in findings:
        if finding.judgement != Judgement.OK:
            said = f"{finding.part.value} {finding.subject}: {finding.reason.label}"
            subject = f"{finding.part.value} {finding.subject}"
            yield Symptom(Examined.DOMAINS, finding.judgement, said, _next(finding), subject)
    good = sum(finding.judgement == Judgement.OK for finding in findings)
    said = _("%(good)d of %(all)d things about the sending domains are as they should be.")
    yield Symptom(Examined.DOMAINS, Judgement.OK, said % {"good": good, "all": len(findings)})


def _next(finding: Finding) -> str:
    record = f"{finding.name} {finding.kind} {finding.record}" if finding.record else ""
    part = finding.detail or finding.subject
    return " ".join(filter(None, [domains.advice(finding.reason, record=finding.record, part=part), record]))
