"""post_office's log of as many mails, with its own page in the admin: fifty to a page, as ours."""

from collections.abc import Callable
from typing import Any

LOG = "/admin/post_office/email/"
_COLUMNS = (
    'from_email, "to", cc, bcc, subject, message, html_message, status, priority, created, last_updated, message_id, '
    "backend_alias"
)


def fill(mails: int) -> None:
    """As many mails over thirty days, to as many addresses as ours has accounts, each with its line in the log."""
    from django.db import connection

    is_postgresql = connection.vendor == "postgresql"
    people = mails // 5
    if is_postgresql:
        numbers = f"FROM generate_series(0::bigint, {mails - 1}) AS n(i)"
        at, text = f"now() - ({mails} - n.i) * interval '30 days' / {mails}", "repeat('Hello, follow this link. ', 10)"
        head = ""
    else:
        numbers = "FROM n"
        at = f"datetime('now', '-' || CAST(({mails} - n.i) * 2592000.0 / {mails} AS int) || ' seconds')"
        text = f"'{'Hello, follow this link. ' * 10}'"
        head = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {mails - 1}) "
    with connection.cursor() as cursor:
        cursor.execute(
            f"{head}INSERT INTO post_office_email ({_COLUMNS}) SELECT 'noreply@benchmark.example', 'u' ||"
            f" CAST(n.i * 7919 % {people} AS text) || '@members.example', '', '', 'Reset your password', {text}, '',"
            f" CASE n.i % 12 WHEN 9 THEN 1 WHEN 10 THEN 2 WHEN 11 THEN 3 ELSE 0 END, 1, {at}, {at},"
            f" '<' || CAST(n.i AS text) || '@benchmark.example>', '' {numbers}"
        )
        cursor.execute(
            "INSERT INTO post_office_log (email_id, date, status, exception_type, message)"
            " SELECT id, created, 0, '', '' FROM post_office_email"
        )
        cursor.execute("VACUUM ANALYZE" if is_postgresql else "ANALYZE")


def pages() -> dict[str, Callable[[], None]]:
    """Each page of the peer's, by its name."""
    from django.contrib import admin
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone
    from post_office.models import Email

    client, now = Client(), timezone.now()
    client.force_login(User.objects.get(username="operator"))
    log: Any = admin.site.get_model_admin(Email)
    log.list_per_page = 50

    def opening(query: str, *, date_hierarchy: str | None = None) -> Callable[[], None]:
        def open_it() -> None:
            log.date_hierarchy = date_hierarchy  # one line that a site adds
            answer = client.get(LOG + query)
            log.date_hierarchy = None
            assert answer.status_code == 200, (query, answer.status_code)

        return open_it

    return {
        "first page": opening(""),
        "page 100": opening("?p=100"),
        "search by recipient": opening("?q=u395@members.example"),
        "search, nothing found": opening("?q=nobody-here"),
        "filter by status failed": opening("?status__exact=1"),
        "date hierarchy, a month": opening(
            f"?created__year={now.year}&created__month={now.month}", date_hierarchy="created"
        ),
    }
