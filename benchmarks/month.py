"""A month of mail as rows, made by the database itself: a million mails in a minute or two.

Every mail has its request and its link, three events, and what follows from its fate. Nothing is drawn at random:
what a mail is follows from its number, so that two databases hold the same month. The sixty oldest mails of any month
have a kind, a reason and a route that no other has: what is rare and long ago is what a list is slowest to find.
"""

from datetime import UTC, datetime
from typing import Any

DAYS = 30
EVENTS = 3
_FATES = (
    (965, "delivered"),
    (977, "bounced"),
    (983, "failed"),
    (989, "handed_over"),
    (995, "withheld"),
    (1000, "expired"),
)
_REASONS = {"failed": "provider_refused_recipient", "withheld": "suppressed", "expired": "past_send_by"}
_RARE = "n.i < 60"
_TIMES = ((300, 2), (700, 4), (930, 9), (965, 28), (985, 75), (997, 400), (1000, 4000))
_OPENED = ((400, 40), (700, 110), (900, 340), (970, 900), (1000, 3000))
_DOMAINS = ((620, 6), (900, 60), (1000, 4000))  # so many thousandths go to so many domains


def fill(mails: int, *, ends_at: datetime, people: int = 0) -> None:
    """Fill an empty database with the month that ends at that moment, and with so many accounts, whose mail it is."""
    from django.db import connection

    write(mails, ends_at=ends_at, people=people)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def write(mails: int, *, ends_at: datetime, people: int = 0, days: int = DAYS) -> None:
    """The rows alone, in the caller's transaction; ``days``: how long this month is."""
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in _Month(connection, mails, ends_at, people, days).statements():
            cursor.execute(statement)


