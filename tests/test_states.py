"""What leads a mail where is one table: the drawing shows it, and nothing but its verbs writes a mail's state."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery.reasons import EVENT_STATE, MOVES, STAFF_VERBS, STATE_RANK, EmailState, EmailVerb

ROOT = Path(__file__).resolve().parent.parent
DRAWN = re.findall(r"^    (\S+) --> (\w+)(?:: (\w+))?$", (ROOT / "docs/states.md").read_text(), re.MULTILINE)
BORN = {"recovery/outbox.py"}
"""Where mails begin, each with its first event."""
OF_OTHERS = {"recovery/tokens.py", "recovery/models/tokens.py", "recovery/resets/correcting.py"}
"""Links and corrections of addresses have a state, too."""


def test_the_drawing_shows_every_move_and_no_other() -> None:
    moves = {(came, went, verb) for came, went, verb in DRAWN if verb and verb != EmailVerb.REPORT}
    assert moves == {(came, went, verb) for verb, (froms, went) in MOVES.items() if went for came in froms}
    assert len(DRAWN) == len(set(DRAWN))


def test_the_drawing_shows_what_reports_do_to_mail_that_the_provider_has() -> None:
    drawn = {(came, went) for came, went, verb in DRAWN if verb == EmailVerb.REPORT}
    told = {state for state in EVENT_STATE.values() if STATE_RANK[state] > STATE_RANK[EmailState.HANDED_OVER]}
    assert drawn == {("unknown", "handed_over"), *(("handed_over", state) for state in told)}


def test_a_mail_begins_in_three_states() -> None:
    assert {(went, verb) for came, went, verb in DRAWN if came == "[*]"} == {
        ("queued", ""),
        ("withheld", ""),
        ("sending", ""),
    }


def test_every_verb_has_its_moves_and_staff_reach_only_what_no_worker_holds() -> None:
    assert set(MOVES) == set(EmailVerb)
    for verb in STAFF_VERBS:
        assert EmailState.SENDING not in MOVES[verb][0]
    assert not {went for _, went in MOVES.values()} & {EmailState.DELIVERED, EmailState.BOUNCED}, "reports alone"


def writings(source: str) -> Iterator[tuple[int, str]]:
    """Where the state of a mail is written, or an event made, as far as text tells."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called, names = ast.unparse(node.func), {word.arg for word in node.keywords}
            first = ast.unparse(node.args[0]) if node.args else ""
            columns = ast.unparse(node.args[1]) if len(node.args) > 1 else ""
            if called == "EmailEvent" or re.match(r"(EmailEvent|Email)\.objects\.(bulk_|update_or_)?create$", called):
                yield node.lineno, f"{called}(…)"
            if re.search(r"\.(update|update_or_create|aupdate)$", called) and "state" in names:
                yield node.lineno, f"{called}(state=…)"
            if re.search(r"[eE]mails?\b.*\.(bulk_update|save)$", called):
                yield node.lineno, f"{called}(…)"
            if called == "insert_new" and first == "EmailEvent":
                yield node.lineno, f"{called}({first}, …)"
            if called == "update_each" and first == "Email" and columns != "['id', 'request']":
                yield node.lineno, f"{called}({first}, …)"
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            text = ast.unparse(node)
            if re.search(r"\bSET\b", text) and re.search(r"\bstate\W{0,2} = ", text):
                yield node.lineno, "SET state"


def test_only_moves_write_the_state_of_a_mail_and_what_happened_to_it() -> None:
    files = [path.relative_to(ROOT) for path in sorted((ROOT / "recovery").rglob("*.py"))]
    found = {str(path): list(writings((ROOT / path).read_text())) for path in files if "migrations" not in path.parts}
    assert any("moves" in path and lines for path, lines in found.items())
    assert found["recovery/outbox.py"]
    assert found["recovery/tokens.py"]
    elsewhere = {path: lines for path, lines in found.items() if lines and "recovery/models/moves/" not in path}
    assert elsewhere.keys() <= BORN | OF_OTHERS, elsewhere


@pytest.mark.parametrize(
    "line",
    [
        "EmailEvent(email=email, kind=kind)",
        "EmailEvent.objects.create(kind=kind)",
        "Email.objects.filter(pk=pk).update(state=state)",
        "ours.update(state=state, reason=reason)",
        "email.save(update_fields=['state'])",
        "Email.objects.bulk_update(emails, ['state'])",
        "update_each(Email, ['id', *FACTS], rows)",
        "insert_new(EmailEvent, columns, rows, unique='dedupe_key')",
        "cursor.execute(f'UPDATE {table} SET reason = 1, state = %s')",
    ],
)
def test_whoever_writes_elsewhere_is_found(line: str) -> None:
    assert list(writings(line))


def test_reading_and_computing_a_state_is_no_writing() -> None:
    reading = "Email.objects.filter(state=state).update(route='')\nemail.state = max(states)\nq = 'WHERE state = %s'"
    assert not list(writings(reading))
