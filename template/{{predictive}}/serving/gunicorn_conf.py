"""gunicorn's settings: both web applications run under it, each with its own kind of worker."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gunicorn import glogging

from serving import listeners, logs, metrics, model_folder, supervision
from serving.app import SERVICE, WORKER_CLASS
from serving.handlers.base import ModelFileMissing, UnusableModel


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's own, without the access log, whose parts it would put together for each request: nginx writes it."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Write nothing."""


BOOT_FAILED = 3  # gunicorn's code for a worker that can't start: its master then ends too

wsgi_app = "serving.app:entrance"
bind = f"unix:{SERVICE.settings.run_dir / 'unused.sock'}"  # each worker has its own socket, but gunicorn wants one
worker_class = WORKER_CLASS
workers = SERVICE.settings.workers
# of Flask's workers, begun when needed: one for each request that may wait or be predicted, and some to answer /ping
threads = SERVICE.settings.max_waiting + SERVICE.settings.batch_rows + 10
timeout = 0  # a worker may take its time to load; what takes too long later is up to its watchdog
# nginx has limits of its own, and refuses what exceeds them in the one form of errors
limit_request_line = 0
limit_request_field_size = 0
graceful_timeout = SERVICE.settings.stop_timeout
keepalive = 75
worker_tmp_dir = str(SERVICE.settings.run_dir)
control_socket_disable = True
logger_class = Logger
logconfig_dict = logs.configuration(SERVICE.settings.log_level)


def on_starting(server: Any) -> None:
    """Before anything listens: load once and fork later, where the handler allows it."""
    if SERVICE.preload:
        _or_end(SERVICE.load)


def post_fork(server: Any, worker: Any) -> None:
    """In each worker: don't outlive gunicorn, however it ends."""
    supervision.end_with_parent(server.pid, signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """In each worker: load where that has not been done, and begin to answer."""
    _or_end(SERVICE.start)
    worker.sockets = [listeners.listen(SERVICE.settings)]


def child_exit(server: Any, worker: Any) -> None:
    """Keep /metrics free of the dead."""
    metrics.forget_process(worker.pid)


def _or_end(step: Callable[[], None]) -> None:
    """A server without its model must not live: say why, once for all workers, and end."""
    log = logging.getLogger("serving")
    try:
        step()
    except (ModelFileMissing, UnusableModel) as error:
        _end(str(error), log.error)
    except Exception as error:
        reason = " ".join(str(error).split())[:500]
        _end(f"the model can't be loaded: {type(error).__name__}: {reason}", log.exception)


def _end(reason: str, tell: Callable[[str], None]) -> None:
    """End this process; `serve` repeats the reason, which the first to fail has noted, in its last line."""
    refused = model_folder.unreadable(SERVICE.settings.model_dir)
    reason = f"{reason}; {refused}" if refused else reason
    with suppress(FileExistsError), SERVICE.settings.boot_failure.open("x", encoding="utf-8") as note:
        tell(reason)
        note.write(reason)
    sys.exit(BOOT_FAILED)
