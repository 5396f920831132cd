"""Structured logs: one JSON object a line on standard output."""

from __future__ import annotations

import logging
import sys
import time

import orjson

FIELDS = ("request_id", "status", "code")


class JsonFormatter(logging.Formatter):
    """Writes a record as one line; a traceback goes into the field `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "source": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC with milliseconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds * 1000) % 1000:03d}Z"


def configuration(level: str) -> dict[str, object]:
    """The dictConfig for this process and for gunicorn, whose own loggers write through the same handler."""
    quiet = {"handlers": [], "propagate": True, "level": level.upper()}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": sys.stdout, "formatter": "json"}},
        "root": {"handlers": ["stdout"], "level": level.upper()},
        "loggers": {"gunicorn.error": quiet, "gunicorn.access": quiet | {"level": "CRITICAL"}},
    }
