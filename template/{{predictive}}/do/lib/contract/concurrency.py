"""Checks that requests which are predicted together stay apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lib.contract.expectations import expect_error, expect_predictions
from lib.contract.reference import Reference
from lib.contract.service import JSON, Service, encode, encode_values, predictions_of
from lib.contract.suite import Observation, check, expect

THREADS = 16
REQUESTS = 96


@check
def concurrent_requests_each_get_their_own_answer(service: Service, reference: Reference) -> Observation:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda number: send_good(service, reference, number), range(REQUESTS)))
    return expect(True, f"{REQUESTS} answers, each to its own request", f"{REQUESTS}")


@check
def one_bad_request_among_good_ones_harms_no_other(service: Service, reference: Reference) -> Observation:
    def send(number: int) -> Observation:
        if number % 3:
            return send_good(service, reference, number)
        return send_bad(service, reference, number)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(send, range(REQUESTS)))
    return expect(True, "every third of 96 requests refused, the others answered", "that")


def send_good(service: Service, reference: Reference, number: int) -> Observation:
    """A request whose rows and their count depend on its number. Raises Mismatch unless it gets its own answer."""
    chosen = (number + np.arange(1 + number % 3)) % len(reference.rows)
    response = service.invoke(encode(reference.rows[chosen], JSON))
    return expect_predictions(predictions_of(response), reference, reference.predictions[chosen])


def send_bad(service: Service, reference: Reference, number: int) -> Observation:
    """A request with a column too many, or with text. Raises Mismatch unless it is refused."""
    row = reference.rows[0].tolist()
    if number % 2:
        return expect_error(service.invoke(encode_values([row + row[:1]], JSON)), 400, "wrong_columns")
    return expect_error(service.invoke(encode_values([["abc", *row[1:]]], JSON)), 400, "not_a_number")
