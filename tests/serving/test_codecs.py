"""What comes in becomes rows or one clear refusal; what goes out can be read back."""

from __future__ import annotations

import io
import json
import tracemalloc
from random import Random
from typing import Any

import numpy as np
import pytest

from serving import codecs, errors
from serving.codecs import CSV, JSON, JSON_LINES, NPY, RowFormat

NAMED = RowFormat((2,), ("Length", "Weight"))
UNNAMED = RowFormat((2,))


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON, b'{"instances": [[1, 2.5], [3, 4]]}'),
        (JSON, b'{"inputs": [[1, 2.5], [3, 4]]}'),
        (JSON, b'{"data": [[1, 2.5], [3, 4]]}'),
        (JSON, b"[[1, 2.5], [3, 4]]"),
        (JSON, b'{"instances": [{"Weight": 2.5, "Length": 1}, {"Length": 3, "Weight": 4}]}'),
        (CSV, b"1,2.5\n3,4\n"),
        (CSV, b'1,"2.5"\r\n3,4\r\n\r\n'),
        (JSON_LINES, b"[1, 2.5]\n[3, 4]\n"),
        (JSON_LINES, b'{"features": [1, 2.5]}\n\n{"features": [3, 4]}'),
        (JSON, codecs.BOM + b"[[1, 2.5], [3, 4]]"),
        (JSON_LINES, codecs.BOM + b"[1, 2.5]\n[3, 4]\n"),
        (JSON_LINES, b'{"Length": 1, "Weight": 2.5}\n{"Length": 3, "Weight": 4}\n'),
        (NPY, npy([[1, 2.5], [3, 4]])),
        (NPY, npy(np.array([[1, 2.5], [3, 4]], dtype=np.float32, order="F"))),
    ],
)
def test_every_form_of_the_same_rows_is_understood(media_type: str, body: bytes) -> None:
    rows = codecs.decode(body, media_type, NAMED)

    assert rows.dtype == np.float64
    assert rows.tolist() == [[1.0, 2.5], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("media_type", "body", "refusal", "words"),
    [
        (JSON, b"", errors.EmptyBody, "empty"),
        (JSON, b"[]", errors.EmptyBody, "no row"),
        (JSON, b"[[], []]", errors.EmptyBody, "no value"),
        (JSON, b'{"instances": [[1, 2]', errors.MalformedBody, "not valid JSON"),
        (JSON, b'{"instances": [[NaN, 2]]}', errors.MalformedBody, "not valid JSON"),
        (JSON, b'{"rows": [[1, 2]]}', errors.MalformedBody, "instances"),
        (JSON, b'"text"', errors.MalformedBody, "instances"),
        (JSON, b"[1, 2]", errors.WrongColumns, r"\[\[1, 2\]"),
        (JSON, b"[[1, 2, 3]]", errors.WrongColumns, "got rows with 3 columns; the model expects 2 columns"),
        (JSON, b"[[1, 2], [3]]", errors.WrongColumns, "differ in length"),
        (JSON, b"[[[1], [2]]]", errors.WrongColumns, "expects 2 columns"),
        (JSON, b'[[1, "2"]]', errors.NotANumber, r"row 1, column 2 \(Weight\): '2'"),
        (JSON, b"[[1, 2], [3, null]]", errors.NotANumber, r"row 2, column 2 \(Weight\)"),
        (JSON, b'[["a"], "b"]', errors.BadRequest, "number|length"),
        (JSON, b'[{"Length": 1}]', errors.WrongColumns, "row 1 lacks Weight"),
        (JSON, b'[{"Length": 1, "Weight": 2, "Colour": 3}]', errors.WrongColumns, "unknown columns Colour"),
        (JSON, b'[{"Length": 1, "Weight": 2}, [1, 2]]', errors.MalformedBody, "either all rows are records"),
        (CSV, b"Long,Heavy\n1,2\n", errors.NotANumber, "a header line must hold"),
        (CSV, b"1,nan\n", errors.NotANumber, "column 2"),
        (CSV, b"1,inf\n", errors.NotANumber, "column 2"),
        (CSV, b"1,\n", errors.NotANumber, "column 2"),
        (CSV, b"1,1_000\n", errors.NotANumber, "'1_000' is not a number"),
        (CSV, b"1,2\n3\n", errors.WrongColumns, "differ in length"),
        (CSV, b"1,2\n\n3,4\n", errors.WrongColumns, "row 2 is a blank line"),
        (CSV, b"\xff\xfe", errors.MalformedBody, "UTF-8"),
        (CSV, b"\n\n", errors.EmptyBody, "no row"),
        (JSON_LINES, b"[1, 2]\n[3,\n", errors.MalformedBody, "not valid JSON"),
        (NPY, b"not numpy", errors.MalformedBody, "NPY"),
        (NPY, npy([[1, 2]])[:-1], errors.MalformedBody, "length"),
        (NPY, npy([["a", "b"]]), errors.NotANumber, "type"),
        (NPY, npy([[1, np.nan]]), errors.NotANumber, "column 2"),
        (NPY, npy([1.0, 2.0]), errors.WrongColumns, "a row must be a list"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_with_the_reason(
    media_type: str, body: bytes, refusal: type[errors.ServingError], words: str
) -> None:
    with pytest.raises(refusal, match=words) as refused:
        codecs.decode(body, media_type, NAMED)

    assert refused.value.status == 400


@pytest.mark.parametrize("key", ["", *codecs.ROW_KEYS])
def test_a_long_text_among_numbers_takes_little_memory(key: str) -> None:
    rows = [["x" * 20_000, *range(500)]]
    body = json.dumps({key: rows} if key else rows).encode()

    tracemalloc.start()
    try:
        with pytest.raises(errors.NotANumber, match="column 1"):
            codecs.decode(body, JSON, None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON, b"[[1, %d]]"),
        (JSON, b"[[1.5, %d]]"),
        (CSV, b"1,%d\n"),
        (CSV, b'"1",%d\n'),
        (JSON_LINES, b"[1.5, %d]\n"),
        (NPY, None),
    ],
)
def test_a_whole_number_that_float64_cannot_hold_is_refused(media_type: str, body: bytes | None) -> None:
    def sent(value: int) -> bytes:
        return body % value if body else npy([[1, value]])

    assert codecs.decode(sent(2**53), media_type, NAMED)[0, 1] == 2**53
    with pytest.raises(errors.NotANumber, match="too large an integer"):
        codecs.decode(sent(2**53 + 1), media_type, NAMED)


def test_a_huge_claimed_npy_shape_takes_no_memory() -> None:
    stream = io.BytesIO()
    claim = {"descr": "<f8", "fortran_order": False, "shape": (10**12, 2)}
    np.lib.format.write_array_header_1_0(stream, claim)

    with pytest.raises(errors.MalformedBody, match="length"):
        codecs.decode(stream.getvalue() + b"12345678", NPY, UNNAMED)


def npy_of_header(header: str) -> bytes:
    return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header.encode() + bytes(16)


@pytest.mark.parametrize(
    "header",
    [
        *(
            f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n"
            for shape in ((-1, -8), (0, 10**31), (0, 2**62, 4), (1,) * 70, (True, 8))
        ),
        *(f"{{'descr': {kind}, 'fortran_order': False, 'shape': (1, 2)}}\n" for kind in ("()", "((),())")),
        "{[]: 1}\n",
        "{'descr': (\n",
        "  {'descr': '<f8',\n 'fortran_order': False,\n   'shape': (1, 2)}\n  1\n",
        "(" * 9000 + "\n",
        "-" * 9000 + "1\n",
    ],
    ids=lambda header: header[:60],
)
def test_a_hostile_npy_header_is_refused(header: str) -> None:
    with pytest.raises((errors.MalformedBody, errors.NotANumber)):
        codecs.decode(npy_of_header(header), NPY, None)


def test_records_need_a_model_that_knows_its_columns() -> None:
    with pytest.raises(errors.WrongColumns, match="without column names"):
        codecs.decode(b'[{"Length": 1, "Weight": 2}]', JSON, UNNAMED)


@pytest.mark.parametrize(
    ("media_type", "body"), [(JSON, b"[[1, null]]"), (CSV, b"1,\n"), (CSV, b"1,nan\n"), (NPY, npy([[1, np.nan]]))]
)
def test_a_handler_may_allow_missing_values(media_type: str, body: bytes) -> None:
    rows = codecs.decode(body, media_type, NAMED, allow_missing=True)

    assert rows[0, 0] == 1
    assert np.isnan(rows[0, 1])


def test_infinity_is_never_a_missing_value() -> None:
    with pytest.raises(errors.NotANumber):
        codecs.decode(b"1,inf\n", CSV, NAMED, allow_missing=True)


def test_csv_cells_fill_rows_of_any_shape() -> None:
    rows = codecs.decode(b"1,2,3,4\n", CSV, RowFormat((2, 2)))

    assert rows.tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize("predictions", [np.array([0.1, 1 / 3]), np.array([0.1, 1 / 3], dtype=np.float32), [0.1, 2]])
def test_numbers_come_back_exactly_in_every_format(predictions: Any) -> None:
    expected = np.asarray(predictions).astype(np.float64).tolist()

    assert json.loads(codecs.encode(predictions, JSON))["predictions"] == expected
    assert [float(line) for line in codecs.encode(predictions, CSV).split()] == expected
    assert [json.loads(line) for line in codecs.encode(predictions, JSON_LINES).splitlines()] == expected
    assert np.load(io.BytesIO(codecs.encode(predictions, NPY))).astype(np.float64).tolist() == expected


def test_class_names_can_be_predictions() -> None:
    assert codecs.encode(np.array(["red", "green, blue"]), CSV) == b'red\n"green, blue"\n'
    assert codecs.encode(np.array(["red"], dtype=object), JSON) == b'{"predictions":["red"]}'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        ("text/csv", CSV),
        ("application/x-ndjson", JSON_LINES),
        ("application/x-jsonlines", JSON_LINES),
        ("application/x-npy", NPY),
    ],
)
def test_content_types_are_recognised(header: str, expected: str) -> None:
    assert codecs.content_type(header) == expected


