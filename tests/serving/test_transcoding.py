"""Charsets, announced header lines, LibSVM, Parquet and Arrow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from serving import codecs, transcoding
from serving.codecs import CSV, JSON, JSON_LINES, RowFormat
from serving.errors import ServingError
from tests.programs import uv

NAMED = RowFormat((2,), ("a", "b"))
UNNAMED = RowFormat((3,))
SERVING = Path(transcoding.__file__).parents[1]


def plain(header: str, body: bytes, row_format: RowFormat | None = None) -> tuple[bytes, str]:
    return transcoding.plain(body, transcoding.content_type(header, (transcoding.LIBSVM,)), row_format)


@pytest.mark.parametrize(
    ("header", "body", "row_format", "expected"),
    [
        ("text/csv; charset=latin-1", "Zürich,1".encode("latin-1"), None, ("Zürich,1", CSV)),
        ("text/csv; charset=UTF-8", b"1,2", None, ("1,2", CSV)),
        ('application/json;charset="utf-16"', '["é"]'.encode("utf-16"), None, ('["é"]', JSON)),
        ("application/x-ndjson; charset=cp1252", b'["\x80"]', None, ('["€"]', JSON_LINES)),
        ("text/csv; header=absent", b"1,2", NAMED, ("1,2", CSV)),
        ("text/csv; header=present", b"b,a\n1,2", NAMED, ("b,a\n1,2", CSV)),
        ("Text/CSV;charset=latin-1;header=present", b'x,y\n"1\n",\xfc', None, ('"1\n",ü\r\n', CSV)),
        ("text/libsvm", b"1 0:2.5 2:-1e3\n", UNNAMED, ('{"instances":[[2.5,null,-1000.0]]}', JSON)),
        (
            "text/x-libsvm",
            b"0:1 # a\n\n1 qid:7 1:nan",
            UNNAMED,
            ('{"instances":[[1.0,null,null],[null,null,null]]}', JSON),
        ),
    ],
)
def test_a_body_is_turned_into_one_that_handlers_decode(
    header: str, body: bytes, row_format: RowFormat | None, expected: tuple[str, str]
) -> None:
    turned, media_type = plain(header, body, row_format)

    assert (turned.decode(), media_type) == expected


@pytest.mark.parametrize(
    ("header", "body", "row_format", "status", "message"),
    [
        ("text/csv; charset=klingon", b"1", None, 415, "charset 'klingon' is unknown"),
        ("text/csv; charset=zlib", b"1", None, 415, "charset 'zlib' is unknown"),
        ("text/csv; charset=utf-16", b"1", None, 400, "not utf-16 text"),
        ("text/csv; header=present", b"a,c\n1,2", NAMED, 400, "the header line is a, c"),
        ("text/libsvm", b"1 3:1", UNNAMED, 400, "no column 3, counted from 0; the model expects 3 columns"),
        ("text/libsvm", b"1 0:x", UNNAMED, 400, "not a number"),
        ("text/libsvm", b"1 0:1_0", UNNAMED, 400, "not a number"),
        ("text/libsvm", b"1 0:inf", UNNAMED, 400, "infinite"),
        ("text/libsvm", b"1 a:1", UNNAMED, 400, "no index and value"),
        ("text/libsvm", b"", UNNAMED, 400, "empty"),
        ("text/libsvm", b"1\n" * 1000, RowFormat((100_000,)), 413, "more than this server takes"),
        (transcoding.PARQUET, b"PAR1", None, 415, "the package pyarrow, which this server doesn't have"),
    ],
)
def test_what_can_not_be_turned_is_refused_with_the_reason(
    header: str, body: bytes, row_format: RowFormat | None, status: int, message: str
) -> None:
    with pytest.raises(ServingError) as refusal:
        plain(header, body, row_format)

    assert refusal.value.status == status
    assert message in refusal.value.message


def test_libsvm_is_read_for_frameworks_that_know_it_only() -> None:
    with pytest.raises(ServingError) as refusal:
        transcoding.content_type("text/libsvm")

    assert refusal.value.status == 415


@pytest.mark.parametrize("name", codecs.KNOWN)
def test_plain_bodies_are_passed_on_untouched(name: str) -> None:
    body = b"anything"

    assert plain(f"{name}; charset=utf-8", body)[0] is body


# Runs where pyarrow is installed, and prints what a server makes of its files.
WITH_PYARROW = """
import io, json
import pyarrow as pa
from pyarrow import ipc, parquet
from serving import tables, transcoding
from serving.codecs import RowFormat
from serving.errors import ServingError

table = pa.table({
    "city": pa.array(["Genève", None]).dictionary_encode(), "zip": pa.array([2**60 + 1, 2], pa.int64()),
    "x": pa.array([0.5, None], pa.float32()), "new": [True, False], "__index_level_0__": [5, 6],
})
files = {name: io.BytesIO() for name in (transcoding.PARQUET, transcoding.ARROW_STREAM, transcoding.ARROW_FILE)}
parquet.write_table(table, files[transcoding.PARQUET])
for name, open_file in ((transcoding.ARROW_STREAM, ipc.new_stream), (transcoding.ARROW_FILE, ipc.new_file)):
    with open_file(files[name], table.schema) as sink:
        sink.write_table(table)
names = RowFormat((4,), ("new", "zip", "x", "city"))
seen = []
for name, file in files.items():
    body, media_type = transcoding.plain(file.getvalue(), transcoding.content_type(name), names)
    rows = tables.decode(body, media_type, names)
    seen.append([[str(column.dtype) for column in rows.columns.values()], json.loads(body)["data"]])
bad = [pa.table({"d": pa.array([0], pa.timestamp("s"))}), pa.table({"x": [float("inf")]})]
contents = [b"PAR1 no"]
for table in bad:
    file = io.BytesIO()
    parquet.write_table(table, file)
    contents.insert(-1, file.getvalue())
for body in contents:
    try:
        transcoding.plain(body, transcoding.PARQUET, None)
    except ServingError as error:
        seen.append([error.status, error.message])
print(json.dumps(seen))
"""


def test_parquet_and_arrow_keep_the_types_of_their_columns(tmp_path: Path) -> None:
    uv("pip", "install", "--python", sys.executable, "--target", tmp_path, "pyarrow==26.0.1")
    script = f"import sys; sys.path[:0] = [{str(SERVING)!r}, {str(tmp_path)!r}]\n{WITH_PYARROW}"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    *files, dates, infinity, broken = json.loads(done.stdout)
    rows = [["Genève", 2**60 + 1, 0.5, True], [None, 2, None, False]]
    assert files == [[["bool", "int64", "float64", "object"], rows]] * 3
    assert dates == [400, "the column d holds timestamp[ms]; send numbers, text or booleans"]
    assert infinity == [400, "the column x holds an infinite value; send finite numbers"]
    assert broken[0] == 400
