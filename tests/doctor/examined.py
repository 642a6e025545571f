"""What the doctor said, by the thing that was looked at."""

import io
import json
from typing import Any

from django.core.management import call_command

from recovery import doctor
from recovery.doctor import Symptom
from recovery.reasons import Examined, Judgement


def found(examined: Examined) -> list[Symptom]:
    return [each for each in doctor.examine(only=[examined], answer_within=0.3) if each.examined == examined]


def judged(examined: Examined) -> set[Judgement]:
    return {each.judgement for each in found(examined)}


def ran(*args: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    out, code = io.StringIO(), 0
    try:
        call_command("recovery_doctor", *args, stdout=out, no_color=True)
    except SystemExit as error:
        code = int(str(error.code))
    return code, out.getvalue()


def ran_for_machines(*args: str) -> tuple[int, dict[str, Any]]:
    code, printed = ran("--json", *args)
    return code, json.loads(printed)
