"""Micro-batching: requests that wait while the model is busy are predicted together.

Each process has one prediction thread, so at most one predict is in flight in it (threads inside a model's predict
fight over the interpreter lock and make it slower). The thread takes whatever waits: when it is idle a request is
predicted at once, alone; while it predicts, the next batch gathers. There is no timer, so nothing waits for company.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np

from serving import metrics
from serving.errors import BadRequest, ModelNotReady, PredictionFailed, TooManyRequests

log = logging.getLogger(__name__)

Predict = Callable[[np.ndarray], Any]


class Waiting:
    """One request's rows on their way through the prediction thread, and what became of them."""

    __slots__ = ("error", "future", "predictions", "rows")

    def __init__(self, rows: np.ndarray, future: Any) -> None:
        self.rows = rows
        self.future = future
        self.predictions: Any = None
        self.error: Exception | None = None


class Batcher:
    """Owns the prediction thread. Subclasses say how a request waits for its answer."""

    def __init__(self, predict: Predict, *, batch_rows: int, max_waiting: int) -> None:
        """`predict` maps rows to as many predictions; `batch_rows` = 1 turns batching off."""
        self._predict = predict
        self._batch_rows = batch_rows
        self._max_waiting = max_waiting
        self._queue: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to predict; call it in the worker process, since threads don't survive a fork."""
        self._thread = threading.Thread(target=self._run, name="predict", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether predictions can be made at all."""
        return self._thread is not None and self._thread.is_alive()

    def _put(self, waiting: Waiting) -> None:
        if self._queue.qsize() >= self._max_waiting:
            raise TooManyRequests("more requests are waiting than this server accepts; try again later")
        if not self.alive:
            raise ModelNotReady("the model is not loaded")
        self._queue.put(waiting)

    def _deliver(self, batch: list[Waiting]) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        for batch in self._batches():
            metrics.BATCH_ROWS.observe(sum(len(waiting.rows) for waiting in batch))
            self._predict_together(batch)
            self._deliver(batch)

    def _batches(self) -> Iterator[list[Waiting]]:
        """What waits, for ever, in batches of rows that can be stacked, at most `batch_rows` long where a single
        request isn't longer by itself."""
        held: Waiting | None = None
        while True:
            batch = [held or self._queue.get()]
            held = None
            total = len(batch[0].rows)
            while total < self._batch_rows and held is None:
                try:
                    waiting = self._queue.get_nowait()
                except queue.Empty:
                    break
                total += len(waiting.rows)
                if total <= self._batch_rows and _stackable(batch[0].rows, waiting.rows):
                    batch.append(waiting)
                else:
                    held = waiting
            yield batch

    def _predict_together(self, batch: list[Waiting]) -> None:
        if len(batch) == 1:
            return self._predict_alone(batch[0])
        try:
            predictions = self._predict(np.concatenate([waiting.rows for waiting in batch]))
            self._share_out(predictions, batch)
        except Exception:
            # one request's rows must not fail another's
            for waiting in batch:
                self._predict_alone(waiting)
        return None

    def _share_out(self, predictions: Any, batch: list[Waiting]) -> None:
        if len(predictions) != sum(len(waiting.rows) for waiting in batch):
            raise ValueError("predict must return one prediction for each row")
        start = 0
        for waiting in batch:
            waiting.predictions = predictions[start : start + len(waiting.rows)]
            start += len(waiting.rows)

    def _predict_alone(self, waiting: Waiting) -> None:
        try:
            self._share_out(self._predict(waiting.rows), [waiting])
        except BadRequest as error:
            waiting.error = error
        except Exception:
            log.exception("predict failed")
            waiting.error = PredictionFailed("the model could not predict these rows; the reason is in the log")


def _stackable(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and first.shape[1:] == second.shape[1:]


class ThreadBatcher(Batcher):
    """For threads: `predict` blocks until the answer is there."""

    def predict(self, rows: np.ndarray) -> Any:
        """The predictions for `rows`. Raises a ServingError."""
        waiting = Waiting(rows, Future())
        self._put(waiting)
        waiting.future.result()
        if waiting.error:
            raise waiting.error
        return waiting.predictions

    def _deliver(self, batch: list[Waiting]) -> None:
        for waiting in batch:
            waiting.future.set_result(None)


class AsyncBatcher(Batcher):
    """For an event loop: `predict` is awaited, the loop stays free, and a batch wakes it once."""

    async def predict(self, rows: np.ndarray) -> Any:
        """The predictions for `rows`. Raises a ServingError."""
        waiting = Waiting(rows, asyncio.get_running_loop().create_future())
        self._put(waiting)
        await waiting.future
        if waiting.error:
            raise waiting.error
        return waiting.predictions

    def _deliver(self, batch: list[Waiting]) -> None:
        batch[0].future.get_loop().call_soon_threadsafe(_resolve, batch)


def _resolve(batch: list[Waiting]) -> None:
    for waiting in batch:
        if not waiting.future.done():  # a client that went away cancels its future
            waiting.future.set_result(None)
