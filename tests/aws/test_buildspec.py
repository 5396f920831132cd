"""buildspec.yml is one that CodeBuild takes, and its commands build, push and cache as they should."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

Buildspec = dict[str, Any]

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
REPOSITORY = f"{REGISTRY}/my-model"
BUILD = {"REPOSITORY_URI": REPOSITORY, "IMAGE_TAG": "abc"}
KEY = "nvapi-key-of-the-tests"

# https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
COMMANDS = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
PHASE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["commands"],
    "properties": {
        "run-as": {"type": "string"},
        "on-failure": {"enum": ["ABORT", "CONTINUE", "RETRY"]},
        "commands": COMMANDS,
        "finally": COMMANDS,
    },
}
RULES = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "phases"],
    "properties": {
        "version": {"const": 0.2},
        "run-as": {"type": "string"},
        "env": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "shell": {"enum": ["bash", "/bin/sh", "powershell.exe", "cmd.exe"]},
                # CODEBUILD_ is CodeBuild's own
                "variables": {"type": "object", "propertyNames": {"pattern": "^(?!CODEBUILD_)"}},
                "parameter-store": {"type": "object"},
                "secrets-manager": {"type": "object"},
                "exported-variables": {"type": "array"},
                "git-credential-helper": {"enum": ["yes", "no"]},
            },
        },
        "phases": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "properties": dict.fromkeys(("install", "pre_build", "build", "post_build"), PHASE),
        },
        "artifacts": {"type": "object"},
        "reports": {"type": "object"},
        "cache": {"type": "object"},
        "batch": {"type": "object"},
        "proxy": {"type": "object"},
    },
}

# what stands in for docker and aws: it notes its arguments, and ends as the test says
STAND_IN = """\
#!{python}
import json, os, sys
name = os.path.basename(sys.argv[0])
stdin = sys.stdin.read() if "--password-stdin" in sys.argv else ""
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:]] + ([f"<{{stdin.strip()}}>"] if stdin else [])) + "\\n")
if sys.argv[1:3] == ["ecr", "get-login-password"]:
    print("password for " + sys.argv[-1])
if sys.argv[1:3] == ["buildx", "inspect"]:
    print("Driver: " + ("docker" if "buildx create" in os.environ["REFUSED"] else "docker-container"))
words = {{" ".join(sys.argv[1:3]), sys.argv[-1]}}
sys.exit(bool(words & {{*os.environ["REFUSED"].split(",")}}))
"""


class Builder:
    """Runs the phases of a buildspec as CodeBuild does, in one shell each, with stand-ins of docker and aws."""

    def __init__(self, folder: Path, buildspec: Buildspec) -> None:
        self.folder = folder
        self.buildspec = buildspec
        for name in ("docker", "aws"):
            program = folder / name
            program.write_text(STAND_IN.format(python=sys.executable))
            program.chmod(0o755)
        self.dockerfile("FROM scratch")

    def dockerfile(self, *lines: str) -> None:
        """What the image is built from."""
        (self.folder / "Dockerfile").write_text("".join(f"{line}\n" for line in lines))

    def run(self, refused: str = "", **variables: str) -> str:
        """The name of the phase that fails; empty where all end well."""
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "REFUSED": refused,
            **variables,
        }
        for name in ("install", "pre_build", "build", "post_build"):
            for command in self.buildspec["phases"].get(name, {}).get("commands", []):
                shell = self.buildspec["env"]["shell"]
                done = subprocess.run([shell, "-c", command], env=environment, cwd=self.folder, capture_output=True)
                if done.returncode:
                    return name
        return ""

    def calls(self) -> list[list[str]]:
        """What docker and aws were called with, in order."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def logins(self) -> list[tuple[str, str, str]]:
        """The registry, the user and the password of each login, in order."""
        calls = (call for call in self.calls() if call[:2] == ["docker", "login"])
        return [(call[-2], call[call.index("--username") + 1], call[-1].strip("<>")) for call in calls]

    def build(self) -> list[str]:
        """The arguments of the one build."""
        (found,) = [call for call in self.calls() if call[1:3] == ["buildx", "build"]]
        return found


@pytest.fixture
def buildspec(render: Callable[..., Path]) -> Buildspec:
    """The buildspec of a project."""
    return dict(yaml.safe_load((render() / "buildspec.yml").read_text()))


@pytest.fixture
def builder(buildspec: Buildspec, tmp_path: Path) -> Builder:
    return Builder(tmp_path, buildspec)


def test_it_keeps_codebuilds_rules(buildspec: Buildspec) -> None:
    validator = jsonschema.Draft202012Validator(RULES)

    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(buildspec)] == []


def test_a_failure_ends_the_build(buildspec: Buildspec) -> None:
    """CodeBuild goes on with post_build after a build that failed, unless it is told otherwise."""
    assert {phase["on-failure"] for phase in buildspec["phases"].values()} == {"ABORT"}


