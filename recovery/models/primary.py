"""Where this app's rows are: one database, the one the site's router gives for writing.

Read replicas lag: a row that was written a moment ago must be found, so rows are read where they are written.
"""

from typing import TypeVar

from django.db import models, router, transaction

Row = TypeVar("Row", bound=models.Model)


class PrimaryManager(models.Manager[Row]):
    """Reads from the database that is written to, unless a caller names another."""

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().using(self._db or router.db_for_write(self.model))


def atomic(model: type[models.Model], *, durable: bool = False) -> transaction.Atomic:
    """A transaction for rows of ``model``, on the database that they are routed to; as Django's otherwise."""
    return transaction.atomic(using=router.db_for_write(model), durable=durable)
