"""What several checks look for in an answer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lib.checks.http.http_client import media_type, predictions_of
from lib.checks.http.reference import Reference
from lib.checks.results import Mismatch, Observation, expect
from lib.model.documents import CSV, JSON
from lib.model.predictions import Predictions

if TYPE_CHECKING:
    import httpx

LEAKS = re.compile(r"Traceback|File \"|/site-packages/|/serving/|\.py\b|line \d+, in ")


def expect_answer(
    response: httpx.Response, reference: Reference, predictions: Predictions | None = None, accept: str = JSON
) -> Observation:
    """The answer holds the model's own predictions: for all of the example's rows, or those given."""
    if reference.answers:
        return _expect_same(response, *reference.answers[accept])
    seen = predictions_of(response)
    wanted = reference.predictions if predictions is None else predictions
    how = "exactly" if wanted.is_exact else "within rounding errors"
    difference = wanted.difference_in_csv(seen) if media_type(response) == CSV else wanted.difference(seen)
    return expect(not difference, f"{how} the model's own predictions ({len(wanted)})", difference or "them")


def _expect_same(response: httpx.Response, content_type: str, answer: bytes) -> Observation:
    """The answer is what the project's own code writes."""
    if response.status_code != 200:
        raise Mismatch("200", f"{response.status_code}: {response.text[:200]}")
    same = response.content == answer or _document(response.content) == _document(answer) is not None
    shown = answer[:80].decode(errors="replace")
    expect(same, f"the project's own answer {shown!r}", "it" if same else repr(response.text[:80]))
    seen = response.headers.get("content-type", "")
    return expect(seen == content_type, f"the project's own answer as {content_type}", f"it, as {seen}")


def _document(text: bytes) -> Any:
    """The numbers of a JSON text in ten digits, so that sums in another order don't count; None for other text."""
    try:
        return json.loads(text, parse_float=lambda digits: f"{float(digits):.9e}")
    except ValueError:
        return None


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
