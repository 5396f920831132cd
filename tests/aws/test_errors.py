"""What AWS says becomes one line with what to type next; why a deployment failed is found in what was written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

TABLES = ROOT / "template" / "{{project}}" / "do" / "lib" / "aws"
FAILURES = yaml.safe_load((TABLES / "failures.yml").read_text())

ERRORS = {
    "expired": ("ExpiredTokenException", "The security token included in the request is expired", 2, "have expired"),
    "unknown": ("UnrecognizedClientException", "The security token is invalid", 2, "does not know these credentials"),
    "denied": ("AccessDeniedException", "no identity-based policy allows it", 4, "you may not sagemaker:CreateModel"),
    "throttled": ("ThrottlingException", "Rate exceeded", 4, "wait some minutes"),
    "quota": ("ResourceLimitExceeded", "The account-level service limit is 0", 4, "Service Quotas, eu-west-1"),
    "other": ("ValidationException", "1 validation error\ndetected", 4, "1 validation error detected (ValidationExc"),
    "no network": ("EndpointConnectionError", "Could not connect", 4, "check the network and AWS_REGION"),
}

SAID = {
    "did not pass the ping health check": "the server did not answer /ping within STARTUP_TIMEOUT",
    "exec /usr/bin/python: exec format error": "the image is for another processor than the instance",
    "Unsupported manifest media type application/vnd.oci.image.index.v1+json": "the image has an OCI manifest",
    "InsufficientInstanceCapacity": "AWS has no instance of this type to give at the moment",
    "torch.OutOfMemoryError: CUDA out of memory": "the model does not fit into the memory",
    "CUDA driver version is insufficient for CUDA runtime version": "the driver of the instance is older",
    "OSError: [Errno 28] No space left on device": "the disk is full",
    "ModuleNotFoundError: No module named 'lightgbm'": "a package that the model or its handler needs",
    "Could not access model data at s3://b/m.tar.gz": "the role may not read the model in S3",
    "model data download timed out": "the model takes longer to download than DOWNLOAD_TIMEOUT",
    "One or more configured alarms was triggered": "the new instances made errors, or answered slowly",
}

PROGRAM = """
import json, sys
from lib.aws import errors, failures, redaction
cases = json.load(sys.stdin)
print(json.dumps({
    "errors": {
        name: [str(error), int(error.exit_code), error.not_found]
        for name, (code, text) in cases["errors"].items()
        for error in [errors.explanation("sagemaker", "CreateModel", code, text)]
    },
    "failures": {text: failures.explained(text, []) for text in cases["failures"]},
    "both": failures.explained("did not pass the ping health check.", ["MemoryError"]),
    "neither": failures.explained("It is a secret", []),
    "redacted": [redaction.redacted(text) for text in cases["texts"]],
}))
"""

TEXTS = {
    "User: arn:aws:iam::123456789012:user/x": "User: arn:aws:iam::ACCOUNT:user/x",
    "Endpoint a of account 123456789012 not found.": "Endpoint a of account ACCOUNT not found.",
    '{"aws:SourceAccount": "123456789012"}': '{"aws:SourceAccount": "ACCOUNT"}',
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/a": "ACCOUNT.dkr.ecr.us-east-1.amazonaws.com/a",
    "my-model:123456789012": "my-model:123456789012",
    "my-model-123456789012": "my-model-123456789012",
}


@pytest.fixture(scope="module")
def answers(render: Callable[..., Path]) -> dict[str, Any]:
    """What the code of a rendered project makes of all of these."""
    cases = {
        "errors": {name: case[:2] for name, case in ERRORS.items()}
        | {
            "sagemaker": ["ValidationException", 'Could not find endpoint "x".'],
            "ecr": ["RepositoryNotFoundException", ""],
            "iam": ["NoSuchEntity", ""],
            "s3": ["404", "Not Found"],
        },
        "failures": [*SAID],
        "texts": [*TEXTS],
    }
    environment = os.environ | {"PYTHONPATH": str(render() / "do"), "AWS_REGION": "eu-west-1"}
    command = [sys.executable, "-B", "-c", PROGRAM]
    done = subprocess.run(command, env=environment, input=json.dumps(cases), capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_of_aws_is_one_line_with_what_to_do(answers: dict[str, Any], name: str) -> None:
    _, _, exit_code, part = ERRORS[name]

    line, code, not_found = answers["errors"][name]

    assert part in line
    assert "\n" not in line
    assert (code, not_found) == (exit_code, False)


@pytest.mark.parametrize("service", ["sagemaker", "ecr", "iam", "s3"])
def test_each_services_way_to_say_that_there_is_nothing_is_understood(answers: dict[str, Any], service: str) -> None:
    assert answers["errors"][service][2] is True


@pytest.mark.parametrize("said", SAID)
def test_a_known_failure_has_its_cause_and_a_next_step(answers: dict[str, Any], said: str) -> None:
    assert f"; likely {SAID[said]}" in answers["failures"][said]


def test_what_the_container_wrote_says_more_than_sagemakers_reason(answers: dict[str, Any]) -> None:
    assert answers["both"].startswith(
        "did not pass the ping health check; likely the model does not fit into the memory"
    )


def test_an_unknown_failure_points_to_the_log(answers: dict[str, Any]) -> None:
    assert answers["neither"] == "It is a secret: type do/logs --endpoint"


@pytest.mark.parametrize("text", TEXTS)
def test_account_numbers_are_left_out_and_hashes_are_not(answers: dict[str, Any], text: str) -> None:
    assert answers["redacted"][[*TEXTS].index(text)] == TEXTS[text]


def test_every_known_failure_has_a_cause_and_a_next_step() -> None:
    assert [set(row) for row in FAILURES] == [{"pattern", "cause", "next"}] * len(FAILURES)
