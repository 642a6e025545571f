"""One user model for each way in which hosts differ. None has migrations: the test database makes their tables."""

import uuid

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
