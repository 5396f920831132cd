"""do/export writes what do/deploy sends, as a template that CloudFormation takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cfnlint
import pytest
import yaml

from tests.aws.conftest import Make, push
from tests.aws.service.account import ID, Account

CODES = ("E",)


def plain(value: Any) -> Any:
    """A value of the template with references left out of it: `...` is where the stack decides."""
    if isinstance(value, dict):
        if {"Ref", "Fn::GetAtt", "Fn::Sub"} & value.keys():
            return ...
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def differences(sent: Any, written: Any, place: str = "") -> list[str]:
    """Where the template says something else than a call."""
    if written is ...:
        return []
    if isinstance(sent, dict) and isinstance(written, dict):
        return [
            found
            for key in {**sent, **written}
            for found in differences(sent.get(key), written.get(key), f"{place}.{key}")
        ]
    if isinstance(sent, list) and isinstance(written, list) and len(sent) == len(written):
        pairs = enumerate(zip(sent, written, strict=True))
        return [found for index, pair in pairs for found in differences(*pair, f"{place}.{index}")]
    return [] if sent == written else [f"{place}: {sent} is {written}"]


@pytest.mark.parametrize("target", ["realtime", "async", "serverless", "inference_components"])
def test_the_template_has_what_do_deploy_sends_and_is_valid(
    make: Make, aws: Account, target: str, tmp_path: Path
) -> None:
    project = make(deploy_target=target)
    (project.path / "model" / "model.pkl").write_bytes(b"model")
    push(project, aws)
    before = len(aws.calls)
    exported = project.verb("export", "cloudformation", "--account", ID)
    assert exported.returncode == 0, exported.stderr
    assert len(aws.calls) == before
    template = yaml.safe_load(exported.stdout)
    assert project.verb("deploy").returncode == 0

    resources = template["Resources"]
    unnamed = {"Model": "ModelName", "EndpointConfig": "EndpointConfigName"}  # CloudFormation replaces them
    added = {"Endpoint": {"DeploymentConfig"}, "InferenceComponent": {"DeploymentConfig"}}  # for updates
    for name in ("Model", "EndpointConfig", "Endpoint", "InferenceComponent"):
        for sent in aws.called(f"sagemaker:Create{name}"):
            call = {key: value for key, value in sent.items() if key != unnamed.get(name)}
            written = {k: v for k, v in resources[name]["Properties"].items() if k not in added.get(name, ())}
            assert differences(call, plain(written)) == []
    policies = {row["PolicyName"] for row in aws.called("iam:PutRolePolicy")}
    assert {row["PolicyName"] for row in resources["SagemakerRole"]["Properties"]["Policies"]} == policies

    file = tmp_path / "template.json"
    file.write_text(json.dumps(template))
    found = cfnlint.lint_file(file, config={"regions": ["us-east-1"]})
    assert [str(match) for match in found if match.rule.id.startswith(CODES)] == []


def test_a_project_without_an_endpoint_has_no_template(make: Make) -> None:
    refused = make(deploy_target="batch").verb("export", "cloudformation")

    assert refused.returncode == 3
    assert "this project has no endpoint" in refused.stderr
