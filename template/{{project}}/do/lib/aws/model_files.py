"""Keeps the model in S3 with each file as it is, which is mounted without unpacking.

Weights hardly get smaller when they are packed, and packing would take hours and twice the disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib.aws import names, objects
from lib.aws.client import AwsClient
from lib.cli import say
from lib.image import images
from lib.model import artifacts


def upload(aws: AwsClient, bucket: str) -> str:
    """Put the files in model/ under a prefix named after their content; its URL. What is there already is not sent."""
    files = sorted(files_of(artifacts.MODEL_DIR))
    say(f"{len(files)} files, {images.megabytes(sum(file.stat().st_size for file in files))}")
    prefix = f"models/{_digest(files)[: names.HASH_LENGTH]}/"
    owner = {"Bucket": bucket, "ExpectedBucketOwner": aws.identity.account}
    listed = aws.find("s3", "ListObjectsV2", **owner, Prefix=prefix) or {}  # none where a dry run made no bucket
    there = {entry["Key"]: entry["Size"] for entry in listed.get("Contents", ())}
    for file in files:
        key = prefix + _name(file)
        if there.get(key) != file.stat().st_size:  # the prefix is named after the content of all
            say(f"sending {_name(file)}, {images.megabytes(file.stat().st_size)}")
            objects.put(aws, bucket, key, file)
    return f"s3://{bucket}/{prefix}"


def files_of(folder: Path) -> Iterator[Path]:
    """The files below a folder, but for hidden ones and what is in hidden folders."""
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _name(file: Path) -> str:
    return file.relative_to(artifacts.MODEL_DIR).as_posix()


def _digest(files: list[Path]) -> str:
    """The sha256 of the files and their names."""
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256") if hasattr(hashlib, "file_digest") else _slowly(content)
        total.update(f"{_name(file)} {found.hexdigest()}\n".encode())
    return total.hexdigest()


def _slowly(content: Any) -> Any:
    """The sha256 of a file on Python 3.10."""
    found = hashlib.sha256()
    while block := content.read(1 << 20):
        found.update(block)
    return found
