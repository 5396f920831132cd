"""Flask's threads: as many as there are requests at once, and no more than the limit."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import Any

import pytest

from serving.thread_pool import ThreadPool

TIMEOUT = 10


def threads_of(futures: list[Future[Any]]) -> set[int]:
    done, unfinished = wait(futures, TIMEOUT)
    assert not unfinished
    return {future.result() for future in done}


def at_once(pool: ThreadPool, callers: int) -> set[int]:
    """The threads that tasks get which are all in progress together."""
    together = threading.Barrier(callers)

    def task() -> int:
        together.wait(TIMEOUT)
        return threading.get_ident()

    return threads_of([pool.submit(task) for _ in range(callers)])


def test_each_task_in_progress_has_a_thread_of_its_own() -> None:
    assert len(at_once(ThreadPool(5), 5)) == 5


def test_tasks_that_follow_one_another_share_one_thread() -> None:
    pool = ThreadPool(5)
    used = set()
    for _ in range(100):
        used |= at_once(pool, 1)
        while not pool._idle:  # the answer is there before its thread is free
            pass

    assert len(used) == 1


def test_tasks_beyond_the_limit_wait_for_a_thread_and_keep_their_order() -> None:
    pool, may_go_on, order = ThreadPool(1), threading.Event(), []

    def task(number: int) -> int:
        assert may_go_on.wait(TIMEOUT)
        order.append(number)
        return threading.get_ident()

    futures = [pool.submit(task, number) for number in range(10)]
    may_go_on.set()

    assert len(threads_of(futures)) == 1
    assert order == list(range(10))


def test_a_task_that_fails_leaves_its_thread_to_the_next() -> None:
    pool = ThreadPool(1)

    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(TIMEOUT)

    assert pool.submit(lambda: 7).result(TIMEOUT) == 7
