"""Requests are predicted together while the model is busy, and never pay for each other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from serving import errors
from serving.async_batching import AsyncBatcher
from serving.thread_batching import ThreadBatcher

TIMEOUT = 10


class Model:
    """Doubles its rows once it is allowed to, and remembers how many it got at a time."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.may_go_on = threading.Event()
        self.began = threading.Event()

    def predict(self, rows: np.ndarray) -> np.ndarray:
        self.calls.append(len(rows))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.began.set()
        assert self.may_go_on.wait(TIMEOUT)
        time.sleep(0.001)
        self.in_flight -= 1
        if (rows < 0).any():
            raise RuntimeError("secret detail")
        return rows[:, 0] * 2


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


def started(model: Model, *, batch_rows: int = 64, max_waiting: int = 100) -> ThreadBatcher:
    batcher = ThreadBatcher(model.predict, batch_rows=batch_rows, max_waiting=max_waiting)
    batcher.start()
    return batcher


def rows(*values: float) -> np.ndarray:
    return np.array([[value] for value in values])


def all_at_once(
    batcher: ThreadBatcher, model: Model, pool: ThreadPoolExecutor, requests: list[np.ndarray]
) -> list[Any]:
    """The outcomes of requests that gather while the model is busy with another one."""
    busy = pool.submit(batcher.predict, rows(0))
    assert model.began.wait(TIMEOUT)
    futures = []
    for number, request in enumerate(requests, start=1):
        futures.append(pool.submit(batcher.predict, request))
        while len(batcher._waiting) < number:
            pass
    model.may_go_on.set()
    busy.result(TIMEOUT)
    return [future.exception(TIMEOUT) or plain(future.result()) for future in futures]


def plain(answer: Any) -> Any:
    """Predictions as lists, of each output where there are several."""
    return {name: plain(output) for name, output in answer.items()} if isinstance(answer, dict) else answer.tolist()


def test_an_idle_model_predicts_a_request_at_once(model: Model) -> None:
    model.may_go_on.set()

    assert started(model).predict(rows(1, 2)).tolist() == [2, 4]
    assert model.calls == [2]


def test_requests_that_wait_are_predicted_together_and_get_their_own_answers(
    model: Model, pool: ThreadPoolExecutor
) -> None:
    outcomes = all_at_once(started(model), model, pool, [rows(1), rows(2, 3), rows(4)])

    assert outcomes == [[2], [4, 6], [8]]
    assert model.calls == [1, 4]


class ModelWithOutputs(Model):
    """A model with two named outputs, or with a list of an array for each, which could be taken for rows."""

    def __init__(self, listed: bool) -> None:
        super().__init__()
        self.listed = listed

    def predict(self, rows: np.ndarray) -> Any:
        doubled = super().predict(rows)
        return [doubled, -doubled] if self.listed else {"price": doubled, "risk": -doubled}


def test_each_caller_gets_its_own_rows_of_every_output(pool: ThreadPoolExecutor) -> None:
    model = ModelWithOutputs(listed=False)

    outcomes = all_at_once(started(model), model, pool, [rows(1), rows(2, 3)])

    assert outcomes == [{"price": [2], "risk": [-2]}, {"price": [4, 6], "risk": [-4, -6]}]
    assert model.calls == [1, 3]


def test_outputs_that_could_be_taken_for_rows_are_refused() -> None:
    model = ModelWithOutputs(listed=True)
    model.may_go_on.set()

    with pytest.raises(errors.PredictionFailed):
        started(model).predict(rows(1, 2))


def test_a_batch_has_a_row_limit(model: Model, pool: ThreadPoolExecutor) -> None:
    outcomes = all_at_once(started(model, batch_rows=3), model, pool, [rows(1, 1), rows(2), rows(3, 3, 3, 3), rows(4)])

    assert outcomes == [[2, 2], [4], [6, 6, 6, 6], [8]]
    assert model.calls == [1, 3, 4, 1]


def test_batching_can_be_turned_off(model: Model, pool: ThreadPoolExecutor) -> None:
    all_at_once(started(model, batch_rows=1), model, pool, [rows(1), rows(2), rows(3)])

    assert model.calls == [1, 1, 1, 1]


def test_at_most_one_predict_is_in_flight(model: Model, pool: ThreadPoolExecutor) -> None:
    batcher = started(model, batch_rows=2)
    all_at_once(batcher, model, pool, [rows(number) for number in range(10)])
    list(pool.map(lambda number: batcher.predict(rows(number)), range(200)))

    assert model.most_in_flight == 1


def test_one_request_that_fails_does_not_fail_its_neighbours(model: Model, pool: ThreadPoolExecutor) -> None:
    good, bad, good_too = all_at_once(started(model), model, pool, [rows(1), rows(-1), rows(3)])

    assert (good, good_too) == ([2], [6])
    assert isinstance(bad, errors.PredictionFailed)
    assert "secret detail" not in bad.message


