"""Errors of AWS and of botocore, each as one line that says what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from lib import config
from lib.aws.redaction import redacted
from lib.cli import ExitCode, VerbError

TABLE = Path(__file__).with_name("errors.yml")

NOT_FOUND = re.compile(r".*(NotFound|NoSuch|NoSuchEntity|ResourceNotFound|DoesNotExist).*|404")
# SageMaker says the same for what doesn't exist and for what is malformed
NOT_FOUND_TEXT = re.compile(r"Could not find|does not exist|Unable to find", re.IGNORECASE)


class AwsError(VerbError):
    """A request that AWS refused. `code` is the error's own, `text` what AWS said, `details` what came with it."""

    def __init__(self, message: str, exit_code: ExitCode, code: str, text: str) -> None:
        super().__init__(message, exit_code)
        self.code = code
        self.text = text
        self.details: dict[str, Any] = {}

    @property
    def not_found(self) -> bool:
        """Whether it means that there is no such thing."""
        return bool(NOT_FOUND.fullmatch(self.code) or (self.code == "ValidationException" and self._says_so()))

    def _says_so(self) -> bool:
        return bool(NOT_FOUND_TEXT.search(self.text))


@contextmanager
def explained(service: str, operation: str) -> Iterator[None]:
    """Let what goes wrong in a request to AWS end as an AwsError."""
    try:
        yield
    except ClientError as error:
        said = error.response.get("Error", {})
        refusal = explanation(service, operation, said.get("Code", "Unknown"), said.get("Message", ""))
        refusal.details = dict(error.response)
        raise refusal from None
    except BotoCoreError as error:
        raise explanation(service, operation, type(error).__name__, str(error)) from None


def explanation(service: str, operation: str, code: str, text: str) -> AwsError:
    """The error for what AWS or botocore said."""
    call = f"{service}:{operation}"
    said = redacted(" ".join(text.split()))
    for row in _table():
        if re.fullmatch(row["code"], code):
            meaning = row["meaning"].format(call=call, region=config.load()["AWS_REGION"])
            return AwsError(f"{meaning} ({said or code})", ExitCode[row["exit_code"]], code, text)
    return AwsError(f"{call}: {said or 'no reason given'} ({code})", ExitCode.AWS_ERROR, code, text)


@lru_cache
def _table() -> list[dict[str, Any]]:
    return list(yaml.safe_load(TABLE.read_text(encoding="utf-8")))
