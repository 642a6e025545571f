"""Settings of mail: who sends it, over what, to whom it is told, and when figures of it are an alarm."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from recovery.conf.beside import of_django
from recovery.conf.given import Given


class MailConf(Given):
    """A part of ``Conf``."""

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
        """Further doors to the accounts, each with its own BASE_URL, LINK_URL, FROM_EMAIL, SITE_NAME, SUPPORT_CONTACT,
        TEMPLATES, LANGUAGE, LOGIN_URL, TOKEN_LIFETIME, ROUTES and MEMBERS."""
        return cast(Mapping[str, Mapping[str, Any]], self._read("AUDIENCES"))

    @property
    def BASE_URL(self) -> str:
        """Where this site lives; links in mails start with it, or with LINK_URL, never with the request's host."""
        return cast(str, self._read("BASE_URL"))

    @property
    def CASE_TARGETS(self) -> Sequence[Mapping[str, Any]]:
        """Where support cases are told, beside the admin: TARGET, a dotted path, NAME, and what the target needs."""
        return cast(Sequence[Mapping[str, Any]], self._read("CASE_TARGETS"))

    @property
    def CHOOSE_AUDIENCE(self) -> str | None:
        """Dotted path of (user, asked_at, kind) -> name of the door that mail for an account leads to, or None: then
        MEMBERS decide."""
        return cast("str | None", self._read("CHOOSE_AUDIENCE"))

    @property
    def DKIM_SELECTORS(self) -> Sequence[str]:
        """Selectors of the keys that mail is signed with, which the DNS cannot list: "s1", or "s1@other.example" where
        another domain than the sender's signs."""
        return cast(Sequence[str], self._read("DKIM_SELECTORS"))

    @property
    def DNS(self) -> Mapping[str, Any]:
        """How sending domains are looked up: resolvers, addresses of DNS servers ("192.0.2.1:5353"), none for those of
        the machine; how long one answer may take (answer_within), and all together (deadline)."""
        return cast(Mapping[str, Any], self._read("DNS"))

    @property
    def FROM_EMAIL(self) -> str:
        """Sender of the mails; without it, DEFAULT_FROM_EMAIL."""
        return cast(str, self._read("FROM_EMAIL") or of_django("DEFAULT_FROM_EMAIL"))

    @property
    def HEALTH_TOKEN(self) -> str | None:
        """Bearer token that opens the health view to a monitor; None: staff with the right alone."""
        return cast("str | None", self._read("HEALTH_TOKEN"))

    @property
    def LANGUAGE_OF(self) -> str | None:
        """Dotted path of (user) -> code of the language in which an account is written to, or None: then that of the
        page on which somebody asked for themselves, else the door's, else LANGUAGE_CODE."""
        return cast("str | None", self._read("LANGUAGE_OF"))

    @property
    def LINK_URL(self) -> str | None:
        """Page of a front end of the site's own to which links for a new password lead, a URL with {purpose} and
        {token}; None: the page of this app. All other links in mails stay at BASE_URL."""
        return cast("str | None", self._read("LINK_URL"))

    @property
    def MARKETING_DOMAINS(self) -> Sequence[str]:
        """Domains that marketing is sent from: recovery mail from one of them is flagged."""
        return cast(Sequence[str], self._read("MARKETING_DOMAINS"))

    @property
    def RETURN_PATH_DOMAIN(self) -> str | None:
        """Domain of the return paths that mail leaves with over SMTP, each its own, so that a bounce names its mail;
        None: the sender's address. Whatever comes to it goes to recovery_ingest_bounces."""
        return cast("str | None", self._read("RETURN_PATH_DOMAIN"))

    @property
    def ROUTES(self) -> Sequence[Mapping[str, Any]]:
        """Ways out for mail, in order: NAME, BACKEND and OPTIONS, or from Django 6.1 on MAILER, a name of MAILERS;
        empty: one route "default", the site's own mail settings."""
        return cast(Sequence[Mapping[str, Any]], self._read("ROUTES"))

    @property
    def SENDING_IPS(self) -> Sequence[str]:
        """Addresses and networks that mail leaves from, for the list that a recipient's IT allows; empty: those of the
        SPF record."""
        return cast(Sequence[str], self._read("SENDING_IPS"))

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
    def SUPPORT_CONTACT(self) -> str | None:
        """Address or phone number shown to people who cannot get in."""
        return cast("str | None", self._read("SUPPORT_CONTACT"))

    @property
    def TARGETS(self) -> Mapping[str, Any]:
        """What recovery should reach: delivered_share of the mail that arrives does so delivered_within the request,
        and delivery_success is the share that arrives."""
        return cast(Mapping[str, Any], self._read("TARGETS"))

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
