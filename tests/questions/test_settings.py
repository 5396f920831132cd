"""Each setting: `copier copy` and `do/config set` take and refuse the same values, by the one table."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from extensions.context import load_catalog
from extensions.settings import settings_of, settings_problem, values
from tests.questions.conftest import Answers

CATALOG = load_catalog()
TABLE = CATALOG["settings"]
OWN = {name: row for name, row in TABLE.items() if "answer" not in row}
SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
HIGHEST_WITHOUT_LIMIT = 100  # SageMaker gives none; accounts have fewer instances by far

# The answers of a project that has a setting: those in its row, and what they need beside them.
BESIDE = {
    "MODEL_PACKAGE_ARN": {},
    "HF_TOKEN_SECRET": {"model_kind": "generative"},
    "HF_TOKEN_KUBERNETES_SECRET": {"model_kind": "generative"},
    "NGC_KEY_SECRET": {"model_kind": "generative"},
}
COMPUTED = {
    "STARTUP_TIMEOUT": 600,
    "DOWNLOAD_TIMEOUT": 600,
    "INFERENCE_AMI_VERSION": "al2023",
    "CODEBUILD_COMPUTE_TYPE": "BUILD_GENERAL1_MEDIUM",
    "COPY_ACCELERATORS": 1,
}

# What every value is tried with: no setting may take any of these.
HOSTILE = ['"', "a'b", "$(id)", "`id`", "a\nb", "1\n", "\x1b[31m", "mod\xe8le", "x" * 2500, "{{ 7 * 7 }}", "a;b", "1 2"]
SECRETS = [
    *(
        "hf_abcdefgh12345678",
        "nvapi-abcdefgh12345678",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    ),
    *("sk-proj-abcdefghijklmnopqrstu", "xoxb-1234567890-abcdef", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
]

TRY = """
import json, sys
sys.path.insert(0, "do")
from lib import config
from lib.cli import VerbError

def accepts(changes):
    file = config.CONFIG_FILE
    before = file.read_text()
    try:
        config.set_values(changes)
        return True
    except VerbError as error:
        assert "\\n" not in str(error), error
        return False
    finally:
        file.write_text(before)

