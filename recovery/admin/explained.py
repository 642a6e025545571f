"""An explanation as its page shows it: sentences masked for the viewer, evidence linked to its rows, the buttons."""

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.admin.utils import quote
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from recovery.admin import moments, ways
from recovery.admin.mending import Mending
from recovery.admin.steps import rows_of
from recovery.admin.viewers import Viewer
from recovery.diagnosis import Evidence, Explanation, Finding, Subject
from recovery.models import Email, ResetRequest
from recovery.reasons import IN_ORDER, Confidence

LONG: Final = 100  # characters of what is a text of its own, and no name
_MOODS: Final = {
    Confidence.RECORDED: "good",
    Confidence.REPORTED: "good",
    Confidence.OBSERVED: "good",
    Confidence.INFERRED: "open",
    Confidence.UNKNOWN: "open",
}


def of(found: Explanation, viewer: Viewer, site_name: str, *, back: str) -> dict[str, Any]:
    """What ``diagnosis.html`` prints; ``back`` is where this very answer stands, to which each act leads back."""
    subject, mends = found.subject, Mending(viewer, site_name, back)

    def shown(finding: Finding) -> dict[str, Any]:
        sentence, words = _parted(viewer.text(finding.sentence))
        return {
            "code": finding.code.value,
            "label": capfirst(str(finding.code.label)),
            "sentence": sentence,
            "words": words,
            "mood": "good" if finding.code in IN_ORDER else "bad",
            "confidence": finding.confidence.value,
            "how_sure": finding.confidence.label,
            "sure_mood": _MOODS[finding.confidence],
            "evidence": [_evidence(each, viewer, site_name) for each in finding.evidence],
            "fix": finding.fix.value,
            "fix_label": capfirst(str(finding.fix.label)),
            "button": mends.button(finding, subject),
        }

    leading, *others = [shown(finding) for finding in found.findings]
    return {
        "subject": subject,
        "about": list(_about(subject, viewer, site_name)),
        "leading": leading,
        "others": others,
        "further": mends.further(subject, but=found.leading.fix),
        "would": viewer.text(found.would.sentence) if found.would else "",
        "would_mood": "good" if found.would and found.would.goes else "bad",
        "timeline": rows_of(found.timeline, viewer, site_name),
        "recovery_tools": ways.to_people([subject.user_key], viewer, site_name),
    }


def _parted(sentence: str) -> tuple[str, str]:
    """The sentence, and the words at its end that somebody is to be sent: they are read later, and copied."""
    begin = sentence.rfind("“")
    is_quote = begin > 0 and sentence.endswith("”") and len(sentence) - begin > LONG
    return (sentence[:begin].rstrip(), sentence[begin + 1 : -1]) if is_quote else (sentence, "")


def _about(subject: Subject, viewer: Viewer, site_name: str) -> Iterable[tuple[str, Any]]:
    """Whose answer it is, and of which request and mail."""
    if subject.user is not None:
        yield _("Account"), viewer.link_to(subject.user_key, site_name)
    if subject.request is not None:
        yield _("Request"), _row_link(subject.request, subject.request.shown_reference, viewer, site_name)
    if subject.email is not None:
        yield _("Mail"), _row_link(subject.email, subject.email.get_kind_display(), viewer, site_name)
        yield _("Recipient"), viewer.address(subject.email.recipient)


def _row_link(row: ResetRequest | Email, text: str, viewer: Viewer, site_name: str) -> Any:
    return viewer.link_to_page(str(row._meta.model_name), row.pk, text, site_name)


def _evidence(evidence: Evidence, viewer: Viewer, site_name: str) -> dict[str, Any]:
    app, _dot, model = evidence.model.partition(".")
    may_open = app == "recovery" and viewer.may_view(model)
    url = viewer.url(f"{model}_change", [quote(evidence.pk)], site_name) if may_open else ""
    return {
        "text": viewer.text(evidence.text),
        "when": moments.shown(evidence.at) if evidence.at else "",
        "url": url,
        "quote": viewer.text(evidence.quote),
    }