@pytest.mark.parametrize("header", [None, "", "text/plain", "application/octet-stream", "json"])
def test_other_content_types_are_unsupported(header: str | None) -> None:
    with pytest.raises(errors.UnsupportedContentType, match="send application/json"):
        codecs.content_type(header)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("text/*", CSV),
        ("text/html, text/csv;q=0.5, application/json;q=0.1", CSV),
        ("application/json;q=0.2, application/x-npy", NPY),
        ("application/json;q=0, */*", CSV),
        ("application/*, application/json;q=0", JSON_LINES),
        ("application/*;q=0, */*", CSV),
        ("application/json, application/*;q=0", JSON),
        ("*/*;q=0, text/csv;q=0.1", CSV),
        ("*/*, text/csv", JSON),
        ("text/csv, */*", CSV),
    ],
)
def test_the_answer_has_the_form_that_the_client_prefers(header: str | None, expected: str) -> None:
    assert codecs.accepted_type(header) == expected


@pytest.mark.parametrize("header", ["text/html", "application/json;q=0", "application/json;q=nonsense", ";"])
def test_what_cannot_be_written_is_not_acceptable(header: str) -> None:
    with pytest.raises(errors.NotAcceptable):
        codecs.accepted_type(header)


CELLS = [
    "1",
    "-0",
    "0",
    "-0.0",
    "-0.5",
    "1.5",
    ".5",
    "1.",
    "+3",
    "01",
    "1e5",
    "1E-5",
    "e",
    "1e",
    "--1",
    "1-2",
    "",
    " ",
    " 2",
]
CELLS += [
    "2 ",
    "\t4",
    "NaN",
    "null",
    "true",
    "9007199254740993",
    "9007199254740992",
    "1" * 30,
    "1e999",
    "1e-400",
    "0x10",
]
CELLS += ["1_0", '"1"', '"1,2"', "\r", "3.141592653589793238462643383279", "2.2250738585072011e-308", "[1]", "٣"]
ENDS = ["", "", "\n", "\r\n", "\n\n", "\r", ",", "\n,", "\x00"]
HEADERS = [
    "",
    "",
    "Length,Weight\n",
    "Weight,Length\n",
    " Length, Weight \n",
    '"Length",Weight\r\n',
    "Length,Weight\r\r\n",
]


