"""``recovery_doctor``: what is wrong with the installation, and what to do next. Exit code 0 nothing, 1 a problem."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from recovery import doctor
from recovery.conf import conf
from recovery.doctor import Symptom
from recovery.reasons import Examined, Judgement


class Command(BaseCommand):
    help = (
        "Looks at settings, beat, workers, broker, webhooks, clocks, tracking, templates, accounts and sending "
        "domains, and sends a test mail if asked. Says what to do next. Exits with 1 if there is a problem."
    )
    requires_system_checks = ()  # it tells what they say among the rest

    def add_arguments(self, parser: ArgumentParser) -> None:
        words = [word for word in Examined.values if word not in (Examined.ALARMS, Examined.TEST_MAIL)]
        parser.add_argument("--only", action="append", default=[], choices=words, help="Look at this alone.")
        parser.add_argument("--send-to", metavar="ADDRESS", help="Send a test mail there, and follow it.")
        parser.add_argument("--audience", default="default", help="Whose sender and routes the test mail has.")
        parser.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="For its delivery; 60.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        address = options["send_to"]
        if address is not None:
            self._check(address, options["audience"])
        email = doctor.send(address, audience=options["audience"], reason="recovery_doctor") if address else None
        found: list[Symptom] = []
        for symptom in doctor.examine(only=options["only"]):
            found.append(symptom)
            self._tell(symptom, quiet=options["json"])
        if email is not None:
            found.append(doctor.follow(email, within=options["wait"]))
            self._tell(found[-1], quiet=options["json"])
        healthy = doctor.is_healthy(found)
        if options["json"]:
            mailed = {"email": str(email.pk), "state": email.state} if email is not None else None
            told = [symptom.as_dict() for symptom in found]
            self.stdout.write(json.dumps({"healthy": healthy, "findings": told, "test_mail": mailed}))
        if not healthy:
            sys.exit(1)

    def _check(self, address: str, audience: str) -> None:
        try:
            validate_email(address)
        except ValidationError as error:
            raise CommandError(f"{address!r} is no address.", returncode=2) from error
        if audience not in ("default", *conf.AUDIENCES):
            raise CommandError(f"There is no audience {audience!r}.", returncode=2)

    def _tell(self, symptom: Symptom, *, quiet: bool) -> None:
        if quiet:
            return
        styles = {Judgement.OK: self.style.SUCCESS, Judgement.PROBLEM: self.style.ERROR}
        style = styles.get(symptom.judgement, self.style.WARNING)
        self.stdout.write(f"{style(f'{symptom.judgement.value:8}')}{symptom.examined.value:12} {symptom.said}")
        if symptom.what_next:
            self.stdout.write(f"{'':21}{symptom.what_next}")