def test_the_image_is_pushed_with_a_manifest_that_sagemaker_takes(builder: Builder) -> None:
    assert builder.run(**BUILD) == ""

    build = builder.build()
    assert {"--provenance=false", "--sbom=false"} <= {*build}
    assert build[build.index("--output") + 1] == f"type=image,name={REPOSITORY}:abc,push=true,oci-mediatypes=false"
    assert build[-1] == "."


def test_layers_are_kept_in_the_repository_in_the_form_that_ecr_takes(builder: Builder) -> None:
    builder.run(**BUILD)

    build = builder.build()
    place = f"type=registry,ref={REPOSITORY}:buildcache"
    assert build[build.index("--cache-from") + 1] == place
    assert build[build.index("--cache-to") + 1] == f"{place},mode=max,image-manifest=true,oci-mediatypes=true"


def test_a_rebuild_takes_the_newest_base_image_and_no_layer_from_before(builder: Builder) -> None:
    builder.run(**BUILD, REBUILD="true")

    assert {"--pull", "--no-cache"} <= {*builder.build()}
    assert not [word for word in builder.build() if word.startswith("--cache")]


def test_where_the_builder_that_caches_cannot_be_had_the_image_is_built_without(builder: Builder) -> None:
    assert builder.run(refused="buildx create", **BUILD) == ""

    assert ["docker", "buildx", "use", "default"] in builder.calls()
    assert not [word for word in builder.build() if word.startswith("--cache")]


def test_the_password_goes_through_standard_input(builder: Builder) -> None:
    builder.run(**BUILD)

    login = ["docker", "login", "--username", "AWS", "--password-stdin", REGISTRY, "<password for us-east-1>"]
    assert login in builder.calls()


def test_it_logs_in_once_to_each_registry_of_ecr_in_its_own_region(builder: Builder) -> None:
    builder.dockerfile(
        "# such as 999999999999.dkr.ecr.eu-west-1.amazonaws.com/not-used",
        "ARG BASE_IMAGE=763104351884.dkr.ecr.us-west-2.amazonaws.com/djl-inference:0.36.0",
        f"FROM {REPOSITORY}-base:1 AS own",
        "FROM 727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/tools@sha256:0 AS tools",
        "FROM public.ecr.aws/docker/library/python:3.12 AS python",
        "FROM ${BASE_IMAGE}",
    )

    assert builder.run(**BUILD) == ""

    assert builder.logins() == [
        (REGISTRY, "AWS", "password for us-east-1"),
        ("727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn", "AWS", "password for cn-north-1"),
        ("763104351884.dkr.ecr.us-west-2.amazonaws.com", "AWS", "password for us-west-2"),
    ]


def test_the_key_for_nvidias_registry_goes_through_standard_input_only(builder: Builder) -> None:
    assert builder.run(**BUILD, NGC_API_KEY=KEY) == ""

    assert builder.logins()[-1] == ("nvcr.io", "$oauthtoken", KEY)
    assert not [call for call in builder.calls() for word in call[:-1] if KEY in word]


def test_without_a_key_nobody_logs_in_to_nvidias_registry(builder: Builder) -> None:
    builder.run(**BUILD)

    assert [registry for registry, _, _ in builder.logins()] == [REGISTRY]


@pytest.mark.parametrize("refused", [REGISTRY, "763104351884.dkr.ecr.us-west-2.amazonaws.com", "nvcr.io"])
def test_a_login_that_is_refused_ends_the_build_before_anything_is_built(builder: Builder, refused: str) -> None:
    builder.dockerfile("FROM 763104351884.dkr.ecr.us-west-2.amazonaws.com/djl-inference:0.36.0")

    assert builder.run(refused, **BUILD, NGC_API_KEY=KEY) == "pre_build"
    assert not [call for call in builder.calls() if call[1] == "buildx"]


def test_a_build_that_fails_fails_in_its_phase(builder: Builder) -> None:
    assert builder.run(refused="buildx build", **BUILD) == "build"


@pytest.mark.parametrize("missing", ["REPOSITORY_URI", "IMAGE_TAG"])
def test_a_build_that_is_not_told_where_to_push_fails_before_anything_is_built(builder: Builder, missing: str) -> None:
    given = {name: value for name, value in BUILD.items() if name != missing}

    assert builder.run(**given) == "pre_build"
    assert builder.calls() == []


def test_it_uses_only_variables_that_the_verb_or_the_project_sets(buildspec: Buildspec) -> None:
    text = " ".join(command for phase in buildspec["phases"].values() for command in phase["commands"])

    assert {*re.findall(r"\$\{?([A-Z_]+)", text)} == {*BUILD, "NGC_API_KEY", "REBUILD"}
