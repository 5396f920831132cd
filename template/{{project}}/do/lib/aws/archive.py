"""The model as SageMaker takes it from S3: a .tar.gz whose content lands in /opt/ml/model."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from pathlib import Path

from lib.aws import names
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError
from lib.model import artifacts

LARGEST_UPLOAD = 5 * 1024**3  # bytes that S3 takes in one request


def write(target: Path) -> None:
    """Pack what is in model/; the same files make the same archive."""
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in artifacts.contents():
            archive.add(path, path.name, filter=_without_owner)


def upload(aws: AwsClient, file: Path, bucket: str) -> str:
    """Put an archive into the bucket, unless it is there; its URL. Raises VerbError."""
    if file.stat().st_size > LARGEST_UPLOAD:
        raise VerbError(
            "the model has more than 5 GB when packed: type aws s3 sync model s3://YOUR_BUCKET/model/, "
            "and do/config set MODEL_DATA_URL s3://YOUR_BUCKET/model/",
            ExitCode.BAD_CONFIGURATION,
        )
    key = f"models/{_sha256(file)[: names.HASH_LENGTH]}.tar.gz"
    owner = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": aws.identity.account}
    if not aws.find("s3", "HeadObject", **owner):
        with file.open("rb") as body:
            aws.change("s3", "PutObject", **owner, Body=body)
    return f"s3://{bucket}/{key}"


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
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
