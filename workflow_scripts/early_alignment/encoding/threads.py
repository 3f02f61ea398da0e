"""Work on several parts at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor


def in_turns(function: Callable, values: Iterable, threads: int) -> list:
    """The function of each value, in order; each by one thread, which shares nothing with the others.

    With 1, BLAS keeps the threads that it is set to. With more, it has one in each: threads within a multiplication
    wait for each other, and on a shared machine for long.
    """
    if threads == 1:
        return list(map(function, values))
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, values))
