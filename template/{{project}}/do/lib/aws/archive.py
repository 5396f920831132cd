"""The model as SageMaker takes it from S3: a .tar.gz whose content lands in /opt/ml/model."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Iterable
from pathlib import Path

from lib.aws import names, objects
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.model import artifacts

PREFIX = "models/"  # where the project's role may read


def write(target: Path, paths: Iterable[Path] | None = None) -> None:
    """Pack what is in model/, or these files and folders; the same make the same archive.

    Links are packed as what they lead to, because SageMaker refuses archives that hold any. Raises VerbError for one
    that leads nowhere, or back to itself.
    """
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, dereference=True) as archive,
    ):
        for path in artifacts.contents() if paths is None else paths:
            try:
                archive.add(path, path.name, filter=_reduced)
            except OSError as error:
                raise VerbError(
                    f"{error.filename} can't be packed ({error.strerror}): replace links with files, as cp -rL copies "
                    "them",
                    ExitCode.MISSING_FILE,
                ) from None


def upload(aws: AwsClient, file: Path, bucket: str, folder: str = PREFIX) -> str:
    """Put an archive into a folder of the bucket, unless it is there; its URL. Raises AwsError."""
    key = f"{folder}{_sha256(file)[: names.HASH_LENGTH]}.tar.gz"
    if not aws.find("s3", "HeadObject", Bucket=bucket, Key=key, ExpectedBucketOwner=aws.identity.account):
        objects.put(aws, bucket, key, file)
    return f"s3://{bucket}/{key}"


def _reduced(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """An entry that is the same on every machine; none for hidden files."""
    if Path(entry.name).name.startswith("."):
        return None
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry


def _sha256(file: Path) -> str:
    total = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            total.update(block)
    return total.hexdigest()
