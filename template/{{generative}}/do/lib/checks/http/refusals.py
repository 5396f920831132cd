"""Checks of what is refused: the caller's mistakes are 4xx with a message, and the server goes on."""

from __future__ import annotations

from typing import Any

from lib.checks.http.http_client import Client
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check, check_each
from lib.checks.results import NotApplicable, Observation, expect

MORE_WORDS_THAN_ANY_CONTEXT = 1_000_000


@check_each({"cut short": b'{"messages": [{"role"', "no JSON": b"Hello", "empty": b""})
def a_body_that_is_no_JSON_is_refused(client: Client, reference: Reference, body: bytes) -> Observation:
    return expect_refusal(client, reference, body)


@check_each({"none at all": {}, "text": {"messages": "Hello"}, "numbers": {"messages": [1, 2]}})
def a_chat_without_proper_messages_is_refused(
    client: Client, reference: Reference, body: dict[str, Any]
) -> Observation:
    require_openai(reference)
    return expect_refusal(client, reference, {**reference.named, **body})


@check_each({"negative": -2, "text": "abc"})
def max_tokens_that_make_no_sense_are_refused(client: Client, reference: Reference, value: Any) -> Observation:
    require_openai(reference)
    return expect_refusal(client, reference, {**reference.shortest(), "max_tokens": value})


@check
def an_unknown_parameter_is_passed_over_or_refused_but_breaks_nothing(
    client: Client, reference: Reference
) -> Observation:
    response = client.invoke({**reference.shortest(), "no_such_parameter": 1})
    status = response.status_code
    return expect(status == 200 or 400 <= status < 500, "200 or 4xx", f"{status}: {response.text[:120]}")


@check
def a_prompt_longer_than_any_context_is_refused(client: Client, reference: Reference) -> Observation:
    require_openai(reference)
    return expect_refusal(client, reference, reference.conversation("a " * MORE_WORDS_THAN_ANY_CONTEXT, 1))


@check
def another_content_type_is_refused(client: Client, reference: Reference) -> Observation:
    if not reference.strict_json:
        raise NotApplicable(f"{reference.server} doesn't look at the content type, or answers 500")
    return expect_refusal(client, reference, b"Hello", "text/plain")


@check
def after_refusals_the_server_still_answers(client: Client, reference: Reference) -> Observation:
    client.invoke(b"{")
    response = client.invoke(reference.shortest())
    return expect(response.status_code == 200, "200", str(response.status_code))


def expect_refusal(
    client: Client, reference: Reference, body: dict[str, Any] | bytes, content_type: str = "application/json"
) -> Observation:
    """A body is answered with 4xx and JSON that says why: OpenAI's error object, or TensorRT-LLM's error text."""
    response = client.invoke(body, content_type=content_type)
    passed = 400 <= response.status_code < 500 and (not reference.chat or '"error"' in response.text)
    return expect(passed, "4xx with a message", f"{response.status_code}: {response.text[:120]}")


def require_openai(reference: Reference) -> None:
    """Raise NotApplicable for an engine that takes other requests."""
    if not reference.chat:
        raise NotApplicable(f"{reference.server} has no OpenAI API")
