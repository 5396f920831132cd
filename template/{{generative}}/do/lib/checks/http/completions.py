"""Checks of OpenAI's text completions, at once and as a stream."""

from __future__ import annotations

from lib.checks.http.chat import first_choice
from lib.checks.http.http_client import Client, document_of, events_of
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import NotApplicable, Observation, expect

TOKENS = 8


@check
def a_text_is_continued(client: Client, reference: Reference) -> Observation:
    require_completions(reference)
    body = reference.completion("Once upon a time", TOKENS)
    answer = document_of(client.invoke(body, reference.completion_headers))
    text = first_choice(answer).get("text")
    return expect(
        answer.get("object") == "text_completion" and isinstance(text, str),
        "text_completion with a text",
        f"{answer.get('object')} with {text!r}",
    )


@check
def a_continuation_is_streamed(client: Client, reference: Reference) -> Observation:
    require_completions(reference)
    body = reference.completion("Once upon a time", TOKENS, stream=True)
    with client.stream(body, reference.completion_headers) as response:
        events = events_of(response)
    kinds = {event.get("object") for event in events}
    return expect(kinds == {"text_completion"}, "text_completion events", f"{len(events)} events of {kinds}")


def require_completions(reference: Reference) -> None:
    """Raise NotApplicable where the engine has none."""
    if not reference.completions:
        raise NotApplicable(f"{reference.server} takes no completions through POST /invocations")
