"""Sends a file to a server as batch transform does: splits it, filters, batches, joins and puts the results together.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Parameters = dict[str, Any]
Ask = Callable[[bytes, str, str], tuple[int, bytes]]  # body, content type, accept: status and body of the answer

CSV = "text/csv"
DEFAULT_PAYLOAD_MB = 6
STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>[^\]]+)\]")


class BadRecord(Exception):
    """The container refused a request, or didn't answer a line for each record: the whole file has no result."""


def transform(body: bytes, job: Parameters, ask: Ask) -> bytes:
    """The result of a file. `job` is what CreateTransformJob got."""
    source, target = job["TransformInput"], job["TransformOutput"]
    processing = job.get("DataProcessing", {})
    content_type, accept = source["ContentType"], target["Accept"]
    by_lines = source.get("SplitType", "None") == "Line"
    records = body.splitlines(keepends=True) if by_lines else [body]
    inputs = [_filtered(record, processing.get("InputFilter"), content_type) for record in records]
    results = b""
    for batch in _batches([*zip(records, inputs, strict=True)], job):
        status, answer = ask(b"".join(sent for _, sent in batch), content_type, accept)
        if status != 200:
            raise BadRecord(f"{status}: {answer.decode(errors='replace')}")
        if {"OutputFilter", "JoinSource"} & processing.keys():
            answer = _processed([record for record, _ in batch], answer, processing, accept, by_lines)
        needs_break = target.get("AssembleWith") == "Line" and not answer.endswith(b"\n")
        results += answer + (b"\n" if needs_break else b"")
    return results


def _batches(records: list[tuple[bytes, bytes]], job: Parameters) -> Iterator[list[tuple[bytes, bytes]]]:
    """One record each, or as many as the payload holds."""
    limit = job.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB) * 10**6
    batch: list[tuple[bytes, bytes]] = []
    for record in records:
        if len(record[1]) > limit:
            raise BadRecord("a record is larger than MaxPayloadInMB")
        is_full = sum(len(sent) for _, sent in batch) + len(record[1]) > limit
        if batch and (is_full or job.get("BatchStrategy") == "SingleRecord"):
            yield batch
            batch = []
        batch.append(record)
    if batch:
        yield batch


def _processed(records: list[bytes], answer: bytes, processing: Parameters, accept: str, by_lines: bool) -> bytes:
    answers = answer.splitlines(keepends=True) if by_lines else [answer]
    if len(answers) != len(records):
        raise BadRecord(f"{len(answers)} results of {len(records)} records")
    joined = [
        _joined(record, result, accept) if processing.get("JoinSource") == "Input" else _read(result, accept)
        for record, result in zip(records, answers, strict=True)
    ]
    return b"".join(_written(chosen(one, processing.get("OutputFilter", "$")), accept) for one in joined)


def _joined(record: bytes, result: bytes, content_type: str) -> Any:
    given, found = _read(record, content_type), _read(result, content_type)
    if content_type == CSV:
        return [*given, *found]
    if isinstance(given, dict):
        return {**given, "SageMakerOutput": found}
    return {"SageMakerInput": given, "SageMakerOutput": found}


def _filtered(record: bytes, path: str | None, content_type: str) -> bytes:
    return _written(chosen(_read(record, content_type), path), content_type) if path else record


def chosen(value: Any, path: str) -> Any:
    """What a JSONPath chooses, of the part of JSONPath that SageMaker documents."""
    for step in STEP.finditer(path):
        keys = [key.strip() for key in (step["name"] or step["index"]).split(",")]
        found = [_item(value, key.strip("'\"")) for key in keys]
        value = found if len(found) > 1 else found[0]
    return value


def _item(value: Any, key: str) -> Any:
    if ":" in key:
        return value[slice(*(int(part) if part else None for part in key.split(":")))]
    return value[int(key)] if isinstance(value, list) else value[key]


def _read(text: bytes, content_type: str) -> Any:
    return next(csv.reader([text.decode().rstrip("\r\n")])) if content_type == CSV else json.loads(text)


def _written(value: Any, content_type: str) -> bytes:
    if content_type != CSV:
        return json.dumps(value).encode() + b"\n"
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(value if isinstance(value, list) else [value])
    return line.getvalue().encode()
