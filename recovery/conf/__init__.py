"""The site's ``RECOVERY`` dict. Read when used: never at import, never as a default argument.

One property per setting; its docstring is the sentence of the settings table. What is wrong in it is
told by ``checks``; here a missing value means the default.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, cast

from django.conf import settings

from recovery.conf.beside import authentication_backends, login_redirect_url, login_url, of_django, secret_keys
from recovery.conf.defaults import DEFAULTS, MERGED

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


class Conf:
    """Attributes are the settings' names; see the docstring of each."""

    def given(self) -> Mapping[str, Any]:
        """The dict as the site wrote it; nothing where it is none, which is a check's business."""
        given = getattr(settings, "RECOVERY", {})
        return given if isinstance(given, Mapping) else {}

    def _read(self, name: str) -> Any:
        value = self.given().get(name, DEFAULTS[name])
        return {**DEFAULTS[name], **value} if name in MERGED else value

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
    def ALARM_LIMITS(self) -> Mapping[str, float]:
        """When figures are an alarm: samples, the fewest mails that a share is judged by; bounces and complaints, the
        largest share that is none; open_cases, the most that are none."""
        return cast(Mapping[str, float], self._read("ALARM_LIMITS"))

    @property
    def ALARM_MAIL_TO(self) -> Sequence[str]:
        """Addresses that get a mail when an alarm begins and when it ends, beside the log and the signal."""
        return cast(Sequence[str], self._read("ALARM_MAIL_TO"))

    @property
    def AUDIENCES(self) -> Mapping[str, Mapping[str, Any]]:
        """Further doors to the accounts, each with its own BASE_URL, FROM_EMAIL, SITE_NAME, TEMPLATES, LANGUAGE,
        LOGIN_URL, TOKEN_LIFETIME, ROUTES and MEMBERS."""
        return cast(Mapping[str, Mapping[str, Any]], self._read("AUDIENCES"))

    @property
    def BACKUP_WAIT(self) -> timedelta:
        """How long after its confirmation a backup address gets no reset link."""
        return cast(timedelta, self._read("BACKUP_WAIT"))

    @property
    def BASE_URL(self) -> str:
        """Where this site lives; every link in a mail starts with it, never with the request's host."""
        return cast(str, self._read("BASE_URL"))

    @property
    def CASE_TARGETS(self) -> Sequence[Mapping[str, Any]]:
        """Where support cases are told, beside the admin: TARGET, a dotted path, NAME, and what the target needs."""
        return cast(Sequence[Mapping[str, Any]], self._read("CASE_TARGETS"))

    @property
    def CHANGE_PASSWORD_URL(self) -> str:
        """URL or URL name of the site's form for changing a known password."""
        return cast(str, self._read("CHANGE_PASSWORD_URL"))

    @property
    def CHOOSE_AUDIENCE(self) -> str | None:
        """Dotted path of (user, asked_at, kind) -> name of the door that mail for an account leads to, or None: then
        MEMBERS decide."""
        return cast("str | None", self._read("CHOOSE_AUDIENCE"))

    @property
    def COOLDOWN(self) -> timedelta:
        """How long after a link no other is issued for the same account."""
        return cast(timedelta, self._read("COOLDOWN"))

    @property
    def FORCED_LIFETIME(self) -> timedelta:
        """Life of a link after a forced rotation from hand-over, up to 24 hours, which is what NIST SP 800-63B-4
        section 4.2.1.2 allows a recovery code sent by mail. Longer than a reset's, for nobody waits for this mail."""
        return cast(timedelta, self._read("FORCED_LIFETIME"))

    @property
    def FROM_EMAIL(self) -> str:
        """Sender of the mails; without it, DEFAULT_FROM_EMAIL."""
        return cast(str, self._read("FROM_EMAIL") or settings.DEFAULT_FROM_EMAIL)

    @property
    def HEALTH_TOKEN(self) -> str | None:
        """Bearer token that opens the health view to a monitor; None: staff with the right alone."""
        return cast("str | None", self._read("HEALTH_TOKEN"))

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
        """How long what providers posted (raw_events), emails, requests, figures (roll_ups) and the trail are kept;
        None: for good."""
        return cast(Mapping[str, "timedelta | None"], self._read("RETENTION"))

    @property
    def RETURN_PATH_DOMAIN(self) -> str | None:
        """Domain of the return paths that mail leaves with over SMTP, each its own, so that a bounce names its mail;
        None: the sender's address. Whatever comes to it goes to recovery_ingest_bounces."""
        return cast("str | None", self._read("RETURN_PATH_DOMAIN"))

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
    def ROUTES(self) -> Sequence[Mapping[str, Any]]:
        """Ways out for mail, in order: NAME, BACKEND and OPTIONS, or from Django 6.1 on MAILER, a name of MAILERS;
        empty: one route "default", the site's own mail settings."""
        return cast(Sequence[Mapping[str, Any]], self._read("ROUTES"))

    @property
    def SEND_BY(self) -> timedelta:
        """How long after the ask a mail may still leave."""
        return cast(timedelta, self._read("SEND_BY"))

    @property
    def SITE_MAIL(self) -> Mapping[str, Any] | None:
        """How the rest of the site's mail leaves when recovery.contrib.mail wraps it: BACKEND and OPTIONS, or from
        Django 6.1 on MAILER."""
        return cast("Mapping[str, Any] | None", self._read("SITE_MAIL"))

    @property
    def SITE_NAME(self) -> str | None:
        """Name of the site in pages and mails; without it, the host of BASE_URL."""
        return cast("str | None", self._read("SITE_NAME"))

    @property
    def STAFF_AUDIENCES(self) -> str | None:
        """Dotted path of (actor) -> names of the doors whose people a member of staff reaches, or None: all."""
        return cast("str | None", self._read("STAFF_AUDIENCES"))

    @property
    def STAFF_MAY_SET_PASSWORDS(self) -> bool:
        """Whether the admin's own page lets staff, superusers too, set the password of another's account; whoever sets
        it knows it. Without it they send a link or force a new password."""
        return cast(bool, self._read("STAFF_MAY_SET_PASSWORDS"))

    @property
    def SUPPORT_CONTACT(self) -> str | None:
        """Address or phone number shown to people who cannot get in."""
        return cast("str | None", self._read("SUPPORT_CONTACT"))

    @property
    def TARGETS(self) -> Mapping[str, Any]:
        """What recovery should reach: delivered_share of the mail that arrives does so delivered_within the request,
        and delivery_success is the share that arrives."""
        return cast(Mapping[str, Any], self._read("TARGETS"))

    @property
    def TOKEN_LIFETIME(self) -> timedelta | str:
        """Life of a link from hand-over: a timedelta up to 24 hours, or "auto" (15 to 60 minutes)."""
        return cast("timedelta | str", self._read("TOKEN_LIFETIME"))

    @property
    def TRUSTED_PROXIES(self) -> int:
        """How many proxies in front of the site write X-Forwarded-For; 0 trusts REMOTE_ADDR alone."""
        return cast(int, self._read("TRUSTED_PROXIES"))

    @property
    def UNKNOWN_ACCOUNT_MAIL(self) -> bool:
        """Whether an address without an account gets a mail that says so."""
        return cast(bool, self._read("UNKNOWN_ACCOUNT_MAIL"))

    @property
    def WEBHOOKS(self) -> Mapping[str, Mapping[str, Any]]:
        """Providers that must be able to report back; a missing secret is then an error. Of amazon_ses, TOPICS lists
        the topics that are heard, and their signatures are checked."""
        return cast(Mapping[str, Mapping[str, Any]], self._read("WEBHOOKS"))

    @property
    def WEBHOOK_SILENCE(self) -> timedelta:
        """How long after mail left by a provider of WEBHOOKS its silence is an alarm."""
        return cast(timedelta, self._read("WEBHOOK_SILENCE"))


conf: Final = Conf()


def unknown_settings() -> list[tuple[str, str | None]]:
    """Keys of RECOVERY that mean nothing here, each with the setting that was probably meant."""
    strange = [str(key) for key in conf.given() if key not in DEFAULTS]
    return [(key, next(iter(get_close_matches(key.upper(), DEFAULTS)), None)) for key in strange]
