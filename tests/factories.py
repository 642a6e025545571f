"""Rows that tests start from. Accounts only: a test makes what recovery writes by going through a public door."""

from typing import Any

import factory
from django.contrib.auth import get_user_model

PASSWORD = "correct horse battery staple"


class UserFactory(factory.django.DjangoModelFactory[Any]):
    """Somebody with a verified address and the password ``PASSWORD``; ``password=None`` for one who has none here."""

    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda number: f"reader{number}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.django.Password(PASSWORD)


class StaffFactory(UserFactory):
    """A member of staff, without any right until a test gives one."""

    username = factory.Sequence(lambda number: f"staff{number}")
    is_staff = True
