"""Files in S3: big ones in parts, so that an upload shows how far it is and goes on after an interruption."""

from __future__ import annotations

import hashlib
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lib.aws.client import AwsClient
from lib.cli import say
from lib.image import images

# S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MOST_PARTS = 10_000
PART_SIZE = 16 * 1024**2  # bytes, unless that would be too many parts
# botocore adds one to each part, and S3 refuses those of an upload that was begun without:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
CHECKSUM = {"ChecksumAlgorithm": "CRC32"}
PART_KEYS = ("PartNumber", "ETag", "ChecksumCRC32")
AT_ONCE = 4  # parts on their way, each in memory


def place(aws: AwsClient, bucket: str, key: str) -> dict[str, str]:
    """Where an object lies, as requests name it."""
    return {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": aws.identity.account}


def put(aws: AwsClient, bucket: str, key: str, file: Path) -> str:
    """Upload a file; its version in the bucket, empty with --dry-run. Raises AwsError."""
    where, size = place(aws, bucket, key), file.stat().st_size
    if aws.dry_run or size <= PART_SIZE:
        with file.open("rb") as body:
            return str(aws.change("s3", "PutObject", **where, Body=body).get("VersionId", ""))
    upload = Upload(aws, where, size)

    def send(number: int) -> None:
        with file.open("rb") as content:
            content.seek((number - 1) * upload.part_size)
            upload.send(number, content.read(upload.part_size))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        sent = [pool.submit(send, number) for number in range(1, upload.count + 1)]
        try:
            for part in sent:
                part.result()
        except BaseException:  # ctrl-C, too: what is on its way arrives, the rest is for the next time
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return upload.complete()


class Upload:
    """An upload in parts, begun by this verb or by one before. Parts can be sent by several threads."""

    def __init__(self, aws: AwsClient, where: dict[str, str], size: int) -> None:
        self.aws = aws
        self.place = where
        self.size = size
        self.part_size = max(PART_SIZE, math.ceil(size / MOST_PARTS))
        self.count = math.ceil(size / self.part_size)
        self.there: dict[int, dict[str, Any]] = {}  # the parts that S3 had at the beginning
        self.parts: dict[int, dict[str, Any]] = {}  # those that are sure to be right, as S3 wants them named in the end
        self.shown = threading.Lock()
        self.identity = self._resumed() or self._begun()

    def send(self, number: int, body: bytes) -> None:
        """Send a part, unless S3 has this very one."""
        part = self.there.get(number, {})
        if not _is_same(part, body):
            request = {**self.place, "UploadId": self.identity, "PartNumber": number}
            part = {"PartNumber": number, **self.aws.change("s3", "UploadPart", **request, **CHECKSUM, Body=body)}
        with self.shown:
            self.parts[number] = {key: part[key] for key in PART_KEYS if key in part}
            done = len(self.parts)
            if done * 10 // self.count > (done - 1) * 10 // self.count:  # each tenth
                say(f"uploaded {done * 100 // self.count} % of {images.megabytes(self.size)}")

    def complete(self) -> str:
        """Let S3 make one object of the parts: its version."""
        parts = {"Parts": [part for _, part in sorted(self.parts.items())]}
        request = {**self.place, "UploadId": self.identity, "MultipartUpload": parts}
        return str(self.aws.change("s3", "CompleteMultipartUpload", **request).get("VersionId", ""))

    def _begun(self) -> str:
        return str(self.aws.change("s3", "CreateMultipartUpload", **self.place, **CHECKSUM)["UploadId"])

    def _resumed(self) -> str:
        """The id of an upload that was interrupted, whose parts are noted; empty if there is none."""
        found = self.aws.pages(
            "s3",
            "ListMultipartUploads",
            "Uploads",
            Bucket=self.place["Bucket"],
            Prefix=self.place["Key"],
            ExpectedBucketOwner=self.place["ExpectedBucketOwner"],
        )
        identity = next((str(row["UploadId"]) for row in found if row["Key"] == self.place["Key"]), "")
        if identity:
            listed = self.aws.pages("s3", "ListParts", "Parts", **self.place, UploadId=identity)
            self.there = {row["PartNumber"]: row for row in listed}
            say(f"resuming the upload: {len(self.there)} of {self.count} parts are already there")
        return identity


def _is_same(part: dict[str, Any], body: bytes) -> bool:
    """Whether S3 has these bytes as a part: its tag is the MD5, but for buckets with a key of KMS."""
    digest = hashlib.md5(body, usedforsecurity=False)
    return bool(part) and bool(part["ETag"].strip('"') == digest.hexdigest())
