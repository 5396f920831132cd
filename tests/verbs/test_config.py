"""do/config shows and sets the settings, and refuses what makes no sense in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.verbs.conftest import refusal, run


def test_all_settings_are_shown_with_nothing_set_up(bare_project: Path) -> None:
    done = run(bare_project, "config")

    assert done.returncode == 0
    shown = dict(re.split(r" +# ", line) for line in done.stdout.splitlines())
    assert shown["FRAMEWORK=sklearn"] == "answer"
    assert shown["PORT=8080"] == "default"
    assert not (bare_project / "do" / ".venv").exists()


def test_one_setting_is_shown_as_its_bare_value(bare_project: Path) -> None:
    assert run(bare_project, "config", "show", "PORT").stdout == "8080\n"


def test_the_environment_overrides_a_setting_and_that_is_shown(bare_project: Path) -> None:
    assert re.search(r"^PORT=9000 +# environment$", run(bare_project, "config", PORT="9000").stdout, re.MULTILINE)
    assert run(bare_project, "config", "show", "PORT", PORT="9000").stdout == "9000\n"


def test_a_setting_is_changed_and_its_comments_stay(bare_project: Path) -> None:
    file = bare_project / "do" / "config.env"
    before = file.read_text()

    done = run(bare_project, "config", "set", "PORT", "9000")

    assert done.stdout == "PORT: 8080 -> 9000\n"
    assert file.read_text() == f"{before}\nPORT=9000\n"
    run(bare_project, "config", "set", "PORT", "9001")
    assert file.read_text() == f"{before}\nPORT=9001\n"


def test_a_setting_that_the_environment_overrides_is_changed_with_a_note(bare_project: Path) -> None:
    done = run(bare_project, "config", "set", "PORT", "9000", PORT="9999")

    assert done.stderr == "note: PORT=9999 in the environment overrides it here\n"
    assert run(bare_project, "config", "show", "PORT").stdout == "9000\n"


def test_a_role_with_a_path_and_in_another_partition_is_taken(bare_project: Path) -> None:
    """Predecessor F.1-3."""
    arn = "arn:aws-us-gov:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-20240101T000000"
    answers = bare_project / "do" / "lib" / "answers.json"
    answers.write_text(answers.read_text().replace("us-east-1", "us-gov-west-1"))

    assert run(bare_project, "config", "set", "ROLE_ARN", arn).returncode == 0
    assert run(bare_project, "config", "show", "ROLE_ARN").stdout == f"{arn}\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["set", "AWS_REGOIN", "us-east-1"], "do/config: unknown setting 'AWS_REGOIN' - did you mean 'AWS_REGION'?"),
        (["show", "prot"], "do/config: unknown setting 'prot' - did you mean 'PORT'?"),
        (
            ["set", "MODEL_SERVER", "flask"],
            "do/config: MODEL_SERVER is an answer, which affects files of the project: "
            "run do/update --keep-version --data model_server=flask",
        ),
        (
            ["set", "PORT", "80800"],
            "do/config: PORT='80800' (given) is wrong: give a whole number from 1 to 65535 "
            "(the port that do/serve listens on, and that do/test and do/invoke use)",
        ),
        (["frobnicate"], "choose from 'show', 'set'); see do/config --help"),
        (["set", "PORT"], "do/config: PORT has no value: run do/config set KEY VALUE"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(bare_project: Path, arguments: list[str], line: str) -> None:
    before = (bare_project / "do" / "config.env").read_text()

    assert refusal(run(bare_project, "config", *arguments), 3).endswith(line)
    assert (bare_project / "do" / "config.env").read_text() == before


@pytest.mark.parametrize(
    "value", ["$(touch injected)", "a; touch injected", "ünï-code", "x" * 300, "a\nPORT=1", "' \" \\"]
)
def test_a_hostile_value_is_refused(bare_project: Path, value: str) -> None:
    """Predecessor F.1-9: names were pasted into scripts."""
    line = refusal(run(bare_project, "config", "set", "ROLE_ARN", value), 3)

    assert line.startswith("do/config: ROLE_ARN=")
    assert not (bare_project / "injected").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "SUCCESS_TOPIC=\n",
            "line 1 of do/config.env: unknown setting 'SUCCESS_TOPIC': remove the line, or go back to the answers that "
            "it belongs to",
        ),
        ("PROT=8080\n", "line 1 of do/config.env: unknown setting 'PROT' - did you mean 'PORT'?"),
        ("\nPORT=80 80\n", "line 2 of do/config.env: should be KEY=VALUE, in quotes where the value has blanks"),
        ("PORT\n", "line 1 of do/config.env: should be KEY=VALUE, in quotes where the value has blanks"),
        ("PORT='8080\n", "line 1 of do/config.env: No closing quotation"),
        ("PORT=1\nPORT=2\n", "line 2 of do/config.env: PORT is there twice"),
    ],
)
def test_a_broken_file_is_refused_with_the_line_that_is_wrong(bare_project: Path, text: str, line: str) -> None:
    """Predecessor F.1-8: a malformed file was ignored, and so were unknown keys."""
    (bare_project / "do" / "config.env").write_text(text)

    assert refusal(run(bare_project, "config"), 3) == f"do/config: {line}"


def test_several_settings_are_changed_together_or_not_at_all(bare_project: Path) -> None:
    file = bare_project / "do" / "config.env"
    before = file.read_text()

    line = refusal(run(bare_project, "config", "set", "VPC_SUBNETS", "subnet-1"), 3)
    assert line == "do/config: VPC_SUBNETS needs a security group: set VPC_SECURITY_GROUPS sg-... with it"
    assert refusal(run(bare_project, "config", "set", "MIN_INSTANCES", "2", "TAGS", "x"), 3).startswith(
        "do/config: TAGS"
    )
    assert file.read_text() == before

    assert run(bare_project, "config", "set", "VPC_SUBNETS", "subnet-1", "VPC_SECURITY_GROUPS", "sg-1").returncode == 0
    assert file.read_text() == f"{before}\nVPC_SUBNETS=subnet-1\n\nVPC_SECURITY_GROUPS=sg-1\n"


def test_a_secret_is_not_shown(bare_project: Path) -> None:
    done = run(bare_project, "config", "set", "CONTAINER_ENVIRONMENT", "HF_TOKEN=hf_abcdefgh12345678")

    assert "looks like a secret" in refusal(done, 3)
    assert "hf_abcdefgh" not in done.stderr


def test_an_answer_in_the_file_is_refused_with_the_command_that_changes_it(bare_project: Path) -> None:
    (bare_project / "do" / "config.env").write_text("INSTANCE_TYPE=ml.c5.xlarge\n")

    line = refusal(run(bare_project, "config"), 3)

    assert line.endswith("run do/update --keep-version --data instance_type=ml.c5.xlarge")


def test_a_file_that_is_gone_is_named(bare_project: Path) -> None:
    (bare_project / "do" / "config.env").unlink()

    assert refusal(run(bare_project, "config"), 5).startswith("do/config: do/config.env is missing: run git checkout")


def test_values_may_be_quoted_and_followed_by_comments(bare_project: Path) -> None:
    (bare_project / "do" / "config.env").write_text("PORT='9000' # mine\nTAGS = \"team=a\"\n")

    assert run(bare_project, "config", "show", "PORT").stdout == "9000\n"
    assert run(bare_project, "config", "show", "TAGS").stdout == "team=a\n"
