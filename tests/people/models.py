"""One user model for each way in which hosts differ. None has migrations: the test database makes their tables."""

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Member(AbstractBaseUser):
    """A UUID for a key, and e-mail and user name under names of its own."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    login = models.CharField(max_length=40, unique=True)
    contact = models.EmailField()
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "login"
    EMAIL_FIELD = "contact"


class Tenant(AbstractBaseUser):
    """A composite key."""

    pk = models.CompositePrimaryKey("house", "flat")
    house = models.IntegerField()
    flat = models.CharField(max_length=10)
    name = models.CharField(max_length=40, unique=True)
    email = models.EmailField()
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "name"


class Subscriber(AbstractBaseUser):
    """No user name: the address is the name."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "email"


class Caller(AbstractBaseUser):
    """No address at all."""

    phone = models.CharField(max_length=20, unique=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "phone"


class Reader(AbstractBaseUser):
    """The table of all readers."""

    email = models.EmailField(unique=True, null=True)  # noqa: DJ001 - hosts have such
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "email"


class PresentManager(BaseUserManager["Librarian"]):
    """Knows those who still work here, and nobody else."""

    def get_queryset(self) -> models.QuerySet["Librarian"]:
        return super().get_queryset().filter(has_left=False)


class Librarian(Reader):
    """A reader with a table more, and a manager that chooses."""

    has_left = models.BooleanField(default=False)

    objects = PresentManager()


class SoftDeletedQuerySet(models.QuerySet["Guest"]):
    """Finds no guest who is gone, whatever is asked for."""

    def filter(self, *args: Any, **kwargs: Any) -> "SoftDeletedQuerySet":
        return super().filter(*args, **kwargs, is_gone=False)


class Guest(AbstractBaseUser):
    """Rows chosen by a queryset of its own."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_gone = models.BooleanField(default=False)

    objects = BaseUserManager.from_queryset(SoftDeletedQuerySet)()

    USERNAME_FIELD = "email"


class ClerkManager(BaseUserManager["Clerk"]):
    """Finds a clerk however the name is spelled, as many sites have it."""

    def get_by_natural_key(self, username: str | None) -> "Clerk":
        return self.get(email__iexact=username)


class Clerk(AbstractBaseUser):
    """Found by a look-up of its own."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    objects = ClerkManager()

    USERNAME_FIELD = "email"


class Customer(AbstractBaseUser):
    """A number is the name."""

    number = models.BigIntegerField(unique=True)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "number"


class Badge(AbstractBaseUser):
    """A UUID is the name."""

    code = models.UUIDField(unique=True)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "code"
