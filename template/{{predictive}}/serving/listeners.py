"""A socket for each worker process, so that nginx can send a request to the one that is least busy.

With one socket for all, whichever process wakes first takes a request: two predictions would often wait for one process
while another idles.
"""

from __future__ import annotations

import fcntl
import os
import socket

from serving.settings import Settings

BACKLOG = 2048


def listen(settings: Settings) -> socket.socket:
    """Listen in the place of a worker that has ended, or in one that is still free. Call it in the worker process."""
    for slot in range(settings.workers):
        if _is_mine(settings, slot):
            path = settings.worker_socket(slot)
            path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen(BACKLOG)
            return listener
    raise RuntimeError(f"{settings.workers} workers are running already")


def _is_mine(settings: Settings, slot: int) -> bool:
    """Whether no other process has this place; the lock lasts as long as this process does."""
    descriptor = os.open(settings.worker_socket(slot).with_suffix(".lock"), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    return True
