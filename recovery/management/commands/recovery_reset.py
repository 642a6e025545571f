"""``recovery_reset``: for somebody, or for everybody in a file: a reset link by staff, or a forced rotation."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError

from recovery import accounts, resets
from recovery.exceptions import NotAllowed
from recovery.management.acting import actor_named
from recovery.origin import Origin, printable
from recovery.reasons import RotationSource

RIGHTS: Final = {False: "recovery.send_reset", True: "recovery.force_rotation"}


class Command(BaseCommand):
    help = (
        "Sends reset links as staff would, to all accounts that names and addresses mean. With --force their present"
        " passwords, sessions and tokens end first, at a pace that the workers keep."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identifier", nargs="*", help="User name or address.")
        parser.add_argument("--file", metavar="PATH", help='One of them a line, "-" for standard input; # comments.')
        parser.add_argument("--force", action="store_true", help="End their access, and force a new password.")
        parser.add_argument("--reason", required=True, help="Stays in the audit trail.")
        parser.add_argument("--evidence", default="", help="What is known, for the support case of --force.")
        parser.add_argument("--actor", metavar="USERNAME", help="The member of staff who does it, with their rights.")
        parser.add_argument("--dry-run", action="store_true", help="Say how many are meant; do nothing.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        reason = printable(options["reason"]).strip()
        if not reason:
            raise CommandError("Write down why: --reason must not be blank.", returncode=2)
        actor = actor_named(options["actor"], RIGHTS[options["force"]])
        people, unknown = _meant(_identifiers(options["identifier"], options["file"]), actor)
        told: dict[str, Any] = {"people": len(people), "done": 0, "unknown": unknown}
        if people and not options["dry_run"]:
            act = self._force if options["force"] else self._send
            told |= act(people, actor, reason, options["evidence"])
        self._tell(told, as_json=options["json"])
        if unknown or not people or "refused" in told:
            sys.exit(1)

    def _force(
        self, people: Sequence[AbstractBaseUser], actor: AbstractBaseUser | None, reason: str, evidence: str
    ) -> dict[str, Any]:
        source = RotationSource.COMMAND
        try:
            rotation = resets.force_rotation(people, actor=actor, reason=reason, evidence=evidence, source=source)
        except NotAllowed as refusal:
            return {"refused": str(refusal)}
        return {"done": rotation.member_count, "rotation": str(rotation.pk)}

    def _send(
        self, people: Sequence[AbstractBaseUser], actor: AbstractBaseUser | None, reason: str, evidence: str
    ) -> dict[str, Any]:
        references = list[str]()
        for user in people:
            try:
                request = resets.send_by_staff(user, actor=actor, reason=reason, origin=Origin())
            except NotAllowed as refusal:
                return {"done": len(references), "references": references, "refused": str(refusal)}
            references.append(request.shown_reference)
        return {"done": len(references), "references": references}

    def _tell(self, told: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(told))
            return
        for identifier in told["unknown"]:
            self.stderr.write(f"unknown: {identifier}")
        if refusal := told.get("refused"):
            self.stderr.write(f"refused: {refusal}")
        shown = {name: told[name] for name in ("people", "done", "rotation") if name in told}
        self.stdout.write(", ".join(f"{name} {value}" for name, value in shown.items()))


def _identifiers(given: Sequence[str], path: str | None) -> Iterator[str]:
    if not given and path is None:
        raise CommandError("Name somebody, or give a --file.", returncode=2)
    yield from given
    if path is not None:
        try:
            text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}", returncode=2) from None
        for line in text.splitlines():
            if (identifier := line.strip()) and not identifier.startswith("#"):
                yield identifier


def _meant(identifiers: Iterator[str], actor: AbstractBaseUser | None) -> tuple[list[AbstractBaseUser], list[str]]:
    """All accounts of each, as a forgotten password's page finds them, each once; and what means nobody. People out of
    the actor's scope are nobody."""
    people, unknown = dict[str, AbstractBaseUser](), list[str]()
    for identifier in dict.fromkeys(identifiers):
        found = accounts.of_identifier(printable(identifier))
        found = [account for account in found if actor is None or resets.may_act_on(actor, account.user)]
        people |= {account.key: account.user for account in found}
        if not found:
            unknown.append(identifier)
    return list(people.values()), unknown