print(json.dumps([accepts([tuple(change) for change in changes]) for changes in json.load(sys.stdin)]))
"""


def answers_for(name: str) -> Answers:
    """The answers of a project that has this setting."""
    needed = {question: wanted[0] for question, wanted in TABLE[name].get("only", {}).items()}
    return {**BESIDE.get(name, {}), **needed}


def changes(name: str, value: Any) -> dict[str, Any]:
    """The setting with this value, and what it needs beside it."""
    return {**TABLE[name].get("beside", {}), name: value}


@pytest.fixture(scope="module")
def try_settings(render: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[bool]]:
    """A function that says which of these changes `do/config set` takes in a project with these answers."""

    def try_settings(answers: Answers, tried: list[dict[str, Any]]) -> list[bool]:
        project = tmp_path_factory.mktemp("settings") / "project"
        shutil.copytree(render(**answers), project, symlinks=True)
        texts = [[[name, values.as_text(value)] for name, value in change.items()] for change in tried]
        done = subprocess.run(
            [sys.executable, "-c", TRY],
            cwd=project,
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
        )
        found: list[bool] = json.loads(done.stdout)
        return found

    return try_settings


def taken_at_copy(answers: Answers, change: dict[str, Any]) -> bool:
    """Whether the question `settings` takes this."""
    given = {"model_kind": "predictive", "model_source": "sample", "model_server": "fastapi", "build_with": "codebuild"}
    given |= {"deploy_target": "realtime", "aws_region": "us-east-1", "instance_type": "ml.m5.large"}
    given |= {"architecture": "x86_64"}
    return not settings_problem(change, CATALOG, {**given, **answers}, COMPUTED)


def table_of(expected: bool) -> list[tuple[str, Any]]:
    """The right values of the table, or the wrong ones."""
    return [(name, value) for name, row in OWN.items() for value in row["right" if expected else "wrong"]]


PROJECTS = list({json.dumps(answers_for(name), sort_keys=True) for name in OWN})


@pytest.mark.parametrize("project", sorted(PROJECTS))
def test_copy_and_do_config_take_and_refuse_the_same(try_settings: Callable[..., list[bool]], project: str) -> None:
    answers = json.loads(project)
    names = [name for name in OWN if answers_for(name) == answers]
    expected = {
        (name, values.as_text(value)): (change, right)
        for right in (True, False)
        for name, value in [*table_of(right), *([] if right else [(each, text) for each in OWN for text in HOSTILE])]
        if name in names
        for change in [changes(name, value)]
    }
    for name in names:
        expected |= {(name, text): (changes(name, text), False) for text in SECRETS}
    tried, right = zip(*expected.values(), strict=True)

    at_copy = [taken_at_copy(answers, change) for change in tried]
    by_verb = try_settings(answers, [*tried])

    wanted = dict(zip(expected, right, strict=True))
    assert dict(zip(expected, at_copy, strict=True)) == wanted
    assert dict(zip(expected, by_verb, strict=True)) == wanted


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if "answer" in row])
def test_the_environment_may_override_an_answer_with_what_its_question_takes(
    ask: Callable[..., Answers], refusal: Callable[..., str], render: Callable[..., Path], name: str
) -> None:
    row = settings_of(CATALOG, {**ask(), "model_source": "sample"}, COMPUTED)[name]
    question = TABLE[name]["answer"]

    for value in TABLE[name]["right"]:
        assert values.problem(value, row) == ""
        assert ask(**{question: value})[question] == value
    for value in TABLE[name]["wrong"]:
        assert values.problem(value, row)
        assert refusal(**{question: value}).startswith(f"{question}=")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"MIN_INSTANCE": 2}, "MIN_INSTANCE: no such setting - did you mean 'MIN_INSTANCES' or 'MAX_INSTANCES'?"),
        ({"INSTANCE_TYPE": "ml.m5.large"}, "INSTANCE_TYPE: it is an answer: give instance_type"),
        ({"MODEL_DATA_URL": "s3://a-b/"}, "MODEL_DATA_URL: it has no effect here: it needs model_source=s3"),
        (
            {"MIN_INSTANCES": 3, "MAX_INSTANCES": 2},
            "MAX_INSTANCES=2 is less than MIN_INSTANCES=3: set MAX_INSTANCES 3, or more",
        ),
        (
            {"ROLE_ARN": "arn:aws-cn:iam::123456789012:role/r"},
            "ROLE_ARN is in the partition aws-cn, but AWS_REGION=us-east-1",
        ),
        ({"PORT": [1]}, "PORT: give a text or a number"),
        ("MIN_INSTANCES=2", "give settings and their values, such as "),
        ("{", "give settings and their values, such as "),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(refusal: Callable[..., str], given: Any, line: str) -> None:
    assert line in refusal(settings=given)


@pytest.mark.parametrize("given", [{"VOLUME_SIZE_GB": 50}, {"KMS_KEY": "alias/k"}])
def test_types_with_a_disk_of_their_own_take_neither_a_volume_nor_a_key(
    ask: Callable[..., Answers], refusal: Callable[..., str], given: dict[str, Any]
) -> None:
    assert "ml.m5d.large" in refusal(instance_type="ml.m5d.large", settings=given)
    assert ask(instance_type="ml.m5.large", settings=given)["settings"] == given


def test_settings_of_the_environment_complete_those_that_are_given(
    ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCC_TAGS", "team=pricing")
    monkeypatch.setenv("MCC_MIN_INSTANCES", "5")

    assert ask()["settings"] == {"TAGS": "team=pricing", "MIN_INSTANCES": "5"}
    assert ask(settings={"MIN_INSTANCES": 2})["settings"] == {"TAGS": "team=pricing", "MIN_INSTANCES": 2}


def test_a_variable_for_a_setting_that_the_project_lacks_has_no_effect(
    ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCC_HF_TOKEN_SECRET", "hf-token")

    assert ask()["settings"] == {}
    assert ask(settings={"MIN_INSTANCES": 2})["settings"] == {"MIN_INSTANCES": 2}
    assert ask(model_kind="generative")["settings"] == {"HF_TOKEN_SECRET": "hf-token"}


@pytest.mark.parametrize(
    "text", [*SECRETS, "HF_TOKEN=abc", "a=1,db-password=x", "API_KEY=x", "-----BEGIN RSA PRIVATE KEY"]
)
def test_a_secret_is_recognized(text: str) -> None:
    assert values.secret_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hf-token",
        "HF_TOKEN_SECRET=hf-token",
        "MAX_TOKENS=5",
        "TOKENIZER=x",
        "HF_TOKEN=",
        "team=secret-service",
        "a/b",
    ],
)
def test_what_only_sounds_like_a_secret_is_none(text: str) -> None:
    assert not values.secret_in(text)


@pytest.mark.parametrize(
    ("name", "shape", "off"),
    [
        ("VOLUME_SIZE_GB", "ProductionVariantVolumeSizeInGB", 1),
        ("STARTUP_TIMEOUT", "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds", 0),
        ("DOWNLOAD_TIMEOUT", "ProductionVariantModelDataDownloadTimeoutInSeconds", 0),
        ("DATA_CAPTURE_PERCENT", "SamplingPercentage", 0),
        ("MAX_INSTANCES", "InitialTaskCount", 0),
        ("MIN_INSTANCES", "InitialTaskCount", 1),  # autoscaling can leave none
    ],
)
def test_a_number_has_sagemakers_range(name: str, shape: str, off: int) -> None:
    limits = SAGEMAKER.shape_for(shape).metadata

    assert TABLE[name]["range"] == [limits["min"] - off, limits.get("max", HIGHEST_WITHOUT_LIMIT)]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("VPC_SUBNETS", "Subnets"),
        ("VPC_SECURITY_GROUPS", "VpcSecurityGroupIds"),
        ("CONTAINER_ENVIRONMENT", "EnvironmentMap"),
    ],
)
def test_a_list_may_be_as_long_as_sagemakers(name: str, shape: str) -> None:
    assert TABLE[name]["at_most"] == SAGEMAKER.shape_for(shape).metadata["max"]


@pytest.mark.parametrize(
    ("name", "prefix", "shape"),
    [
        ("VPC_SUBNETS", "subnet-", "SubnetId"),
        ("VPC_SECURITY_GROUPS", "sg-", "SecurityGroupId"),
        ("KMS_KEY", "", "KmsKeyId"),
        ("TAGS", "key=", "TagValue"),
        ("CONTAINER_ENVIRONMENT", "KEY=", "EnvironmentValue"),
        ("DATA_CAPTURE_URL", "s3://my-bucket/", "DestinationS3Uri"),
    ],
)
def test_a_text_may_be_as_long_as_sagemakers(name: str, prefix: str, shape: str) -> None:
    most = SAGEMAKER.shape_for(shape).metadata["max"]
    rest = most if prefix.endswith("=") else most - len(prefix)
    pattern = TABLE[name].get("item") or TABLE[name]["pattern"]

    assert re.fullmatch(pattern, prefix + "x" * rest)
    assert not re.fullmatch(pattern, prefix + "x" * (rest + 1))


@pytest.mark.parametrize("name", [name for name, row in OWN.items() if "default" in row])
def test_a_default_is_a_right_value(name: str) -> None:
    choices = TABLE[name].get("choices")
    row = {**TABLE[name], **({"choices": list(CATALOG[choices])} if isinstance(choices, str) else {})}

    assert values.problem(TABLE[name]["default"], row) == ""
