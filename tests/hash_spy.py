"""A hasher that notes each password that it hashed, in a store of its own that no rollback and no flush reaches."""

import atexit
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from django.contrib.auth.hashers import MD5PasswordHasher

SPY: Final = "tests.hash_spy.SpyHasher"
STORE: Final = "TESTS_HASH_SPY"  # where processes that a test starts note theirs
SLOWNESS: Final = "TESTS_HASH_SPY_SECONDS"


def store() -> Path:
    """Made by the first process that asks, and gone with it."""
    if STORE not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="hash-spy-")
        atexit.register(folder.cleanup)
        os.environ[STORE] = str(Path(folder.name) / "hashes")
    return Path(os.environ[STORE])


def hashed() -> int:
    """How many since ``forget``: passwords that were compared, and those that were hashed for nobody."""
    return store().stat().st_size if store().exists() else 0


def forget() -> None:
    store().write_bytes(b"")


class SpyHasher(MD5PasswordHasher):
    """One letter for each hash: to compare is to hash. Writing at the end of a file is safe between processes."""

    algorithm = "spy"

    def encode(self, password: Any, salt: Any) -> str:
        with store().open("ab", buffering=0) as notes:
            notes.write(b".")
        time.sleep(float(os.environ.get(SLOWNESS, "0")))  # a hash that takes long, which is what is raced against
        return super().encode(password, salt)
