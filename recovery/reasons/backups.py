"""Backup addresses: where one is, and why one is refused."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class BackupRefusal(TextChoices):
    """Why a backup address was not added, confirmed or removed."""

    WRONG_PASSWORD = "wrong_password", _("the password was wrong")
    TOO_OFTEN = "too_often", _("too many tries within the hour")
    LOCKED = "locked", _("there were too many wrong passwords, and sign-in is refused for a while")
    FROZEN = "frozen", _("a new password was forced, and addresses stay as they are for a while")
    TOO_MANY = "too_many", _("the account has as many as it may have")
    OWN_ADDRESS = "own_address", _("it is an address of the account itself")
    ALREADY_THERE = "already_there", _("it is a backup address of the account already")


class BackupState(TextChoices):
    """Where a backup address is."""

    UNCONFIRMED = "unconfirmed", _("its code was not typed yet")
    WAITING = "waiting", _("confirmed, not usable before its waiting time is over")
    USABLE = "usable", _("reset links may go there")
