"""do/push keeps the image of the project as it is now in a repository of the project's own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.aws.conftest import Make, Project, tags_of
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


def tag_of(project: Project) -> str:
    """The hash that the image's name ends in."""
    return project.verb("build", "--dry-run").stdout.split()[2].partition(":")[2]


def test_the_image_is_pushed_and_its_digest_printed(project: Project, aws: Account) -> None:
    done = project.verb("push")

    (image,) = aws.client("ecr").describe_images(repositoryName="my-model")["imageDetails"]
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"my-model:{tag_of(project)} {image['imageDigest']}\n"
    assert image["imageTags"] == [tag_of(project)]


def test_the_repository_scans_keeps_its_tags_and_drops_what_the_cache_leaves(project: Project, aws: Account) -> None:
    project.set(TAGS="team=pricing")

    project.verb("push")

    (created,) = aws.called("ecr:CreateRepository")
    assert created["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert created["imageTagMutabilityExclusionFilters"] == [{"filterType": "WILDCARD", "filter": "buildcache"}]
    assert created["imageScanningConfiguration"] == {"scanOnPush": True}
    assert sorted(created["tags"], key=str) == sorted(
        [*tags_of("my-model"), {"Key": "team", "Value": "pricing"}], key=str
    )
    (lifecycle,) = aws.called("ecr:PutLifecyclePolicy")
    rules = json.loads(lifecycle["lifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "tagged"]


def test_docker_pushes_with_a_configuration_of_its_own_to_the_daemon_that_the_user_has(
    project: Project, tmp_path: Path
) -> None:
    """The user's may name a helper that refuses docker login (amazon-ecr-credential-helper#102), or hold a login."""
    (tmp_path / "temporary").mkdir()
    name = f"{REGISTRY}/my-model:{tag_of(project)}"

    project.verb("push", TMPDIR=str(tmp_path / "temporary"))

    calls = project.docker_calls()
    assert ["--config", REGISTRY, "--host", "unix:///run/user/1000/docker.sock", "push", name] in calls
    assert not {"login", "logout"} & {word for call in calls for word in call}
    assert [*(tmp_path / "temporary").iterdir()] == []


def test_nothing_of_the_password_stays_after_a_push_that_failed(project: Project, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()

    line = refusal_after(project, STAND_IN_REFUSES="push", TMPDIR=str(tmp_path / "temporary"))

    assert line == "do/push: docker push failed: denied: refused by the test"
    assert [*(tmp_path / "temporary").iterdir()] == []


def test_the_number_of_the_account_is_not_shown_with_verbose(project: Project) -> None:
    done = project.verb("push", "-v")

    assert "docker --config" in done.stderr
    assert "123456789012" not in done.stdout + done.stderr


def refusal_after(project: Project, **environment: str) -> str:
    """The last line of a push that fails."""
    done = project.verb("push", **environment)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()[-1]


def test_a_second_push_of_the_same_changes_nothing(project: Project, aws: Account) -> None:
    first = project.verb("push")
    aws.calls.clear()

    second = project.verb("push")

    assert second.stdout == first.stdout
    assert "is already in the repository" in second.stderr
    assert aws.changes() == []


def test_a_repository_that_was_changed_by_hand_is_set_up_again(project: Project, aws: Account) -> None:
    project.verb("push")
    aws.client("ecr").put_image_tag_mutability(repositoryName="my-model", imageTagMutability="MUTABLE")
    aws.client("ecr").delete_lifecycle_policy(repositoryName="my-model")
    aws.calls.clear()

    project.verb("push")

    assert aws.changes() == ["ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy"]


def test_a_repository_of_somebody_else_is_left_alone(project: Project, aws: Account) -> None:
    aws.client("ecr").create_repository(repositoryName="my-model")

    line = refusal(project.verb("push"), 4)

    assert line.startswith("do/push: the repository my-model was not made by this project")
    assert aws.changes() == []


def test_a_dry_run_shows_each_call_without_the_account_and_makes_none(project: Project, aws: Account) -> None:
    done = project.verb("push", "--dry-run")

    assert re.findall(r"^would call (.*)", done.stdout, re.MULTILINE) == [
        "ecr CreateRepository",
        "ecr PutLifecyclePolicy",
    ]
    assert f"would push my-model:{tag_of(project)} to the repository my-model" in done.stdout
    assert aws.changes() == []
    assert "123456789012" not in done.stdout + done.stderr


def test_two_projects_in_one_account_have_repositories_of_their_own(make: Make, aws: Account) -> None:
    for name in ("first", "second"):
        assert make(project_name=name).verb("push").returncode == 0

    found = aws.client("ecr").describe_repositories()["repositories"]
    assert [repository["repositoryName"] for repository in found] == ["first", "second"]


@pytest.mark.parametrize(
    ("region", "registry"),
    [
        ("cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com"),
    ],
)
def test_the_registry_has_the_name_that_it_has_in_its_partition(
    project: Project, aws: Account, region: str, registry: str
) -> None:
    done = project.verb("push", AWS_REGION=region)

    assert done.returncode == 0, done.stderr
    (pushed,) = [call for call in project.docker_calls() if "push" in call]
    assert pushed[:2] == ["--config", registry]
    assert pushed[-1] == f"{registry}/my-model:{tag_of(project)}"
