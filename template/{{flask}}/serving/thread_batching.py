"""How requests that threads handle are predicted in batches."""

from __future__ import annotations

import threading
from typing import Any

from serving.batching import SOMEBODY, Batcher, Caller, PendingRequest


class ThreadBatcher(Batcher):
    """For threads: the one that finds the model idle predicts, then wakes the one that waits longest. An idle server
    never switches threads.
    """

    def predict(self, rows: Any, caller: Caller = SOMEBODY) -> Any:
        """The predictions for `rows`; blocks. Raises a ServingError."""
        waiting = PendingRequest(rows, threading.Lock(), caller)
        waiting.signal.acquire()
        if not self._enqueue(waiting):
            waiting.signal.acquire()  # until it is answered, or next in line
        if not waiting.answered:
            batch = self._predict_next_batch()
            if successor := self._next_in_line():
                successor.signal.release()
            for answered in batch:
                answered.signal.release()
        return waiting.answer()
