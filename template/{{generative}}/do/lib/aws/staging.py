"""Copies a model from the Hugging Face Hub to S3, through memory: it needs no disk, however big the model is.

An object is only made of a file whose digest is the Hub's. What is there, under a prefix with the commit in its name,
is therefore right, and isn't copied again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatch

from lib.aws import objects
from lib.aws.client import AwsClient
from lib.cli import ExitCode, VerbError, say
from lib.image import images
from lib.model.hub import Hub, HubFile

# the same weights in other formats, which many repositories have beside safetensors, and what no engine reads
OTHER_FORMATS = ("*.bin", "*.pt", "*.pth", "*.h5", "*.msgpack", "*.onnx", "*.onnx_data", "*.ot", "*.gguf", "*.tflite")
NEEDLESS = (".*", "*/.*", "original/*", "onnx/*", "openvino/*", "*.md", "*.png", "*.jpg", "*.gif", "*.pdf")
QUANTIZATION = "Q4_K_M"  # that llama.cpp takes where a repository has the model in several


def chosen(files: list[HubFile], patterns: list[str]) -> list[HubFile]:
    """The files that an engine needs, or those that fit a pattern. Raises VerbError where that is none."""
    if patterns:
        found = [file for file in files if any(fnmatch(file.path, pattern) for pattern in patterns)]
    else:
        found = [file for file in files if not _fits(file, NEEDLESS)]
        if any(file.path.endswith(".safetensors") for file in found):
            found = [file for file in found if not _fits(file, OTHER_FORMATS)]
        elif any(QUANTIZATION in file.path for file in found):
            found = [file for file in found if not file.path.endswith(".gguf") or QUANTIZATION in file.path]
    if not found:
        raise VerbError(f"no file fits {' or '.join(patterns) or 'an engine'}", ExitCode.MISSING_FILE)
    return found


def _fits(file: HubFile, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(file.path, pattern) for pattern in patterns)


def copy(aws: AwsClient, hub: Hub, files: list[HubFile], bucket: str) -> str:
    """Copy the files that aren't there; the URL of the model in S3. Raises VerbError."""
    prefix = f"models/{hub.model}/{hub.commit}/"
    owner = {"Bucket": bucket, "ExpectedBucketOwner": aws.identity.account, "Prefix": prefix}
    there = {row["Key"] for row in aws.pages("s3", "ListObjectsV2", "Contents", **owner)} if not aws.dry_run else set()
    missing = [file for file in files if prefix + file.path not in there]
    total = images.megabytes(sum(file.size for file in missing))
    say(f"{hub.model} at {hub.commit[:12]}: {len(files)} files, {len(missing)} to copy, {total}")
    for file in missing:
        say(f"copying {file.path}, {images.megabytes(file.size)}")
        if not aws.dry_run:
            _copy(aws, hub, file, objects.place(aws, bucket, prefix + file.path))
    return f"s3://{bucket}/{prefix}"


def _copy(aws: AwsClient, hub: Hub, file: HubFile, place: dict[str, str]) -> None:
    """Copy one file. After an interruption all of it is read again, for its digest; what S3 has is not sent again."""
    if file.size <= objects.PART_SIZE:
        (body,) = _checked(file, iter([hub.read(file, 0, file.size)]))
        aws.change("s3", "PutObject", **place, Body=body)
        return
    upload = objects.Upload(aws, place, file.size)
    with ThreadPoolExecutor(objects.AT_ONCE) as reading, ThreadPoolExecutor(objects.AT_ONCE) as sending:
        sent: deque[Future[None]] = deque()
        try:
            parts = _checked(file, _read_ahead(hub, file, upload.part_size, reading))
            for number, body in enumerate(parts, start=1):
                sent.append(sending.submit(upload.send, number, body))
                while len(sent) >= objects.AT_ONCE:  # more would fill the memory
                    sent.popleft().result()
            for part in sent:
                part.result()
        except BaseException:  # ctrl-C, too: what is on its way arrives, the rest is for the next time
            reading.shutdown(wait=False, cancel_futures=True)
            sending.shutdown(wait=False, cancel_futures=True)
            raise
    upload.complete()


def _read_ahead(hub: Hub, file: HubFile, size: int, pool: ThreadPoolExecutor) -> Iterator[bytes]:
    """The parts of a file in order; some are read at once."""
    starts = iter(range(0, file.size, size))
    waiting: deque[Future[bytes]] = deque()
    while True:
        while len(waiting) < objects.AT_ONCE and (start := next(starts, None)) is not None:
            waiting.append(pool.submit(hub.read, file, start, min(start + size, file.size)))
        if not waiting:
            return
        yield waiting.popleft().result()


def _checked(file: HubFile, parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts of a file. Raises VerbError at the end where they are not what the Hub says."""
    hasher, size = file.hasher(), 0
    for part in parts:
        hasher.update(part)
        size += len(part)
        yield part
    if (hasher.hexdigest(), size) != (file.digest, file.size):
        raise VerbError(
            f"{file.path} arrived with another content than the Hub has: run do/stage again", ExitCode.FAILED
        )
