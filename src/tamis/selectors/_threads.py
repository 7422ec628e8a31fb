"""How many threads matrix products take: small ones are slower on several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_thread() -> Iterator[None]:
    """Keeps matrix products on one thread, where they are small and many."""
    _at_first()  # asked now: inside the limit the answer would be 1
    with _threads().limit(limits=1, user_api="blas"):
        yield


@contextmanager
def all_threads() -> Iterator[None]:
    """Inside `one_thread`: lets a large product have the threads that the process began with."""
    with _threads().limit(limits=_at_first(), user_api="blas"):
        yield


@cache
def _threads() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def _at_first() -> int:
    return max((found["num_threads"] for found in _threads().info()), default=1)