def test_a_handler_that_exits_takes_nobody_with_it(model: Model, pool: ThreadPoolExecutor) -> None:
    def leave(rows: np.ndarray) -> np.ndarray:
        if (rows < 0).any():
            raise SystemExit(3)
        return model.predict(rows)

    batcher = ThreadBatcher(leave, batch_rows=8, max_waiting=8)
    batcher.start()
    good, bad = all_at_once(batcher, model, pool, [rows(1), rows(-1)])

    assert good == [2]
    assert isinstance(bad, errors.PredictionFailed)
    assert batcher.predict(rows(4)).tolist() == [8]


def test_a_predict_that_loses_rows_is_an_error() -> None:
    batcher = ThreadBatcher(lambda rows: rows[1:, 0], batch_rows=8, max_waiting=8)
    batcher.start()

    with pytest.raises(errors.PredictionFailed):
        batcher.predict(rows(1, 2))


def test_a_handler_may_refuse_rows_in_predict() -> None:
    def refuse(rows: np.ndarray) -> np.ndarray:
        raise errors.BadRequest("no negative lengths, please")

    batcher = ThreadBatcher(refuse, batch_rows=8, max_waiting=8)
    batcher.start()

    with pytest.raises(errors.BadRequest, match="no negative lengths"):
        batcher.predict(rows(-1))


def test_too_many_waiting_requests_are_refused(model: Model, pool: ThreadPoolExecutor) -> None:
    batcher = started(model, max_waiting=1)
    first = pool.submit(batcher.predict, rows(1))
    assert model.began.wait(TIMEOUT)
    second = pool.submit(batcher.predict, rows(2))
    while not batcher._waiting:
        pass

    with pytest.raises(errors.TooManyRequests):
        batcher.predict(rows(3))
    model.may_go_on.set()
    assert (first.result(TIMEOUT)[0], second.result(TIMEOUT)[0]) == (2, 4)


def test_nothing_is_accepted_before_the_model_can_predict(model: Model) -> None:
    batcher = ThreadBatcher(model.predict, batch_rows=8, max_waiting=8)

    assert not batcher.alive
    with pytest.raises(errors.ModelNotReady):
        batcher.predict(rows(1))


def test_an_event_loop_awaits_its_answers(model: Model) -> None:
    model.may_go_on.set()
    batcher = AsyncBatcher(model.predict, batch_rows=64, max_waiting=100)
    batcher.start()

    async def ask_often() -> list[list[float]]:
        answers = await asyncio.gather(*(batcher.predict(rows(number)) for number in range(20)))
        return [answer.tolist() for answer in answers]

    assert asyncio.run(ask_often()) == [[number * 2] for number in range(20)]
    assert sum(model.calls) == 20
    assert len(model.calls) < 20


def test_a_client_that_went_away_disturbs_nobody(model: Model) -> None:
    batcher = AsyncBatcher(model.predict, batch_rows=64, max_waiting=100)
    batcher.start()

    async def one_leaves() -> list[float]:
        leaver = asyncio.ensure_future(batcher.predict(rows(1)))
        stayer = asyncio.ensure_future(batcher.predict(rows(2)))
        await asyncio.sleep(0)
        leaver.cancel()
        model.may_go_on.set()
        return list((await stayer).tolist())

    assert asyncio.run(one_leaves()) == [4]


def test_a_quick_batch_is_predicted_on_the_event_loop_and_any_other_by_the_thread() -> None:
    threads: list[tuple[str, int]] = []

    def predict(rows: np.ndarray) -> np.ndarray:
        threads.append((threading.current_thread().name, len(rows)))
        return rows[:, 0] * 2

    batcher = AsyncBatcher(predict, batch_rows=64, max_waiting=100)
    batcher.quick_rows = 4
    batcher.start()

    async def ask(*numbers: int) -> list[float]:
        answers = await asyncio.gather(*(batcher.predict(rows(number)) for number in numbers))
        return [float(answer[0]) for answer in answers]

    async def ask_all() -> list[list[float]]:
        return [await ask(1), await ask(1, 2, 3, 4), await ask(1, 2, 3, 4, 5)]

    assert asyncio.run(ask_all()) == [[2], [2, 4, 6, 8], [2, 4, 6, 8, 10]]
    loop = threading.current_thread().name
    assert threads == [(loop, 1), (loop, 4), ("predict", 5)]


def test_what_fails_on_the_event_loop_fails_alone() -> None:
    def predict(rows: np.ndarray) -> np.ndarray:
        if (rows < 0).any():
            raise RuntimeError("secret detail")
        return rows[:, 0]

    batcher = AsyncBatcher(predict, batch_rows=64, max_waiting=100)
    batcher.quick_rows = 64
    batcher.start()

    async def ask() -> list[Any]:
        asked = (batcher.predict(rows(number)) for number in (1, -1, 2))
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert (first[0], third[0]) == (1, 2)
    assert isinstance(second, errors.PredictionFailed)
