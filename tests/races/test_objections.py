"""Case 32: many guesses at the code of one notice at once, and many notices answered at once."""

from functools import partial
from typing import Any

import pytest

from recovery import notices, objections, resets
from recovery.models import Email, Objection, Rotation
from recovery.origin import Origin
from recovery.reasons import Action, ObjectionEnd
from tests.factories import UserFactory
from tests.following import trail
from tests.objecting import wrong
from tests.together import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(32)]


def told(user: Any, number: int = 0) -> Email:
    [email] = notices.new_device(user, origin=Origin(ip=f"198.51.{number}.7"))
    return email


def raising(email: Email, code: str) -> Any:
    return partial(resets.raise_objection, email.pk, objections.verifier_of(email), code, origin=Origin())


def test_of_many_guesses_at_once_five_are_compared() -> None:
    email = told(UserFactory.create())
    guess = wrong(objections.code_of(email))
    at_once(*[raising(email, guess) for _ in range(24)])
    refusals = [row["refusal"] for row in trail(Action.OBJECTION_REFUSED)]
    assert sorted(refusals) == [*["too_often"] * 19, *["wrong_code"] * 5]
    assert Objection.objects.get().try_count == 5
    assert not Rotation.objects.exists()


def test_of_many_right_answers_at_once_one_starts_the_playbook() -> None:
    user = UserFactory.create()
    emails = [told(user, number) for number in range(4)]
    found = at_once(*[raising(email, objections.code_of(email)) for email in emails for _ in range(3)])
    ends = [each.end for each in found if each.end]
    assert sorted(ends) == [*[ObjectionEnd.ALREADY] * 3, ObjectionEnd.ROTATED]
    assert Rotation.objects.count() == 1
    assert len(trail(Action.OBJECTED)) == 4
