"""Checks that requests which are predicted together stay apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lib.checks.http.expectations import expect_answer, expect_error
from lib.checks.http.http_client import Client
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import Observation, expect
from lib.model import documents

THREADS = 16
REQUESTS = 96
CUT_SHORT = b'{"instances": [[1, 2'


@check
def concurrent_requests_each_get_their_own_answer(client: Client, reference: Reference) -> Observation:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda number: send_good(client, reference, number), range(REQUESTS)))
    return expect(True, f"{REQUESTS} answers, each to its own request", f"{REQUESTS}")


@check
def one_bad_request_among_good_ones_harms_no_other(client: Client, reference: Reference) -> Observation:
    def send(number: int) -> None:
        if number % 3:
            send_good(client, reference, number)
        else:
            send_bad(client, reference, number)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(send, range(REQUESTS)))
    return expect(True, "every third of 96 requests refused, the others answered", "that")


def send_good(client: Client, reference: Reference, number: int) -> Observation:
    """A request whose rows and their count depend on its number. Raises Mismatch unless it gets its own answer."""
    chosen = [(number + i) % reference.count for i in range(1 + number % 3)]
    body, predictions = reference.request(chosen=chosen)
    return expect_answer(client.invoke(body), reference, predictions)


def send_bad(client: Client, reference: Reference, number: int) -> None:
    """A request with a column too many, with text for a number, or cut short. Raises Mismatch unless it is refused."""
    if reference.own_decode:
        client.invoke(CUT_SHORT)  # what becomes of it is the handler's own matter
    elif not reference.needs_every_form:
        expect_error(client.invoke(CUT_SHORT), 400, "malformed_body")
    elif number % 2:
        expect_error(client.invoke(reference.with_width(1)), 400, "wrong_columns")
    else:
        row = documents.with_first_leaf(reference.rows[0], "abc")
        expect_error(client.invoke(reference.body([row])), 400, "not_a_number")
