"""Micro-batching: requests that wait while the model is busy are predicted together.

At most one predict is in flight in a process (threads inside a model's predict fight over the interpreter lock and make
it slower). A request that finds the model idle is predicted at once, alone; while it is, the next batch gathers. There
is no timer, so nothing waits for company.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from serving import metrics, tables
from serving.errors import CallerGone, ModelNotReady, PredictionFailed, ServingError, TooManyRequests

log = logging.getLogger(__name__)

Predict = Callable[[Any], Any]
PATIENCE = 0.1  # seconds; no caller hangs up sooner, so that nobody is asked whether it has


@dataclass(frozen=True)
class Caller:
    """Who waits for an answer: the request's id, and how to see whether the connection is closed."""

    request_id: str
    gone: Callable[[], bool]


SOMEBODY = Caller("", lambda: False)


class PendingRequest:
    """One request's rows on their way through the model, and what became of them."""

    __slots__ = ("caller", "error", "predictions", "rows", "signal", "since")

    def __init__(self, rows: Any, signal: Any, caller: Caller = SOMEBODY) -> None:
        self.rows = rows
        self.caller = caller
        self.since = time.monotonic()
        self.signal = signal  # what wakes whoever waits for the answer
        self.predictions: Any = None
        self.error: ServingError | None = None

    @property
    def answered(self) -> bool:
        """Whether it has been predicted, well or not."""
        return self.error is not None or self.predictions is not None

    @property
    def in_vain(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return time.monotonic() - self.since > PATIENCE and self.caller.gone()

    def answer(self) -> Any:
        """The predictions. Raises the ServingError that came instead."""
        if self.error:
            raise self.error
        return self.predictions


class Batcher:
    """Queues requests and predicts them in batches. Subclasses say who predicts, and how a request waits; each web
    application brings its own.
    """

    def __init__(self, predict: Predict, *, batch_rows: int, max_waiting: int) -> None:
        """`predict` maps rows to as many predictions; `batch_rows` = 1 turns batching off."""
        self._predict = predict
        self.batch_rows = batch_rows
        self._max_waiting = max_waiting
        self._waiting: deque[PendingRequest] = deque()
        self._mutex = threading.Lock()  # guards _busy, and that nothing is queued without somebody to predict it
        self._busy = False
        self.quick_rows = 0  # batches of as many rows are predicted in no time; see Service.load
        self.predicting: list[str] = []  # the ids of the requests that are being predicted
        self.alive = False  # whether predictions can be made at all

    def start(self) -> None:
        """Begin to accept requests; call it in the worker process, after forking."""
        self.alive = True

    def waiting(self) -> list[str]:
        """The ids of the requests whose turn has not come."""
        return [waiting.caller.request_id for waiting in self._waiting.copy()]

    def _enqueue(self, waiting: PendingRequest) -> bool:
        """Queue a request. Whether the model was idle, so that the caller must see to it that a batch is predicted."""
        if not self.alive:
            raise ModelNotReady("the model is not loaded")
        with self._mutex:
            if len(self._waiting) >= self._max_waiting:
                raise TooManyRequests("more requests are waiting than this server accepts; try again later")
            self._waiting.append(waiting)
            idle, self._busy = not self._busy, True
            return idle

    def _predict_next_batch(self) -> list[PendingRequest]:
        """Predict what waits first and whatever fits with it."""
        batch = self._take()
        wanted = [waiting for waiting in batch if not waiting.in_vain]
        if len(wanted) < len(batch):
            for waiting in batch:
                if waiting not in wanted:
                    waiting.error = CallerGone("the caller has closed the connection")
        if wanted:
            metrics.observe_batch(sum(len(waiting.rows) for waiting in wanted))
            self._predict_together(wanted)
        return batch

    def _next_in_line(self) -> PendingRequest | None:
        """The request that waits longest; if there is none, the model is idle from now on."""
        with self._mutex:
            self._busy = bool(self._waiting)
            return self._waiting[0] if self._waiting else None

    def _take(self) -> list[PendingRequest]:
        """The next requests whose rows can be stacked, `batch_rows` at most where the first alone isn't more."""
        batch = [self._waiting.popleft()]
        total = len(batch[0].rows)
        while self._waiting:
            total += len(self._waiting[0].rows)
            if total > self.batch_rows or tables.form(batch[0].rows) != tables.form(self._waiting[0].rows):
                break
            batch.append(self._waiting.popleft())
        return batch

    def _predict_together(self, batch: list[PendingRequest]) -> None:
        if len(batch) > 1:
            try:
                return self._share_out(self._predict_rows(batch), batch)
            except BaseException:
                pass  # one request's rows must not fail another's: each alone tells whose fault it was
        for waiting in batch:
            self._predict_alone(waiting)
        return None

    def _predict_rows(self, batch: list[PendingRequest]) -> Any:
        rows = batch[0].rows if len(batch) == 1 else tables.stack([waiting.rows for waiting in batch])
        self.predicting = [waiting.caller.request_id for waiting in batch]
        return self._predict(rows)

    def _share_out(self, predictions: Any, batch: list[PendingRequest]) -> None:
        require_one_per_row(predictions, sum(len(waiting.rows) for waiting in batch))
        start = 0
        for waiting in batch:
            part = slice(start, start + len(waiting.rows))
            if isinstance(predictions, dict):
                waiting.predictions = {name: output[part] for name, output in predictions.items()}
            else:
                waiting.predictions = predictions[part]
            start = part.stop

    def _predict_alone(self, waiting: PendingRequest) -> None:
        try:
            self._share_out(self._predict_rows([waiting]), [waiting])
        except ServingError as error:
            waiting.error = error
        except BaseException:  # a handler that calls sys.exit() must not take the others with it
            log.exception("predict failed", extra={"request_id": waiting.caller.request_id})
            waiting.error = PredictionFailed("the model could not predict these rows; the reason is in the log")


def require_one_per_row(predictions: Any, rows: int) -> None:
    """Raise ValueError unless there is an entry for each row, of each output, so that nobody gets another's answer."""
    outputs = predictions.values() if isinstance(predictions, dict) else [predictions]
    if any(len(output) != rows for output in outputs) or not outputs:
        raise ValueError("predict must return one prediction for each row")
    if isinstance(predictions, list | tuple) and rows > 1 and all(_has_length(one, rows) for one in predictions):
        # an output for each row, or a row of each output? its first entry may not be the first row's
        raise ValueError("predict returned a list of arrays: return a dict of outputs by name, or one array")


def _has_length(one: Any, rows: int) -> bool:
    shape: Any = getattr(one, "shape", ())  # of an array or a tensor
    return len(shape) > 0 and shape[0] == rows