class _Month:
    def __init__(self, connection: Any, mails: int, ends_at: datetime, people: int, days: int) -> None:
        self.mails, self.people = mails, people
        self.is_postgresql = connection.vendor == "postgresql"
        self.start = int(ends_at.astimezone(UTC).timestamp()) - days * 86400
        self.spacing = days * 86400 / mails

    def statements(self) -> list[str]:
        return [
            *self._accounts(),
            self._requests(),
            self._emails(),
            self._links(),
            self._events(),
            self._bounces(),
            self._cases(),
            self._acts(),
        ]

    def _accounts(self) -> list[str]:
        if not self.people:
            return []
        number = "n.i + 1"
        accounts = self._insert("auth_user", "n.i", {
            "id": number, "username": f"'u' || {self._text(number)}", "email": self._address(number), "password": "'!'",
            "first_name": "'Una'", "last_name": f"'Number ' || {self._text(number)}", "is_staff": "false",
            "is_superuser": "false", "is_active": "true", "date_joined": self._at("0", "0"), "last_login": "NULL",
        }, rows=self.people)  # fmt: skip
        if not self.is_postgresql:
            return [accounts]
        return [accounts, "SELECT setval(pg_get_serial_sequence('auth_user', 'id'), max(id)) FROM auth_user"]

    def _requests(self) -> str:
        return self._insert("recovery_resetrequest", "n.i", {
            "id": self._key("a", "n.i"), "reference": f"upper({self._hex('n.i', 8)})",
            "kind": "CASE WHEN n.i % 20 = 0 THEN 'admin' ELSE 'forgot' END", "audience": self._audience(),
            "identifier": self._address(), "user_key": "''", "actor_key": "''", "reason": "''", "ip": "NULL",
            "user_agent": "''", "language": "'en'", "next_url": "''",
            "outcome": "CASE WHEN n.i % 10 < 6 THEN 'completed' ELSE 'sent' END",
            "requested_at": self._at("0"), "decided_at": self._at("0.1"), "completed_at": "NULL", "attempt_count": "1",
            "next_try_at": self._at("5"),
        })  # fmt: skip

    def _emails(self) -> str:
        fate, took = self._fate(), self._took()
        why = " ".join(f"WHEN '{state}' THEN '{reason}'" for state, reason in _REASONS.items())
        reason = f"CASE WHEN {_RARE} THEN 'poison' ELSE CASE {fate} {why} ELSE '' END END"
        left = f"{fate} NOT IN ('withheld', 'expired')"
        return self._insert("recovery_email", "n.i", {
            "id": self._key("8", "n.i"), "kind": f"CASE WHEN {_RARE} THEN 'alarm' ELSE 'reset' END",
            "audience": self._audience(), "recipient": self._address(),
            "recipient_key": self._address(), "user_key": self._person(),
            "request_id": self._key("a", "n.i"), "language": "'en'", "subject": "''",
            "context": "'{}'", "priority": "0", "state": fate, "reason": reason,
            "queued_at": self._at("0.2"), "send_by": self._at("1800"), "next_try_at": "NULL", "attempt_count": "1",
            "strike_count": "0", "doubt_count": "0", "claimed_at": self._at("0.3"), "lease_until": "NULL",
            "lease_owner": "NULL", "route": f"CASE WHEN {left} THEN {self._route()} ELSE '' END", "esp": "'postmark'",
            "esp_message_id": f"'m' || {self._text('n.i')}",
            "handed_over_at": f"CASE WHEN {left} THEN {self._at('0.6')} END",
            "delivered_at": f"CASE WHEN {fate} = 'delivered' THEN {self._at(took)} END", "followed_up_at": "NULL",
        })  # fmt: skip

    def _links(self) -> str:
        after = f"({self._took()} + {_steps('n.i * 15485863', _OPENED)})"
        is_used = "n.i % 10 < 6"
        opened = f"CASE WHEN n.i % 10 < 7 THEN {self._at(after)} END"
        return self._insert("recovery_resettoken", "n.i", {
            "id": self._key("9", "n.i"), "selector": self._hex("n.i", 22), "digest": self._hex("n.i", 64),
            "purpose": "'reset'", "user_key": self._person(), "address": "''", "fingerprint": "''",
            "request_id": self._key("a", "n.i"), "email_id": self._key("8", "n.i"),
            "state": f"CASE WHEN {is_used} THEN 'used' WHEN n.i % 10 = 9 THEN 'replaced' ELSE 'expired' END",
            "issued_at": self._at("0.2"), "expires_at": self._at("3600"),
            "ended_at": self._at(f"CASE WHEN {is_used} THEN {after} + 30 WHEN n.i % 10 = 9 THEN 900 ELSE 3600 END"),
            "opened_at": opened, "person_opened_at": opened, "open_count": "1",
        })  # fmt: skip

    def _events(self) -> str:
        """Taken, delivered, and one more: of each mail three."""
        number, kind = f"n.i / {EVENTS}", f"n.i % {EVENTS}"
        return self._insert("recovery_emailevent", "n.i", {
            "kind": f"CASE {kind} WHEN 0 THEN 'handed_over' WHEN 1 THEN 'sent' ELSE 'delivered' END",
            "occurred_at": self._at("1", number), "recorded_at": self._at("1", number), "claimed_at": "NULL",
            "esp": f"CASE {kind} WHEN 0 THEN '' ELSE 'postmark' END", "esp_message_id": "''", "recipient": "''",
            "reject_reason": "''", "detail": "''", "dedupe_key": "NULL", "error": "''", "digest": "''", "content": "''",
            "email_id": self._key("8", number),
        }, rows=EVENTS * self.mails)  # fmt: skip

    def _bounces(self) -> str:
        return self._insert("recovery_bounce", "n.i", {
            "id": self._key("b", "n.i"), "bounce_class": "CASE WHEN n.i % 1000 = 0 THEN 'complaint' ELSE 'hard' END",
            "rule": "'smtp:550'", "evidence": "''", "status": "''", "recipient_key": self._address(), "user_key": "''",
            "stream": "''", "esp": "'postmark'", "occurred_at": self._at("60"), "recorded_at": self._at("60"),
            "email_id": self._key("8", "n.i"), "event_id": "NULL",
        }, where=f"n.i % 1000 = 0 OR {self._fate()} = 'bounced'")  # fmt: skip

    def _cases(self) -> str:
        return self._insert("recovery_supportcase", "n.i", {
            "id": self._key("b", "n.i"), "user_key": self._text("n.i"), "reason": "'bounced_no_backup'",
            "failure_count": "1", "began_at": self._at("60"), "opened_at": self._at("60"), "assigned_to": "''",
            "closed_at": self._at("4000"), "closed_by": "''", '"end"': "'completed'", "end_reason": "''",
            "request_id": self._key("a", "n.i"),
        }, where="n.i % 125 = 0")  # fmt: skip

    def _acts(self) -> str:
        return self._insert("recovery_auditevent", "n.i", {
            "id": self._key("b", "n.i"), "occurred_at": self._at("90"),
            "action": "CASE WHEN n.i % 200 = 0 THEN 'email.retried' ELSE 'link.opened' END",
            "actor_key": "CASE WHEN n.i % 200 = 0 THEN '7' ELSE '' END", "user_key": self._person(),
            "request_id": self._key("a", "n.i"), "email_id": "NULL", "reference": "''", "reason": "''",
            "detail": "'{}'",
        })  # fmt: skip

    def _insert(
        self, table: str, number: str, values: dict[str, str], *, rows: int | None = None, where: str = "true"
    ) -> str:
        last = (rows or self.mails) - 1
        into, selected = f"INSERT INTO {table} ({', '.join(values)})", f"SELECT {', '.join(values.values())}"
        if self.is_postgresql:
            return f"{into} {selected} FROM generate_series(0::bigint, {last}) AS n(i) WHERE {where}"
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
        return f"{numbers} {into} {selected} FROM n WHERE {where}"

    def _at(self, seconds: str, number: str = "n.i") -> str:
        """So many seconds after the mail of that number was asked for."""
        moment = f"({self.start} + ({number}) * {self.spacing:.6f} + ({seconds}))"
        if self.is_postgresql:
            return f"to_timestamp({moment})"
        return f"strftime('%Y-%m-%d %H:%M:%f', {moment}, 'unixepoch')"

    def _key(self, mark: str, number: str) -> str:
        """A key of version 7, as old as the mail; ``mark`` keeps those of several tables apart."""
        milliseconds = f"CAST(({self.start} + ({number}) * {self.spacing:.6f}) * 1000 AS bigint)"
        if self.is_postgresql:
            rest = f"lpad(to_hex(({number})::bigint), 15, '0')"
            return f"(lpad(to_hex({milliseconds}), 12, '0') || '7000' || '{mark}' || {rest})::uuid"
        return f"printf('%012x7000{mark}%015x', {milliseconds}, {number})"

    def _hex(self, number: str, width: int) -> str:
        if self.is_postgresql:
            return f"lpad(to_hex(({number})::bigint), {width}, '0')"
        return f"printf('%0{width}x', {number})"

    def _text(self, number: str) -> str:
        return f"CAST({number} AS text)"

    def _took(self) -> str:
        return _steps("n.i * 104729", _TIMES)

    def _audience(self) -> str:
        return "CASE WHEN n.i % 3 = 0 THEN 'portal' ELSE 'default' END"

    def _route(self) -> str:
        return f"CASE WHEN {_RARE} THEN 'former' WHEN n.i % 10 < 8 THEN 'main' ELSE 'spare' END"

    def _fate(self) -> str:
        return f"CASE WHEN {_RARE} THEN 'failed' ELSE {_steps('n.i * 7919', _FATES)} END"

    def _person(self) -> str:
        return self._text(f"n.i % {self.people or 200_000} + 1")

    def _address(self, of: str = "n.i") -> str:
        number = f"({of} * 31) % 1000"
        cases = " ".join(
            f"WHEN {number} < {bound} THEN {place} + ({of} * 13) % {domains}"
            for place, (bound, domains) in zip((0, 1000, 2000), _DOMAINS, strict=True)
        )
        return f"'u' || {self._text(of)} || '@d' || {self._text(f'CASE {cases} END')} || '.example'"


def _steps(number: str, steps: tuple[tuple[int, Any], ...]) -> str:
    """Of so many thousandths each the value."""
    cases = " ".join(f"WHEN ({number}) % 1000 < {bound} THEN {value!r}" for bound, value in steps)
    return f"CASE {cases} END"
