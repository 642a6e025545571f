"""``recovery_diagnose``: why a person did not get the mail, what that rests on, and what mends it."""

import json
import sys
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from recovery import accounts, audit, diagnosis, resets
from recovery.diagnosis import Explanation
from recovery.management.acting import actor_named
from recovery.origin import printable
from recovery.reasons import IN_ORDER, Action

RIGHT: Final = "recovery.diagnose"


class Command(BaseCommand):
    help = (
        "Says why a person did not get the mail: the leading cause with its evidence and fix, what else was found, and "
        "what happened. Exits with 1 if anything is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identifier", help="User name, address, message id, reference code or key.")
        parser.add_argument("--actor", metavar="USERNAME", help="The member of staff who looks, with their scope.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        typed = printable(options["identifier"]).strip()
        if not typed:
            raise CommandError("Name somebody.", returncode=2)
        viewer = actor_named(options["actor"], RIGHT)
        if viewer:
            resets.note_beyond(viewer, diagnosis.beyond(typed, viewer=viewer))
        found = [diagnosis.explain(subject, viewer=viewer) for subject in diagnosis.find(typed, viewer=viewer)]
        for explanation in found:
            subject = explanation.subject
            audit.record(
                Action.DIAGNOSED,
                actor_key=accounts.key_of(viewer) if viewer else "",
                user_key=subject.user_key,
                request=subject.request,
                email=subject.email,
                cause=explanation.leading.code.value,
            )
        if options["json"]:
            first, *others = [each.as_json() for each in found]
            self.stdout.write(json.dumps({**first, "others": others}))
        else:
            for explanation in found:
                self._print(explanation)
        if any(each.leading.code not in IN_ORDER for each in found):
            sys.exit(1)

    def _print(self, found: Explanation) -> None:
        style = self.style.SUCCESS if found.leading.code in IN_ORDER else self.style.ERROR
        self.stdout.write(f"{found.subject.label}: {style(found.leading.code.value)}")
        self.stdout.write(f"  {found.leading.sentence}")
        self.stdout.write(f"  fix: {found.leading.fix.label}; {found.leading.confidence.label}")
        for finding in found.findings:
            for evidence in finding.evidence:
                at = f"{evidence.at:%Y-%m-%d %H:%M:%S} UTC  " if evidence.at else ""
                quote = f" “{evidence.quote}”" if evidence.quote else ""
                self.stdout.write(f"  {finding.code.value:20} {at}{evidence.text}{quote}")
        for step in found.timeline:
            detail = f" ({step.detail})" if step.detail else ""
            self.stdout.write(f"  {step.at:%Y-%m-%d %H:%M:%S} +{step.seconds:.1f} s  {step.label}{detail}")
        if found.would is not None:
            self.stdout.write(f"  {found.would.sentence}")
