"""Errors of AWS and of botocore, each as one line that says what to do next."""

from __future__ import annotations

import getpass
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore.credentials
from botocore.exceptions import BotoCoreError, ClientError

from lib import config
from lib.aws.redaction import redacted
from lib.aws.tables import read_table
from lib.cli import ROOT, ExitCode, VerbError

TABLE = Path(__file__).with_name("errors.yml")

NOT_FOUND = re.compile(r".*(NotFound|NoSuch|NoSuchEntity|ResourceNotFound|DoesNotExist).*|404")
# SageMaker says the same for what doesn't exist and for what is malformed
NOT_FOUND_TEXT = re.compile(r"Could not find|does not exist|Unable to find|No scalable target found", re.IGNORECASE)

MISSING_RIGHT = re.compile(r"not authorized to perform:? (?P<action>[\w-]+:\w+)")
# refused without a text, and named otherwise in IAM
HEADS = {"s3:HeadObject": "s3:GetObject", "s3:HeadBucket": "s3:ListBucket"}
IAM = ROOT / "iam"


# what another request, or an earlier one whose answer was lost, has done or is doing meanwhile
CONFLICT = re.compile(r".*(AlreadyExists|AlreadyOwnedByYou).*|ConflictException|ResourceInUse(Exception)?")
CONFLICT_TEXT = re.compile(r"already exist|in-progress", re.IGNORECASE)


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
        return bool(NOT_FOUND.fullmatch(self.code) or self._says(NOT_FOUND_TEXT))

    @property
    def is_conflict(self) -> bool:
        """Whether it means that something else has changed the same meanwhile."""
        return bool(CONFLICT.fullmatch(self.code) or self._says(CONFLICT_TEXT))

    def _says(self, text: re.Pattern[str]) -> bool:
        return self.code == "ValidationException" and bool(text.search(self.text))


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
    except Exception as error:
        if not _arose_in(error, botocore.credentials):
            raise
        code = "NoTerminal" if isinstance(error, getpass.GetPassWarning) else "UnusableProfile"
        raise explanation(service, operation, code, f"{type(error).__name__}: {error}") from None


def explanation(service: str, operation: str, code: str, text: str) -> AwsError:
    """The error for what AWS or botocore said."""
    call = f"{service}:{operation}"
    said = redacted(" ".join(text.split()))
    for row in _table():
        if re.fullmatch(row["code"], code) and re.search(row.get("text", ""), said):
            remedy = _remedy(call, text)
            meaning = row["meaning"].format(call=call, region=config.load()["AWS_REGION"], remedy=remedy)
            return AwsError(f"{meaning} ({said or code})", ExitCode[row["exit_code"]], code, text)
    return AwsError(f"{call}: {said or 'no reason given'} ({code})", ExitCode.AWS_ERROR, code, text)


def _arose_in(error: Exception, module: ModuleType) -> bool:
    """Whether code of the module raised it, or called what did. What a profile names can fail in any way."""
    return any(frame.f_code.co_filename == module.__file__ for frame, _ in traceback.walk_tb(error.__traceback__))


def _remedy(call: str, text: str) -> str:
    """Which policies of the project allow what AWS says is missing, or else the request itself."""
    named = MISSING_RIGHT.search(text)
    action = named["action"] if named else HEADS.get(call, call)
    found = [
        f"iam/{file.name}" for file in sorted(IAM.glob("caller*.json")) if f'"{action}"' in file.read_text("utf-8")
    ]
    if not found:
        return f"no policy in iam/ has {action}, so ask an administrator"
    return f"ask an administrator for {' or '.join(found)}, which do/iam prints"


@lru_cache
def _table() -> list[dict[str, Any]]:
    return list(read_table(TABLE))
