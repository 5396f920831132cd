"""What AWS says becomes one line with what to type next; why a deployment failed is found in what was written."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.aws.conftest import Project
from tests.conftest import ROOT

TABLES = ROOT / "template" / "{{project}}" / "do" / "lib" / "aws"
FAILURES = [row for rows in yaml.safe_load((TABLES / "failures.yml").read_text()).values() for row in rows]

ERRORS = {
    "expired": ("ExpiredTokenException", "The security token included in the request is expired", 2, "have expired"),
    "unknown": (
        "UnrecognizedClientException",
        "The security token is invalid",
        2,
        "does not recognize these credentials",
    ),
    "denied": (
        "AccessDeniedException",
        "no identity-based policy allows it",
        4,
        "you are not allowed to call sagemaker:CreateModel",
    ),
    "throttled": ("ThrottlingException", "Rate exceeded", 4, "wait a few minutes"),
    "quota": ("ResourceLimitExceeded", "The account-level service limit is 0", 4, "Quotas console, eu-west-1"),
    "other": ("ValidationException", "1 validation error\ndetected", 4, "1 validation error detected (ValidationExc"),
    "refused HEAD": ("403", "Forbidden", 4, "you are not allowed to call sagemaker:CreateModel"),
    "expired HEAD": ("400", "Bad Request", 2, "run aws sso login, or get new ones"),
    "wrong clock": ("InvalidSignatureException", "Signature expired: 2026 is now earlier than 2027", 2, "the clock of"),
    "skewed clock": ("RequestTimeTooSkewed", "The difference between the request time and the current", 2, "the clock"),
    "wrong keys": ("SignatureDoesNotMatch", "does not match the signature you provided", 2, "does not recognize these"),
    "no network": ("EndpointConnectionError", "Could not connect", 4, "check the network and AWS_REGION"),
}

# what SageMaker says, and what the new containers wrote: what is likely, or known
PING = "The primary container for production variant main did not pass the ping health check."
OWN = '{{"level": "error", "message": "gunicorn ended with 3; stopping: {}"}}'
SAID = {
    (PING, ""): "likely the server did not answer /ping in time",
    (PING, "exec /usr/bin/python: exec format error"): "likely the image is for another processor than the instance",
    ("Unsupported manifest media type application/vnd.oci.image.index.v1+json", ""): "likely the image has an OCI mani",
    ("InsufficientInstanceCapacity", ""): "likely AWS has no instance of this type available at the moment",
    (PING, "torch.OutOfMemoryError: CUDA out of memory"): "likely the model does not fit into the memory",
    (
        PING,
        "CUDA driver version is insufficient for CUDA runtime version",
    ): "likely the driver of the instance is older",
    (PING, "OSError: [Errno 28] No space left on device"): "likely the disk is full",
    (PING, "ModuleNotFoundError: No module named 'lightgbm'"): "likely a package that the model or its handler needs",
    ("Could not access model data at s3://b/m.tar.gz", ""): "likely the role can't read the model in S3",
    ("Failed to extract model data archive for container", ""): "likely the model in S3 is not a .tar.gz",
    ("model data download timed out", ""): "likely the model takes longer to download than DOWNLOAD_TIMEOUT",
    ("One or more configured alarms was triggered", ""): "likely the new instances returned errors, or were slow",
    # SageMaker's reason names the cause: what the log says of other things doesn't count
    (
        "The repository m does not grant ecr:GetDownloadUrlForLayer",
        "MemoryError",
    ): "likely the role can't pull the image",
    # the log says nothing of keys or alarms in SageMaker's sense
    (PING, "loaded alarm_model.joblib with kms disabled"): "likely the server did not answer /ping",
    # the server's own reasons: https://github.com/aws/sagemaker-python-sdk/issues/787 and 1554 are about such failures
    (PING, OWN.format("no model in /opt/ml/model: it should hold one file *.pkl")): "the server says: no model in /opt",
    (PING, OWN.format("/opt/ml/model holds a.pkl, b.pkl: leave one")): "the server says: /opt/ml/model holds a.pkl, b",
    (PING, OWN.format("the model can't be loaded: KeyError: 118")): "the server says: the model can't be loaded: KeyE",
    (PING, OWN.format("the model can't be loaded: ModuleNotFoundError: x")): "likely a package that the model or its",
    (PING, '{"level": "error", "message": "SERVING_WORKERS=\'x\' is not a whole number from 1 to 64"}'): (
        "the server says: SERVING_WORKERS='x' is not a whole number"
    ),
    (PING, 'starting\n{"level": "error", "message": "first"}\n{"level": "error", "message": "later"}'): (
        "the server says: first"
    ),
    (PING, OWN.format("ValueError: unrecognized arguments: --max")): "the server says: ValueError: unrecognized argum",
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
    "failures": [failures.explained(reason, log.split("\\n")) for reason, log in cases["failures"]],
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


@pytest.mark.parametrize("said", SAID, ids=lambda said: f"{said[0][:30]} {said[1][-40:]}")
def test_a_known_failure_has_its_cause_and_a_next_step(answers: dict[str, Any], said: tuple[str, str]) -> None:
    assert f"; {SAID[said]}" in answers["failures"][[*SAID].index(said)]


def test_an_unknown_failure_points_to_the_log(answers: dict[str, Any]) -> None:
    assert answers["neither"] == "It is a secret: run do/logs --endpoint"


@pytest.mark.parametrize("text", TEXTS)
def test_account_numbers_are_left_out_and_hashes_are_not(answers: dict[str, Any], text: str) -> None:
    assert answers["redacted"][[*TEXTS].index(text)] == TEXTS[text]


def test_every_known_failure_has_a_cause_and_a_next_step() -> None:
    assert [set(row) for row in FAILURES] == [{"pattern", "cause", "next"}] * len(FAILURES)


def test_an_expired_session_of_sso_is_one_line(project: Project, tmp_path: Path) -> None:
    """botocore logs the traceback of each failed refresh: https://github.com/boto/botocore/blob/develop/botocore/tokens.py"""
    (tmp_path / "config").write_text(
        "[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://sso.test\n"
        "[profile p]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n"
    )
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {
        **{"startUrl": "https://sso.test", "region": "us-east-1", "accessToken": "a", "refreshToken": "b"},
        **{"clientId": "c", "clientSecret": "d", "expiresAt": "2020-01-01T00:00:00Z"},
        "registrationExpiresAt": "2099-01-01T00:00:00Z",
    }
    (cache / f"{hashlib.sha1(b's').hexdigest()}.json").write_text(json.dumps(token))
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "p", "HOME": str(tmp_path)}
    keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ENDPOINT_URL_SSO_OIDC": "http://127.0.0.1:1"}

    done = project.verb("status", **variables, **keys, AWS_MAX_ATTEMPTS="1")

    assert done.returncode == 2
    assert done.stderr.startswith("do/status: no AWS credentials found: run aws configure, or aws sso login")
    assert len(done.stderr.splitlines()) == 1


