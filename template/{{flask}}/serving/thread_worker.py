"""gunicorn's worker with threads, which get their requests from our pool and stay with a connection."""

from __future__ import annotations

import select
from concurrent.futures import Executor
from typing import Any

from gunicorn.workers.gthread import ThreadWorker as GunicornThreadWorker

from serving.frugal_socket import FrugalSocket
from serving.thread_pool import ThreadPool

PATIENCE_MS = 500  # for the next request of a connection; longer, and a stopping worker would wait for it


class ThreadWorker(GunicornThreadWorker):  # type: ignore[misc]
    """As gunicorn's, but for the pool, and for a thread that waits a while for the next request of its connection.

    nginx sends it over the same connection, most often at once, and giving each request to another thread costs more
    than the request itself. There are enough threads: not more connections stay than there are.
    """

    def get_thread_pool(self) -> Executor:
        """The threads of this process, which gunicorn's setting `threads` limits."""
        return ThreadPool(self.cfg.threads)

    def handle(self, conn: Any) -> Any:
        """Answer a connection's requests until none comes."""
        if not isinstance(conn.sock, FrugalSocket):
            conn.sock = FrugalSocket(conn.sock)
        keep = self._answer(conn)
        while keep is True and self.alive and self.nr_conns <= self.cfg.threads and _is_readable(conn.sock):
            keep = self._answer(conn)
        return keep

    def _answer(self, conn: Any) -> Any:
        try:
            return super().handle(conn)
        finally:
            conn.sock.flush()


def _is_readable(connection: Any) -> bool:
    """Whether there is something to read, or soon is."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(PATIENCE_MS))
