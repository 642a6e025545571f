"""The site's ``RECOVERY`` dict. Read when used: never at import, never as a default argument.

One property per setting; its docstring is the sentence of the settings table. What is wrong in it is
told by ``checks``; here a missing value means the default.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, cast

from recovery.conf.beside import authentication_backends, login_redirect_url, login_url, of_django, secret_keys
from recovery.conf.defaults import DEFAULTS, MERGED
from recovery.conf.mail import MailConf

__all__ = [
    "DEFAULTS",
    "MERGED",
    "Conf",
    "authentication_backends",
    "conf",
    "login_redirect_url",
    "login_url",
    "of_django",
    "secret_keys",
    "unknown_settings",
]


class Conf(MailConf):
    """Attributes are the settings' names; see the docstring of each."""

    @property
    def ACCOUNTS(self) -> str:
        """Dotted path of the function that tells which accounts an identifier means."""
        return cast(str, self._read("ACCOUNTS"))

    @property
    def ACTIVATE_NEW_USERS(self) -> bool:
        """Whether whoever is created without a password gets a link to choose one, an inactive person when made active;
        what bulk_create or a fixture makes is not seen."""
        return cast(bool, self._read("ACTIVATE_NEW_USERS"))

    @property
    def ACTIVATION_LIFETIME(self) -> timedelta:
        """Life of a link to the first password from hand-over, up to 7 days. A reset's link has a day at most, as NIST
        SP 800-63B-4 section 4.2.1.2 says of recovery codes sent by mail; this one recovers nothing: it dies as soon as
        anybody has a password or has signed in, so it takes no account over."""
        return cast(timedelta, self._read("ACTIVATION_LIFETIME"))

    @property
    def ADDRESS_CORRECTION(self) -> timedelta | str:
        """When an address takes effect that staff correct: "second_approver", when a second member of staff approves; a
        timedelta, after that wait, in which the old address may object; "at_once". One alone could take an account over
        by it (OWASP ASVS 5.0 section 2.3.5)."""
        return cast("timedelta | str", self._read("ADDRESS_CORRECTION"))

    @property
    def ADDRESS_FREEZE(self) -> timedelta:
        """How long after a forced rotation the account's addresses stay as they are; shorter than BACKUP_WAIT."""
        return cast(timedelta, self._read("ADDRESS_FREEZE"))

    @property
    def ADMIN_BASE(self) -> str:
        """Dotted path of the ModelAdmin class that this app's admin pages build on."""
        return cast(str, self._read("ADMIN_BASE"))

    @property
    def API_AUTHENTICATOR(self) -> str | None:
        """Dotted path of (request) -> user or None: who calls the staff half of the JSON API, from a header, never from
        a cookie. None, and where it finds nobody: whoever is signed in to the site."""
        return cast("str | None", self._read("API_AUTHENTICATOR"))

    @property
    def API_ORIGINS(self) -> Sequence[str]:
        """Other sites whose pages may call the JSON API from a browser, as "https://app.example.org"; no cookie comes
        with such a call."""
        return cast(Sequence[str], self._read("API_ORIGINS"))

    @property
    def AUDIT_ANCHORS(self) -> Sequence[Mapping[str, Any]]:
        """Where the head of the trail's chain is told each hour: ANCHOR, a dotted path, and what it needs; the log, a
        file (PATH), a mail (TO), or a function of the site's own."""
        return cast(Sequence[Mapping[str, Any]], self._read("AUDIT_ANCHORS"))

    @property
    def BACKUP_WAIT(self) -> timedelta:
        """How long after its confirmation a backup address gets no reset link."""
        return cast(timedelta, self._read("BACKUP_WAIT"))

    @property
    def CHANGE_PASSWORD_URL(self) -> str:
        """URL or URL name of the site's form for changing a known password."""
        return cast(str, self._read("CHANGE_PASSWORD_URL"))

    @property
    def CLIENT_DATA(self) -> Mapping[str, str]:
        """How much of a client's address (ip) and browser (user_agent) is written down: "full", "cut" to the network
        (/24, of IPv6 /48) or to the names of browser and system, or "hashed". Limits count by the whole address."""
        return cast(Mapping[str, str], self._read("CLIENT_DATA"))

    @property
    def COOLDOWN(self) -> timedelta:
        """How long after a link no other is issued for the same account."""
        return cast(timedelta, self._read("COOLDOWN"))

    @property
    def ERASE_WITH_ACCOUNT(self) -> bool:
        """Whether what is held about a person is erased when their account is deleted."""
        return cast(bool, self._read("ERASE_WITH_ACCOUNT"))

    @property
    def FORCED_LIFETIME(self) -> timedelta:
        """Life of a link after a forced rotation from hand-over, up to 24 hours, which is what NIST SP 800-63B-4
        section 4.2.1.2 allows a recovery code sent by mail. Longer than a reset's, for nobody waits for this mail."""
        return cast(timedelta, self._read("FORCED_LIFETIME"))

    @property
    def LOCKOUT_ALARM(self) -> int:
        """How many names that are locked within an hour sound the alarm."""
        return cast(int, self._read("LOCKOUT_ALARM"))

    @property
    def LOCKOUT_WAITS(self) -> Sequence[timedelta]:
        """How long sign-in is locked the first time, the second and so on, the last for all further ones; at most 15
        minutes."""
        return cast(Sequence[timedelta], self._read("LOCKOUT_WAITS"))

    @property
    def LOGIN_FAILURE_LIMIT(self) -> Mapping[str, int | None]:
        """How many failed sign-ins lock an account, a known device (device) and a source; None for the source: it is
        not counted."""
        return cast("Mapping[str, int | None]", self._read("LOGIN_FAILURE_LIMIT"))

    @property
    def LOGIN_FAILURE_WINDOW(self) -> timedelta:
        """How long a failed sign-in counts."""
        return cast(timedelta, self._read("LOGIN_FAILURE_WINDOW"))

    @property
    def MARKETING_STREAMS(self) -> Sequence[str]:
        """Names of the provider's streams, categories or tags that carry marketing: what comes back about those never
        stops recovery mail."""
        return cast(Sequence[str], self._read("MARKETING_STREAMS"))

    @property
    def MAY_ACT_ON(self) -> str | None:
        """Dotted path of (actor, user) -> bool: whom a member of staff reaches."""
        return cast("str | None", self._read("MAY_ACT_ON"))

    @property
    def METRICS(self) -> Mapping[str, Any]:
        """What recovery.contrib.prometheus tells, and to whom: TOKEN, the bearer token that opens it; DOMAINS, the
        recipient domains that it names."""
        return cast(Mapping[str, Any], self._read("METRICS"))

    @property
    def NO_PASSWORD_SIGN_IN(self) -> Mapping[str, str] | None:
        """NAME and URL of the sign-in for accounts without a password here; None: they get no mail."""
        return cast("Mapping[str, str] | None", self._read("NO_PASSWORD_SIGN_IN"))

    @property
    def POST_RESET_LOGIN(self) -> bool:
        """Whether a completed reset also signs the person in, past any second factor: leave it off if there is one."""
        return cast(bool, self._read("POST_RESET_LOGIN"))

    @property
    def REQUEST_LIMITS(self) -> Mapping[str, tuple[int, timedelta]]:
        """How many asks per address, account, source and member of staff, how many starts of a forced rotation or
        a repair per member of staff, how many activations that the site asks for per address, and in which time."""
        return cast(Mapping[str, tuple[int, timedelta]], self._read("REQUEST_LIMITS"))

    @property
    def RETENTION(self) -> Mapping[str, timedelta | None]:
        """How long the addresses of ended links (links), what providers posted (raw_events), emails, requests, figures
        (roll_ups) and the trail are kept; None: for good."""
        return cast(Mapping[str, "timedelta | None"], self._read("RETENTION"))

    @property
    def REVOKERS(self) -> Sequence[str]:
        """Dotted paths of (user) -> int: what else ends with a password, and how many of it did. Tokens of Django REST
        framework, Simple JWT and Knox end by themselves."""
        return cast(Sequence[str], self._read("REVOKERS"))

    @property
    def ROTATION_PACE(self) -> int:
        """How many people a minute forced rotations of several and repairs of incidents reach."""
        return cast(int, self._read("ROTATION_PACE"))

    @property
    def STAFF_MAY_SET_PASSWORDS(self) -> bool:
        """Whether the admin's own page lets staff, superusers too, set the password of another's account; whoever sets
        it knows it. Without it they send a link or force a new password."""
        return cast(bool, self._read("STAFF_MAY_SET_PASSWORDS"))

    @property
    def TOKEN_LIFETIME(self) -> timedelta | str:
        """Life of a link from hand-over: a timedelta up to 24 hours, "auto" (15 to 60 minutes), or the dotted path of
        (audience) -> timedelta."""
        return cast("timedelta | str", self._read("TOKEN_LIFETIME"))

    @property
    def TRUSTED_PROXIES(self) -> int | Sequence[str]:
        """How many proxies in front of the site write X-Forwarded-For, or the networks of all that do, servers of a
        front end among them; 0 trusts REMOTE_ADDR alone."""
        return cast("int | Sequence[str]", self._read("TRUSTED_PROXIES"))


conf: Final = Conf()


def unknown_settings() -> list[tuple[str, str | None]]:
    """Keys of RECOVERY that mean nothing here, each with the setting that was probably meant."""
    strange = [str(key) for key in conf.given() if key not in DEFAULTS]
    return [(key, next(iter(get_close_matches(key.upper(), DEFAULTS)), None)) for key in strange]