# what a profile says, and what the one line begins with. The first three are errors of botocore's own, the others of
# what it runs: https://github.com/boto/botocore/blob/develop/botocore/credentials.py
PROFILES = {
    "a program that fails": ("credential_process = false", "no AWS credentials found: run aws configure"),
    "a role without a source": ("role_arn = arn:aws:iam::1:role/r", "no AWS credentials found: run aws configure"),
    "a source that names itself": (
        "source_profile = q\nrole_arn = arn:aws:iam::1:role/r\n[profile q]\nsource_profile = p\n"
        "role_arn = arn:aws:iam::1:role/q",
        "the AWS credentials can't be read: run aws sts",
    ),
    "a program that isn't there": ("credential_process = nowhere", "the AWS credentials can't be read: run aws sts"),
    "a program that gives no JSON": ("credential_process = echo x", "the AWS credentials can't be read: run aws sts"),
    "a token that isn't there": (
        "web_identity_token_file = nowhere\nrole_arn = arn:aws:iam::1:role/r",
        "the AWS credentials can't be read: run aws sts",
    ),
    "a file that can't be parsed": ("[", "the AWS credentials can't be read: run aws sts"),
    "a code of MFA": (
        "mfa_serial = arn:aws:iam::1:mfa/m\nsource_profile = k\nrole_arn = arn:aws:iam::123456789012:role/r\n"
        "[profile k]\naws_access_key_id = k\naws_secret_access_key = s",
        "the AWS profile asks for an MFA code, and there is no terminal: in one, run eval",
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_that_gives_no_credentials_is_one_line(project: Project, tmp_path: Path, name: str) -> None:
    lines, beginning = PROFILES[name]
    (tmp_path / "config").write_text(f"[profile p]\n{lines}\n")
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PROFILE": "p", "HOME": str(tmp_path)}
    keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}

    done = project.verb("status", **variables, **keys)

    assert done.stderr.splitlines()[0].startswith(f"do/status: {beginning}"), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 2
