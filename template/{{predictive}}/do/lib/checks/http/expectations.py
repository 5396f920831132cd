"""What several checks look for in an answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from lib.checks.http.reference import Reference
from lib.checks.results import Observation, expect

if TYPE_CHECKING:
    import httpx

LEAKS = re.compile(r"Traceback|File \"|/site-packages/|/serving/|\.py\b|line \d+, in ")


def expect_predictions(
    seen: Any, reference: Reference, expected: np.ndarray | None = None, as_csv: bool = False
) -> Observation:
    """Predictions are the model's own: for all of the reference's rows, or those expected."""
    wanted = reference.predictions if expected is None else expected
    if as_csv and wanted.shape[1:] == (1,):
        seen = [[value] for value in seen]  # in CSV a list of one value looks like the value
    how = f"within {reference.relative_tolerance:.0e}" if reference.relative_tolerance else "exactly"
    difference = reference.difference(seen, wanted)
    return expect(not difference, f"{how} the model's own predictions ({len(wanted)})", difference or "them")


def expect_error(response: httpx.Response, status: int, *codes: str, mentions: str = "") -> Observation:
    """An error in the one shape that all have: its status, its code, the request's id, and nothing internal."""
    error, problem = read_error(response)
    message = str(error.get("message"))
    if not problem and codes and error.get("code") not in codes:
        problem = "another code"
    if not problem and mentions and not re.search(rf"(?<!\d){re.escape(mentions)}(?!\d)", message):
        problem = f"no {mentions} in the message"
    expected = f"{status} {' or '.join(codes)}".strip() + (f" naming {mentions}" if mentions else "")
    seen = f"{response.status_code} {error.get('code')}: {message[:120]}" if error else f"{response.status_code}"
    passed = response.status_code == status and not problem
    return expect(passed, expected, f"{seen} ({problem})" if problem else seen)


def read_error(response: httpx.Response) -> tuple[dict[str, Any], str]:
    """The error of an answer and what is wrong with its form (empty where it is right)."""
    try:
        error = dict(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return {}, f'not {{"error": {{...}}}} but {response.text[:80]!r}'
    if not response.headers.get("content-type", "").startswith("application/json"):
        return error, f"content type {response.headers.get('content-type')}"
    if set(error) != {"code", "message", "request_id"} or not all(isinstance(text, str) for text in error.values()):
        return error, f"its keys are {', '.join(map(str, error))}"
    if not re.fullmatch("[a-z]+(_[a-z]+)*", error["code"]) or not error["message"]:
        return error, "a code that is not snake_case, or no message"
    if not error["request_id"] or error["request_id"] != response.headers.get("x-request-id"):
        return error, f"request id {error['request_id']!r}, in the header {response.headers.get('x-request-id')!r}"
    if LEAKS.search(error["message"]):
        return error, "it tells of the server's inside"
    return error, ""
