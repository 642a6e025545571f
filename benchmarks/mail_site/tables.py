"""The tables of all carriers: made, filled with users, and emptied between two turns."""

from benchmarks.stage import address


def fill(people: int) -> None:
    """Tables for all lanes, and users to write to."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    named = [address(number) for number in range(people - User.objects.count())]
    User.objects.bulk_create([User(username=name, email=name) for name in named], batch_size=2000)
    tidy()


def empty() -> None:
    """No mail anywhere."""
    import redis
    from django.apps import apps
    from django.conf import settings
    from django.db import connection

    tables = [
        model._meta.db_table
        for carrier in ("recovery", "post_office", "mailer")
        for model in apps.get_app_config(carrier).get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        else:
            with connection.constraint_checks_disabled():
                for table in tables:
                    cursor.execute(f"DELETE FROM {table}")
    tidy()
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


def tidy() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
