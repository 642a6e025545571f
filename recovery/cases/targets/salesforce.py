"""A case in Salesforce by Web-to-Case: ``ORG_ID``, and ``KEY_FIELD``, the id (``00N…``) of a text field of Case that is
marked unique. ``FIELDS`` gives more of the form's fields, ``URL`` another server.

The form has no idempotency key of its own and answers before it judges. The unique field makes it one: a second case
with the same value is refused by Salesforce itself.
"""

from collections.abc import Mapping
from typing import Any, Final

from recovery.cases.targets import Answer, call
from recovery.cases.wording import Words
from recovery.reasons import CaseNews

HEARS: Final = frozenset({CaseNews.OPENED})  # the form opens cases and knows nothing else
OPTIONS: Final[Mapping[str, bool]] = {"ORG_ID": True, "KEY_FIELD": True, "FIELDS": False, "URL": False}
SERVER: Final = "https://webto.salesforce.com/servlet/servlet.WebToCase"


def send(words: Words, options: Mapping[str, Any]) -> Answer:
    """Status 200 alone says nothing: what was processed says so in ``Is-Processed``, and why not as well."""
    form = {
        **options.get("FIELDS", {}),
        "orgid": str(options["ORG_ID"]),
        "subject": words.subject,
        "description": words.text,
        "priority": "High",
        str(options["KEY_FIELD"]): words.case,
    }
    url = str(options.get("URL") or SERVER)
    reply = call("POST", url, params={"encoding": "UTF-8"}, data=form)
    said = reply.headers.get("Is-Processed", "")
    if not reply.answer.taken or (said.startswith("true") and "Exception" not in said):
        return reply.answer
    return Answer(ours=True, detail=f"Is-Processed: {said[:200] or 'missing'}")
