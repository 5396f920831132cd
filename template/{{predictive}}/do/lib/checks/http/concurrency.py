"""Checks that requests which are predicted together stay apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lib.checks.http.expectations import expect_error, expect_predictions
from lib.checks.http.http_client import JSON, Client, encode, encode_values, predictions_of
from lib.checks.http.reference import Reference
from lib.checks.http.suite import check
from lib.checks.results import Observation, expect

THREADS = 16
REQUESTS = 96


@check
def concurrent_requests_each_get_their_own_answer(client: Client, reference: Reference) -> Observation:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda number: send_good(client, reference, number), range(REQUESTS)))
    return expect(True, f"{REQUESTS} answers, each to its own request", f"{REQUESTS}")


@check
def one_bad_request_among_good_ones_harms_no_other(client: Client, reference: Reference) -> Observation:
    def send(number: int) -> Observation:
        if number % 3:
            return send_good(client, reference, number)
        return send_bad(client, reference, number)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(send, range(REQUESTS)))
    return expect(True, "every third of 96 requests refused, the others answered", "that")


def send_good(client: Client, reference: Reference, number: int) -> Observation:
    """A request whose rows and their count depend on its number. Raises Mismatch unless it gets its own answer."""
    chosen = (number + np.arange(1 + number % 3)) % len(reference.rows)
    response = client.invoke(encode(reference.rows[chosen], JSON))
    return expect_predictions(predictions_of(response), reference, reference.predictions[chosen])


def send_bad(client: Client, reference: Reference, number: int) -> Observation:
    """A request with a column too many, or with text. Raises Mismatch unless it is refused."""
    row = reference.rows[0].tolist()
    if number % 2:
        return expect_error(client.invoke(encode_values([row + row[:1]], JSON)), 400, "wrong_columns")
    return expect_error(client.invoke(encode_values([["abc", *row[1:]]], JSON)), 400, "not_a_number")