@pytest.mark.parametrize("row_format", [NAMED, UNNAMED, None], ids=["named", "unnamed", "unknown"])
def test_plain_csv_is_read_quickly_and_as_any_other(
    row_format: RowFormat | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(0)
    bodies = []
    for _ in range(2000):
        odd = random.choice([0, 0.1, 1])
        rows = [
            [_cell(random, odd) for _ in range(random.choice([2] * 9 + [1, 3]))] for _ in range(random.randint(0, 4))
        ]
        lines = random.choice(["\n"] * 9 + ["\r\n", "\r"]).join(",".join(row) for row in rows)
        bodies.append((random.choice(HEADERS) + lines + random.choice(ENDS)).encode())
    quickly = [_outcome(body, row_format) for body in bodies]
    monkeypatch.setattr(codecs, "_plain_csv", lambda body, row_format: None)

    assert quickly == [_outcome(body, row_format) for body in bodies]


def _cell(random: Random, odd: float) -> str:
    return random.choice(CELLS) if random.random() < odd else repr(random.uniform(-1000, 1000))


def _outcome(body: bytes, row_format: RowFormat | None) -> tuple[Any, ...]:
    try:
        array = codecs.decode(body, CSV, row_format, allow_missing=True)
    except errors.BadRequest as error:
        return type(error), error.message
    return array.shape, array.dtype, array.tobytes()
