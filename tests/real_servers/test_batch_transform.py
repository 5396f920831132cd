"""A real server answers batch transform as it must, so that its driver can split, batch, filter and join."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests import batch_driver
from tests.real_servers.conftest import Server

# the sample's eight features, as the server's other tests send them
ROWS = [[1, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15], [0, 0.53, 0.42, 0.135, 0.677, 0.2565, 0.1415, 0.21]] * 3
CSV, JSON_LINES = "text/csv", "application/jsonlines"


@pytest.fixture
def transform(shared_server: Callable[[str], Server]) -> Callable[..., bytes]:
    """A function that transforms a file with the server of one project."""
    server = shared_server("fastapi")

    def ask(body: bytes, content_type: str, accept: str) -> tuple[int, bytes]:
        headers = {"Content-Type": content_type, "Accept": accept}
        answer = server.client.post(f"{server.url}/invocations", content=body, headers=headers)
        return answer.status_code, answer.content

    def transform(body: bytes, content_type: str, **job: Any) -> bytes:
        source = {"ContentType": content_type, "SplitType": "Line"}
        target = {"Accept": content_type, "AssembleWith": "Line"}
        return batch_driver.transform(body, {"TransformInput": source, "TransformOutput": target} | job, ask)

    return transform


@pytest.fixture
def expected(shared_server: Callable[[str], Server]) -> list[float]:
    """What the server predicts for ROWS in one request."""
    return list(shared_server("fastapi").post(ROWS).json()["predictions"])


def as_csv(rows: list[list[Any]]) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_each_record_has_a_line_in_its_place_however_records_are_batched(
    transform: Callable[..., bytes], expected: list[float], strategy: str
) -> None:
    csv = transform(as_csv(ROWS), CSV, BatchStrategy=strategy).splitlines()
    lines = transform(b"".join(json.dumps(row).encode() + b"\n" for row in ROWS), JSON_LINES, BatchStrategy=strategy)

    assert [float(line) for line in csv] == expected
    assert len(lines.splitlines()) == len(ROWS)


def test_an_id_is_filtered_out_and_comes_back_beside_the_prediction(
    transform: Callable[..., bytes], expected: list[float]
) -> None:
    rows = [[f"id-{number}", *row] for number, row in enumerate(ROWS)]
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}

    joined = transform(as_csv(rows), CSV, DataProcessing=processing).decode().splitlines()

    assert [line.split(",")[0] for line in joined] == [row[0] for row in rows]
    assert [float(line.split(",")[1]) for line in joined] == expected


def test_records_in_json_lines_are_joined_under_the_names_that_sagemaker_gives(transform: Callable[..., bytes]) -> None:
    body = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)

    (first, *_) = transform(body, JSON_LINES, DataProcessing={"JoinSource": "Input"}).splitlines()

    assert {*json.loads(first)} == {"SageMakerInput", "SageMakerOutput"}
    assert json.loads(first)["SageMakerInput"] == ROWS[0]


def test_a_bad_record_refuses_its_whole_request(transform: Callable[..., bytes]) -> None:
    with pytest.raises(batch_driver.BadRecord, match="columns"):
        transform(as_csv([*ROWS, [1, 2]]), CSV, BatchStrategy="MultiRecord")


def test_batch_transform_learns_from_the_server_how_many_requests_it_takes_at_once(
    shared_server: Callable[[str], Server],
) -> None:
    """Names and values: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html"""
    server = shared_server("fastapi")

    parameters = server.client.get(f"{server.url}/execution-parameters").json()

    assert parameters == {"MaxConcurrentTransforms": 2, "BatchStrategy": "MultiRecord", "MaxPayloadInMB": 6}
