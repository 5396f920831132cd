"""Ends a worker process that nobody can use any more; gunicorn starts another, and nginx answers its requests with 503.

That is so when a step (decode, predict, encode) has run longer than a caller waits, and when the server stops and its
time for requests in flight is over.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from serving.settings import Settings

log = logging.getLogger(__name__)

PERIOD = 0.5  # seconds between two looks
ALARM = 5  # seconds after which the timer of a process that hangs as a whole is set again

Waiting = Callable[[], list[str]]


Note = tuple[float, str, Sequence[str]]  # since when, what, and for which requests


class Step:
    """Is noted while it lasts. A class, because a generator of contextlib's costs each request microseconds."""

    __slots__ = ("_note", "_steps", "_thread")

    def __init__(self, steps: dict[int, Note], note: Note) -> None:
        self._steps = steps
        self._note = note
        self._thread = threading.get_ident()

    def __enter__(self) -> None:
        self._steps[self._thread] = self._note

    def __exit__(self, *raised: object) -> None:
        del self._steps[self._thread]


class Watchdog:
    """Knows what the process works on, and for how long."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._steps: dict[int, Note] = {}  # by thread

    def step(self, name: str, request_ids: Sequence[str]) -> Step:
        """Mark what this thread does, and for which requests."""
        return Step(self._steps, (time.monotonic(), name, request_ids))

    def start(self, waiting: Waiting) -> None:
        """Watch this process from now on. `waiting` tells the ids of the requests whose turn has not come."""
        threading.Thread(target=self._watch, args=(waiting,), name="watchdog", daemon=True).start()

    def _watch(self, waiting: Waiting) -> None:
        alarm_at = 0.0
        while True:
            if time.monotonic() > alarm_at:
                self._set_alarm()
                alarm_at = time.monotonic() + ALARM
            self._end_if_stuck(waiting)
            self._end_if_stopped(waiting)
            time.sleep(PERIOD)

    def _set_alarm(self) -> None:
        """End a process that does not even run this thread: compiled code can hold Python's lock for ever."""
        faulthandler.dump_traceback_later(self.settings.request_timeout + 3 * ALARM, exit=True)

    def _end_if_stuck(self, waiting: Waiting) -> None:
        for began, name, request_ids in list(self._steps.values()):
            seconds = time.monotonic() - began
            if seconds > self.settings.request_timeout:
                log.error(
                    "%s has run for %d seconds, longer than anybody waits: this process ends, and a new one starts; "
                    "%d more requests waited for it",
                    *(name, seconds, len(waiting())),
                    extra={"request_id": ", ".join(request_ids)},
                )
                os._exit(1)

    def _end_if_stopped(self, waiting: Waiting) -> None:
        if not self.settings.deadline.exists():
            return
        if time.monotonic() < float(self.settings.deadline.read_text()):
            return
        cut = [identity for _, _, request_ids in list(self._steps.values()) for identity in request_ids]
        cut += [identity for identity in waiting() if identity not in cut]
        for identity in cut:
            log.error(
                "cut: the server stops, and this request was not finished in time", extra={"request_id": identity}
            )
        with suppress(OSError):  # a full disk costs the count
            self.settings.cut_by(os.getpid()).write_text(str(len(cut)))
        if cut:
            os._exit(1)
