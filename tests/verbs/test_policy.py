"""do/policy checks a project against the policy that it recorded, and do/config and do/deploy keep to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.verbs.conftest import refusal, run

POLICY: dict[str, Any] = {
    "title": "acme 3",
    "source": "mcc-policy.yml",
    "digest": "0" * 64,
    "questions": {
        "instance_type": {"pattern": r"ml\.m5\..*", "reason": "Cheap ones."},
        "run_as_root": {"fixed": True, "reason": "As AWS documents."},
    },
    "settings": {"KMS_KEY": {"fixed": "", "reason": "AWS's own key."}},
}


@pytest.fixture
def held(bare_project: Path) -> Path:
    """A project that was made under a policy."""
    (bare_project / "do" / "lib" / "policy.json").write_text(json.dumps(POLICY))
    return bare_project


def test_a_project_without_a_policy_has_nothing_to_check(bare_project: Path) -> None:
    done = run(bare_project, "policy")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "this project records no policy: nothing to check\n"


def test_a_project_that_keeps_to_its_policy_passes(held: Path) -> None:
    done = run(held, "policy")

    assert (done.returncode, done.stdout) == (0, "acme 3: the project complies\n")


def test_each_value_that_is_refused_is_a_line_with_where_it_comes_from(held: Path) -> None:
    (held / "do" / "config.env").write_text("KMS_KEY=alias/mine\n")
    dockerfile = held / "Dockerfile"
    dockerfile.write_text(dockerfile.read_text().replace("ARG USER_ID=0", "ARG USER_ID=10001"))

    done = run(held, "policy", INSTANCE_TYPE="ml.c5.large")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        r"INSTANCE_TYPE=ml.c5.large (environment): Cheap ones. (policy acme 3); choose what matches ml\.m5\..*",
        "KMS_KEY=alias/mine (do/config.env): AWS's own key. (policy acme 3); it is always ",
        "RUN_AS_ROOT=false (Dockerfile): As AWS documents. (policy acme 3); it is always true",
        "acme 3: 3 refused",
    ]


def test_a_setting_that_the_policy_refuses_is_not_set(held: Path) -> None:
    before = (held / "do" / "config.env").read_text()

    line = refusal(run(held, "config", "set", "KMS_KEY", "alias/mine"), 3)

    assert line == "do/config: KMS_KEY=alias/mine: AWS's own key. (policy acme 3); it is always "
    assert (held / "do" / "config.env").read_text() == before


def test_a_project_is_checked_against_a_given_policy(project: Path) -> None:
    file = project / "mcc-policy.yml"
    file.write_text(
        "policy: other\nversion: '1'\nsettings: {TAGS: {require: [owner], reason: Bills.}}\n", encoding="utf-8"
    )

    done = run(project, "policy", "mcc-policy.yml")

    assert done.returncode == 1
    assert done.stdout == "TAGS= (default): Bills. (policy other 1); add owner\nother 1: 1 refused\n"


@pytest.mark.parametrize("text", ["[]", "policy: a", "policy: a\nversion: b\nsettings: {TAGS: {require: [x]}}", "{"])
def test_a_file_that_is_no_policy_is_one_line(project: Path, text: str) -> None:
    (project / "mcc-policy.yml").write_text(text)

    assert refusal(run(project, "policy", "mcc-policy.yml"), 3).startswith(
        "do/policy: mcc-policy.yml is not a policy: "
    )
