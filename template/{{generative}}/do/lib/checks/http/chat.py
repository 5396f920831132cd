"""Checks of OpenAI's chat completions, at once and as a stream."""

from __future__ import annotations

from typing import Any

from lib.checks.http.http_client import Client, document_of, events_of
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import NotApplicable, Observation, expect

TOKENS = 8


@check
def a_chat_is_answered_by_the_assistant(client: Client, reference: Reference) -> Observation:
    require_chat(reference)
    answer = document_of(client.invoke(reference.conversation("Hello", TOKENS)))
    message = first_choice(answer).get("message") or {}
    return expect(
        answer.get("object") == "chat.completion" and message.get("role") == "assistant",
        "chat.completion by the assistant",
        f"{answer.get('object')} by {message.get('role')}",
    )


@check
def an_answer_has_at_most_max_tokens_and_says_how_many(client: Client, reference: Reference) -> Observation:
    require_chat(reference)
    answer = document_of(client.invoke(reference.conversation("Hello", TOKENS)))
    used = (answer.get("usage") or {}).get("completion_tokens")
    reason = first_choice(answer).get("finish_reason")
    return expect(
        isinstance(used, int) and 0 < used <= TOKENS and reason in ("stop", "length"),
        f"1 to {TOKENS} tokens, ended by stop or length",
        f"{used} tokens, ended by {reason}",
    )


@check
def a_chat_with_several_messages_is_answered(client: Client, reference: Reference) -> Observation:
    require_chat(reference)
    turns = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hello."), ("user", "Goodbye")]
    messages = [{"role": role, "content": content} for role, content in turns]
    answer = document_of(client.invoke({**reference.named, "messages": messages, "max_tokens": TOKENS}))
    return expect(bool(first_choice(answer)), "an answer", "one" if first_choice(answer) else str(answer)[:200])


@check
def a_chat_is_streamed_as_events_of_one_answer(client: Client, reference: Reference) -> Observation:
    require_chat(reference)
    with client.stream(reference.conversation("Hello", TOKENS, stream=True)) as response:
        events = events_of(response)
    kinds = {event.get("object") for event in events}
    answers = {event.get("id") for event in events}
    reasons = [choice["finish_reason"] for event in events if (choice := first_choice(event)).get("finish_reason")]
    return expect(
        kinds == {"chat.completion.chunk"} and len(answers) == 1 and reasons in (["stop"], ["length"]),
        "chat.completion.chunk events with one id, ended by stop or length",
        f"{len(events)} events of {', '.join(map(str, kinds))}, {len(answers)} ids, ended by {reasons}",
    )


@check
def a_stream_tells_the_tokens_used_where_it_is_asked_to(client: Client, reference: Reference) -> Observation:
    require_chat(reference)
    wish = {"stream": True, "stream_options": {"include_usage": True}}
    with client.stream(reference.conversation("Hello", TOKENS, **wish)) as response:
        events = events_of(response)
    used = (events[-1].get("usage") or {}).get("completion_tokens") if events else None
    return expect(isinstance(used, int) and 0 < used <= TOKENS, f"1 to {TOKENS} tokens", f"{used} tokens")


def first_choice(document: dict[str, Any]) -> dict[str, Any]:
    """The first choice of an answer or an event; empty if there is none."""
    choices = document.get("choices")
    return dict(choices[0]) if isinstance(choices, list) and choices else {}


def require_chat(reference: Reference) -> None:
    """Raise NotApplicable where the engine has no chat."""
    if not reference.chat:
        raise NotApplicable(f"{reference.server} has no chat for the task {reference.task}")
