"""How requests that an event loop handles are predicted in batches."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any

from serving.batching import SOMEBODY, Batcher, Caller, PendingRequest, Predict
from serving.tables import Selected


class AsyncBatcher(Batcher):
    """For an event loop: a few rows are predicted on it if that takes no longer than handing them over; else a thread
    predicts, so that the loop stays free. A batch wakes the loop once.
    """

    def __init__(self, predict: Predict, *, batch_rows: int, max_waiting: int) -> None:
        super().__init__(predict, batch_rows=batch_rows, max_waiting=max_waiting)
        self._begin: queue.SimpleQueue[None] = queue.SimpleQueue()

    def start(self) -> None:
        """Begin to accept requests, with the thread that predicts them."""
        threading.Thread(target=self._run, name="predict", daemon=True).start()
        super().start()

    async def predict(self, rows: Any, caller: Caller = SOMEBODY) -> Any:
        """The predictions for `rows`. Raises a ServingError."""
        loop = asyncio.get_running_loop()
        waiting = PendingRequest(rows, loop.create_future(), caller)
        if self._enqueue(waiting):
            # not at once: what has arrived with this request joins its batch
            loop.call_soon(self._predict_here, loop)
        await waiting.signal
        return waiting.answer()

    def _predict_here(self, loop: asyncio.AbstractEventLoop) -> None:
        """Predict the next batch on the event loop if it is quick, or hand over to the thread."""
        waiting = [pending.rows for pending in self._waiting]
        # another output than the server's own was not measured
        if sum(map(len, waiting)) > self.quick_rows or any(isinstance(rows, Selected) for rows in waiting):
            self._begin.put(None)
            return
        _resolve(self._predict_next_batch())
        if self._next_in_line() is not None:
            loop.call_soon(self._predict_here, loop)

    def _run(self) -> None:
        while True:
            self._begin.get()
            more = True
            while more:
                batch = self._predict_next_batch()
                batch[0].signal.get_loop().call_soon_threadsafe(_resolve, batch)
                more = self._next_in_line() is not None


def _resolve(batch: list[PendingRequest]) -> None:
    for waiting in batch:
        if not waiting.signal.done():  # a client that went away has cancelled it
            waiting.signal.set_result(None)
