"""Python's collector of cycles, kept from looking at a batch while it is being taken in."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Until the block ends, in this process. A batch of a thousand events makes fifty thousand objects, all of which it
    still needs and none of which is in a cycle: the collector would walk through them dozens of times to free nothing.
    How many there can be is bounded by the limit on bodies.

    Whoever finds it at rest already leaves it to the other, so that it always runs again at the end.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
