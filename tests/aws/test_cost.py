"""do/cost and the plan of do/deploy say what a project costs, and do/deploy keeps to MAX_MONTHLY_COST."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.aws.conftest import Make, Project, push
from tests.aws.service.account import Account
from tests.verbs.conftest import refusal

G6E = "ml.g6e.2xlarge"
# $2.8026 an hour of hosting in us-east-1, by AWS's price list of 2026-09-20 (usage type USE1-Host:ml.g6e.2xlarge)
G6E_LISTED = ("us-east-1", G6E, "2.8026000000")
TODAY = datetime.now(timezone.utc).date()


def table(project: Project, **settings: str) -> tuple[str, dict[str, list[str]]]:
    """The first line of do/cost, and the cells of each row by its name."""
    done = project.verb("cost", **settings)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    rows = [line.split("  ", 1) for line in lines[2 : lines.index("", 2)]]
    return first, {name: cells.split() for name, cells in rows}


def cache(project: Project, instance_type: str = "ml.m5.large", region: str = "us-east-1") -> Path:
    return project.programs / "cache" / "mcc-template" / "prices" / region / f"{instance_type}.json"


def last_line(project: Project, **settings: str) -> str:
    return project.verb("deploy", **settings).stderr.splitlines()[-1]


# what it adds up, worked out by hand


def test_a_real_time_endpoint_costs_its_instances_around_the_clock(aws: Account, project: Project) -> None:
    """2.8026 x 730 = 2045.898, and three times that is 6137.694."""
    aws.prices.hosting.append(G6E_LISTED)

    first, rows = table(project, INSTANCE_TYPE=G6E, MIN_INSTANCES="1", MAX_INSTANCES="3")

    assert first == f"{G6E} in us-east-1: $2.8026 an hour (AWS's price list of {TODAY}, real-time hosting)"
    assert rows == {"at rest": ["1", "$2.8026", "$2,045.90"], "at most": ["3", "$8.4078", "$6,137.69"]}


def test_an_asynchronous_endpoint_can_cost_nothing_at_rest(make: Make) -> None:
    """0.115 x 730 = 83.95."""
    project = make(deploy_target="async")

    assert table(project, MIN_INSTANCES="0", MAX_INSTANCES="2")[1] == {
        "at rest": ["0", "$0.00", "$0.00"],
        "at most": ["2", "$0.23", "$167.90"],
    }
    assert table(project)[1] == {
        "at rest": ["1", "$0.115", "$83.95"],
        "at most": ["1", "$0.115", "$83.95"],
        "at rest with MIN_INSTANCES=0": ["0", "$0.00", "$0.00"],
    }


def test_inference_components_cost_their_instances_however_many_copies_there_are(make: Make) -> None:
    project = make(deploy_target="inference_components")

    assert table(project, MAX_COPIES="8", MAX_INSTANCES="2")[1] == {
        "at rest": ["1", "$0.115", "$83.95"],
        "at most": ["2", "$0.23", "$167.90"],
        "at rest with MIN_INSTANCES=0 and MIN_COPIES=0": ["0", "$0.00", "$0.00"],
    }


def test_transform_jobs_cost_nothing_at_rest_and_have_only_the_owners_price(aws: Account, make: Make) -> None:
    project = make(deploy_target="batch", instance_prices={"ml.m5.large": 0.115})

    assert table(project, TRANSFORM_INSTANCES="2")[1] == {
        "at rest": ["0", "$0.00", "$0.00"],
        "while a job runs": ["2", "$0.23"],
    }
    first, rows = table(project, INSTANCE_TYPE="ml.m5.xlarge")
    assert first.startswith("no price known for transform jobs on ml.m5.xlarge in us-east-1: run do/update ")
    assert rows["while a job runs"] == ["1", "unknown"]
    assert aws.calls == []


def test_a_serverless_endpoint_costs_nothing_at_rest_unless_containers_are_kept_ready(make: Make) -> None:
    project = make(deploy_target="serverless")

    first, rows = table(project)

    assert first.startswith(
        "no price known for a serverless endpoint with MEMORY_SIZE_MB=2048 in us-east-1: see https:"
    )
    assert rows == {"at rest": ["0", "$0.00", "$0.00"], "while requests are answered": ["5", "unknown"]}
    assert table(project, PROVISIONED_CONCURRENCY="1")[1]["at rest"] == ["1", "unknown", "unknown"]


# where the price comes from


def test_the_owners_price_is_taken_before_awss(aws: Account, project: Project) -> None:
    known = project.path / "do" / "lib" / "prices.json"
    known.write_text(json.dumps(json.loads(known.read_text()) | {"own": {"ml.m5.large": 0.1}}))

    first, rows = table(project)

    assert first == "ml.m5.large in us-east-1: $0.10 an hour (your answer instance_prices)"
    assert rows["at most"] == ["1", "$0.10", "$73.00"]
    assert aws.calls == []


@pytest.mark.parametrize(("days", "requests"), [(6, 0), (7, 1)])
def test_a_price_is_kept_for_a_week(aws: Account, project: Project, days: int, requests: int) -> None:
    table(project)
    kept = cache(project)
    said = (TODAY - timedelta(days=days)).isoformat()
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"date": said}))
    aws.calls.clear()

    first, _ = table(project)

    assert len(aws.calls) == requests
    assert f"AWS's price list of {TODAY if requests else said}" in first


def test_a_cache_that_makes_no_sense_is_written_again(project: Project) -> None:
    cache(project).parent.mkdir(parents=True)
    cache(project).write_text('{"usd": "x", "date": "2026-01-01"}')

    assert "$0.115 an hour" in table(project)[0]
    assert json.loads(cache(project).read_text()) == {"usd": 0.115, "date": TODAY.isoformat()}


def test_a_cache_that_cannot_be_written_is_done_without(project: Project) -> None:
    done = project.verb("cost", XDG_CACHE_HOME=os.devnull)

    assert (done.returncode, done.stdout.splitlines()[0].partition(" (")[0]) == (
        0,
        "ml.m5.large in us-east-1: $0.115 an hour",
    )
    assert done.stderr == "note: the price can't be kept in /dev/null/mcc-template/prices/us-east-1 (Not a directory)\n"


@pytest.mark.parametrize(("region", "asked"), [("eu-west-1", "us-east-1"), ("eu-central-1", "eu-central-1")])
def test_the_price_list_is_asked_where_it_is_served(aws: Account, project: Project, region: str, asked: str) -> None:
    aws.prices.hosting.append((region, "ml.m5.large", "0.1280000000"))

    first, _ = table(project, AWS_REGION=region)

    assert [call.region for call in aws.calls] == [asked]
    assert f"ml.m5.large in {region}: $0.128 an hour" in first


def test_another_partition_has_no_price_list_in_dollars(aws: Account, project: Project) -> None:
    assert "no price known for ml.m5.large in cn-north-1: run do/update" in table(project, AWS_REGION="cn-north-1")[0]
    assert aws.calls == []


def test_prices_that_differ_say_nothing_certain(aws: Account, project: Project) -> None:
    """The second one is on the second page."""
    aws.prices.page = 1
    aws.prices.hosting.append(("us-east-1", "ml.m5.large", "0.1610000000"))

    assert "no price known" in table(project)[0]
    assert [call.get("NextToken") for call in aws.called("pricing:GetProducts")] == [None, "1"]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_without_the_right_to_read_it_the_dated_copy_counts_in_its_region(
    aws: Account, project: Project, region: str
) -> None:
    """ml.c6i.xlarge has $0.204 in extensions/catalog/prices.yml, and 0.204 x 730 = 148.92."""
    aws.refuse("pricing:GetProducts")

    done = project.verb("cost", INSTANCE_TYPE="ml.c6i.xlarge", AWS_REGION=region)

    assert done.returncode == 0
    assert (
        "note: AWS's price list can't be read here (you are not allowed to call pricing:GetProducts: ask an "
        "administrator for iam/caller.json, which do/iam prints (pricing:GetProducts is refused))"
    ) in done.stderr.splitlines()
    if region == "us-east-1":
        assert "$0.204 an hour (the template's copy of AWS's price list of 2026-09-27" in done.stdout
        assert "$148.92" in done.stdout
    else:
        assert "no price known for ml.c6i.xlarge in eu-west-1" in done.stdout
    assert not cache(project, "ml.c6i.xlarge", region).exists()


@pytest.mark.parametrize(
    "broken", [{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}]
)
def test_without_aws_an_unknown_price_is_an_answer(project: Project, broken: dict[str, str]) -> None:
    first, rows = table(project, **broken)

    assert first == (
        "no price known for ml.m5.large in us-east-1: run do/update --keep-version --data "
        "'instance_prices={ml.m5.large: DOLLARS_AN_HOUR}' with the price from https://aws.amazon.com/sagemaker/ai/pricing"
    )
    assert rows == {"at rest": ["1", "unknown", "unknown"], "at most": ["1", "unknown", "unknown"]}


# the plan of do/deploy, and its limit


@pytest.fixture
def pushed(project: Project, aws: Account) -> Project:
    """A project that costs $83.95 a month at least and $251.85 at most, with its image in ECR."""
    project.set(MIN_INSTANCES="1", MAX_INSTANCES="3")
    push(project, aws)
    return project


LINE = (
    "cost: at rest $83.95 a month, at most $251.85 a month; ml.m5.large in us-east-1: $0.115 an hour (AWS's price list "
    f"of {TODAY}, real-time hosting)"
)


def test_a_dry_run_says_what_the_deployment_costs_and_changes_nothing(aws: Account, pushed: Project) -> None:
    done = pushed.verb("deploy", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert LINE in done.stderr.splitlines()
    assert aws.changes() == []


def test_the_plan_of_batch_transform_says_what_an_hour_of_a_job_costs(aws: Account, make: Make) -> None:
    project = make(deploy_target="batch", instance_prices={"ml.m5.large": 0.115})
    push(project, aws)

    assert (
        "cost: at rest $0.00 a month, while a job runs $0.115 an hour; transform jobs on ml.m5.large in us-east-1: "
        "$0.115 an hour (your answer instance_prices)"
    ) in project.verb("deploy", "--dry-run").stderr.splitlines()


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_above_the_limit_it_refuses_if_nobody_can_be_asked(
    aws: Account, pushed: Project, arguments: tuple[str, ...]
) -> None:
    pushed.set(MAX_MONTHLY_COST="251")

    done = pushed.verb("deploy", *arguments)

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "do/deploy: it can cost $251.85 a month, more than MAX_MONTHLY_COST=251: run do/config set MAX_INSTANCES "
        "with less, or MAX_MONTHLY_COST with more"
    )
    assert aws.changes() == []
    assert "note: it can cost $251.85 a month, more than MAX_MONTHLY_COST=251" in pushed.verb("cost").stdout


def test_json_of_a_refusal_has_its_reason(aws: Account, pushed: Project) -> None:
    pushed.set(MAX_MONTHLY_COST="1")

    done = pushed.verb("deploy", "--json")

    assert (done.returncode, json.loads(done.stdout)["error"].partition(":")[0]) == (
        3,
        "it can cost $251.85 a month, more than MAX_MONTHLY_COST=1",
    )
    assert aws.changes() == []


def test_within_the_limit_it_goes_on(pushed: Project) -> None:
    pushed.set(MAX_MONTHLY_COST="252")

    done = pushed.verb("deploy", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "would call sagemaker CreateEndpoint\n" in done.stdout


def test_a_limit_that_cannot_be_checked_is_exceeded(aws: Account, pushed: Project) -> None:
    aws.prices.hosting = []
    pushed.set(MAX_MONTHLY_COST="1000")

    assert last_line(pushed) == (
        "do/deploy: no price known for ml.m5.large in us-east-1, so it may cost more than MAX_MONTHLY_COST=1000: run "
        "do/update --keep-version --data 'instance_prices={ml.m5.large: DOLLARS_AN_HOUR}' with the price from https://aws.amazon.com/sagemaker/ai/pricing"
    )
    assert aws.changes() == []


def at_a_terminal(project: Project, answer: str) -> subprocess.CompletedProcess[str]:
    """What do/deploy ends with if it is answered at a terminal."""
    project.log_in()
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    try:
        return subprocess.run(
            project.command("deploy"),
            cwd=project.path,
            env=project.environment(),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_at_a_terminal_it_asks_and_no_changes_nothing(aws: Account, pushed: Project) -> None:
    pushed.set(MAX_MONTHLY_COST="251")

    done = at_a_terminal(pushed, "n")

    assert (done.returncode, done.stdout) == (1, "Deploy it all the same? [y/N] ")
    assert done.stderr.splitlines()[-2:] == [
        "it can cost $251.85 a month, more than MAX_MONTHLY_COST=251",
        "do/deploy: nothing was changed",
    ]
    assert aws.changes() == []


def test_yes_deploys_and_what_is_deployed_is_not_asked_about_again(aws: Account, pushed: Project) -> None:
    """The first request is answered as if another verb had made the endpoint, so the plan is made twice."""
    pushed.set(MAX_MONTHLY_COST="251")
    aws.refuse(
        "sagemaker:CreateEndpoint", code="ValidationException", message="Cannot create already existing endpoint"
    )

    done = at_a_terminal(pushed, "y")

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[y/N]") == 1
    assert len(aws.called("sagemaker:CreateEndpoint")) == 2
    assert "nothing to change" in pushed.verb("deploy").stdout


def test_an_organizations_policy_can_hold_the_limit(aws: Account, pushed: Project) -> None:
    rule: dict[str, Any] = {"fixed": 500, "reason": "More needs an approval."}
    policy = {
        "title": "acme 3",
        "source": "p.yml",
        "digest": "0",
        "questions": {},
        "settings": {"MAX_MONTHLY_COST": rule},
    }
    (pushed.path / "do" / "lib" / "policy.json").write_text(json.dumps(policy))
    pushed.set(MAX_MONTHLY_COST="500")

    assert pushed.verb("deploy", "--dry-run").returncode == 0
    line = refusal(pushed.verb("deploy", MAX_MONTHLY_COST="9999"), 3)
    assert "MAX_MONTHLY_COST=9999 (environment): More needs an approval. (policy acme 3); it is always 500" in line
    pushed.set(MAX_INSTANCES="10")
    done = at_a_terminal(pushed, "y")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith("more than MAX_MONTHLY_COST=500: run do/config set MAX_INSTANCES with less\n")
    assert aws.changes() == []
