"""What callers must not ignore. The message stands in the docstring, as in the standard library."""

from datetime import datetime


class RecoveryError(Exception):
    """Something in account recovery went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class Misconfigured(RecoveryError):
    """A RECOVERY setting is missing or has the wrong shape."""


class LinkRefused(RecoveryError):
    """The link cannot be used; ``why`` is a word of ``reasons.Refusal``."""

    def __init__(self, why: str) -> None:
        super().__init__(f"link refused: {why}")
        self.why = why


class BackupRefused(RecoveryError):
    """The backup address was not changed; ``why`` is a word of ``reasons.BackupRefusal``, ``until`` when that ends, if
    it is known."""

    def __init__(self, why: str, *, until: datetime | None = None) -> None:
        super().__init__(f"backup address refused: {why}")
        self.why = why
        self.until = until


class SignInRefused(RecoveryError):
    """There were too many tries: no password is looked at before ``until``."""

    def __init__(self, until: datetime) -> None:
        super().__init__("sign-in refused: too many tries")
        self.until = until


class PasswordChangedMeanwhile(RecoveryError):
    """The password is no longer the one that was proved."""


class SecretLost(RecoveryError):
    """No key in SECRET_KEY or SECRET_KEY_FALLBACKS derives this link's secret any more."""


class KeyReused(RecoveryError):
    """This Idempotency-Key was sent before with another body."""


class KeyInUse(RecoveryError):
    """The first call with this Idempotency-Key is not done yet; ``until`` is when to look again."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


class NotAllowed(RecoveryError):
    """This member of staff may not act on this account."""
