"""Writes the hourly figures that ``metrics`` reads, and measures how long links live.

Callers import this package as ``rollup``. It counts rows as ``counting`` defines them, and changes none of them.
"""

from recovery.rollup.running import RolledUp, again, is_overdue, outlook, roll_up

__all__ = ["RolledUp", "again", "is_overdue", "outlook", "roll_up"]
