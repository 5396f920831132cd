"""do/config shows and sets the settings, and refuses what makes no sense in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verbs.conftest import refusal, run


def test_all_settings_are_shown_with_nothing_set_up(bare_project: Path) -> None:
    done = run(bare_project, "config")

    assert done.returncode == 0
    assert "PROJECT_NAME=my-model\nMODEL_KIND=predictive\nFRAMEWORK=sklearn\n" in done.stdout
    assert "PORT=8080\n" in done.stdout
    assert not (bare_project / "do" / ".venv").exists()


def test_one_setting_is_shown_as_its_bare_value(bare_project: Path) -> None:
    assert run(bare_project, "config", "show", "PORT").stdout == "8080\n"


def test_the_environment_overrides_a_setting_and_that_is_shown(bare_project: Path) -> None:
    assert "PORT=9000  # from the environment\n" in run(bare_project, "config", PORT="9000").stdout
    assert run(bare_project, "config", "show", "PORT", PORT="9000").stdout == "9000\n"


def test_a_setting_is_changed_and_its_comments_stay(bare_project: Path) -> None:
    file = bare_project / "do" / "config.env"
    before = file.read_text()

    done = run(bare_project, "config", "set", "PORT", "9000")

    assert done.stdout == "PORT: 8080 -> 9000\n"
    assert file.read_text() == before.replace("PORT=8080", "PORT=9000")


def test_a_setting_that_the_environment_overrides_is_changed_with_a_note(bare_project: Path) -> None:
    done = run(bare_project, "config", "set", "PORT", "9000", PORT="9999")

    assert done.stderr == "note: PORT=9999 in the environment overrides it here\n"
    assert run(bare_project, "config", "show", "PORT").stdout == "9000\n"


def test_a_role_with_a_path_and_in_another_partition_is_taken(bare_project: Path) -> None:
    """Predecessor F.1-3."""
    arn = "arn:aws-us-gov:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-20240101T000000"

    assert run(bare_project, "config", "set", "ROLE_ARN", arn).returncode == 0
    assert run(bare_project, "config", "show", "ROLE_ARN").stdout == f"{arn}\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["set", "AWS_REGOIN", "us-east-1"], "do/config: unknown setting 'AWS_REGOIN': did you mean AWS_REGION?"),
        (["show", "prot"], "do/config: unknown setting 'prot': did you mean PORT?"),
        (
            ["set", "MODEL_SERVER", "flask"],
            "do/config: MODEL_SERVER decides which files the project has: "
            "type copier update --trust --data model_server=flask",
        ),
        (
            ["set", "PORT", "80800"],
            "do/config: PORT='80800' (given) is wrong: it should be the port where do/serve listens, "
            "and do/test and do/invoke look, such as 8080",
        ),
        (["frobnicate"], "choose from 'show', 'set'); see do/config --help"),
        (["set", "PORT"], "do/config: the following arguments are required: VALUE; see do/config set --help"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(bare_project: Path, arguments: list[str], line: str) -> None:
    before = (bare_project / "do" / "config.env").read_text()

    assert refusal(run(bare_project, "config", *arguments), 3).endswith(line)
    assert (bare_project / "do" / "config.env").read_text() == before


@pytest.mark.parametrize(
    "value", ["$(touch injected)", "a; touch injected", "ünï-code", "x" * 300, "a\nPORT=1", "' \" \\", ""]
)
def test_a_hostile_value_is_refused(bare_project: Path, value: str) -> None:
    """Predecessor F.1-9: names were pasted into scripts."""
    line = refusal(run(bare_project, "config", "set", "PROJECT_NAME", value), 3)

    assert line.startswith("do/config: PROJECT_NAME=")
    assert not (bare_project / "injected").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("PROT=8080\n", "line 1 of do/config.env: unknown setting 'PROT': did you mean PORT?"),
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


def test_a_setting_that_is_gone_is_named_with_the_command_that_sets_it(bare_project: Path) -> None:
    (bare_project / "do" / "config.env").write_text("PROJECT_NAME=my-model\n")

    line = refusal(run(bare_project, "config", "show", "PORT"), 3)

    assert line == "do/config: PORT is not in do/config.env: type do/config set PORT 8080"


def test_a_file_that_is_gone_is_named(bare_project: Path) -> None:
    (bare_project / "do" / "config.env").unlink()

    assert refusal(run(bare_project, "config"), 5).startswith("do/config: do/config.env is missing: type git checkout")


def test_values_may_be_quoted_and_followed_by_comments(bare_project: Path) -> None:
    (bare_project / "do" / "config.env").write_text("PORT='9000' # mine\nAWS_REGION = \"us-east-1\"\n")

    assert run(bare_project, "config").stdout == "PORT=9000\nAWS_REGION=us-east-1\n"
