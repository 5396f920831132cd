"""Checks of requests at the same time, and of callers that go away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lib.checks.http.http_client import Client, document_of
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import NotApplicable, Observation, expect

CALLERS = 8
LONG = 400  # tokens of an answer whose caller doesn't wait for it


@check
def requests_at_once_each_get_their_own_answer(client: Client, reference: Reference) -> Observation:
    bodies = [reference.shortest(1 + number) for number in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as threads:
        responses = list(threads.map(client.invoke, bodies))
    if not reference.chat:
        return expect(all(one.status_code == 200 for one in responses), "200 for each", str(responses))
    answers = [document_of(response) for response in responses]
    most = [body["max_tokens"] for body in bodies]
    used = [answer["usage"]["completion_tokens"] for answer in answers]
    own = len({answer["id"] for answer in answers}) == CALLERS
    return expect(
        own and all(0 < tokens <= limit for tokens, limit in zip(used, most, strict=True)),
        f"{CALLERS} answers with at most {most} tokens",
        f"{used} tokens, {'with ids of their own' if own else 'some with the same id'}",
    )


@check
def a_caller_that_leaves_a_stream_harms_no_other(client: Client, reference: Reference) -> Observation:
    if not reference.chat:
        raise NotApplicable(f"{reference.server} doesn't stream here")
    with client.stream(reference.conversation("Hello", LONG, stream=True)) as response:
        next(response.iter_lines())
    answer = client.invoke(reference.shortest())
    ping = client.get("/ping")
    return expect(
        (answer.status_code, ping.status_code) == (200, 200),
        "200 from /invocations and /ping afterwards",
        f"{answer.status_code} and {ping.status_code}",
    )
