"""do/push keeps the image of the project as it is now in a repository of the project's own."""

from __future__ import annotations

import json
import re

import pytest

from tests.aws.conftest import Make, Project
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
    assert {tag["Key"]: tag["Value"] for tag in created["tags"]} == {
        "mcc-template:project": "my-model",
        "team": "pricing",
    }
    (lifecycle,) = aws.called("ecr:PutLifecyclePolicy")
    rules = json.loads(lifecycle["lifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "tagged"]


def test_the_password_is_on_no_command_line_and_docker_forgets_it(project: Project) -> None:
    project.verb("push")

    calls = project.docker_calls()
    login = calls.index(["login", "--username", "AWS", "--password-stdin", REGISTRY, "<password>"])
    assert calls.index(["logout", REGISTRY]) > login
    assert not [call for call in calls if "--password" in call]


def test_docker_forgets_the_password_after_a_push_that_failed_too(project: Project) -> None:
    line = refusal_after(project, STAND_IN_REFUSES="push")

    assert line == "do/push: docker push failed: denied: refused by the test"
    assert project.docker_calls()[-1] == ["logout", REGISTRY]


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
    assert "is in the repository already" in second.stderr
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
    assert ["push", f"{registry}/my-model:{tag_of(project)}"] in project.docker_calls()
