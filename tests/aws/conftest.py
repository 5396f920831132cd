"""Projects whose verbs work in an AWS account of the tests' own, see tests/aws/service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from extensions import document_verbs
from tests.aws import documents as applied
from tests.aws import replays
from tests.aws.kubernetes import kubectl
from tests.aws.kubernetes.api import TOKEN, Api
from tests.aws.runtime import Runtime
from tests.aws.service import backend
from tests.aws.service.account import REGION, SECRET_KEY, Account
from tests.aws.service.http_server import HttpServer
from tests.forks import Forks, started
from tests.rendering import PROJECT_ID, copy_project
from tests.verbs.conftest import stamp, train, verbs_environment
from tests.verbs.contract_server import running

__all__ = ["verbs_environment"]

Done = subprocess.CompletedProcess[str]
Render = Callable[..., Path]
Make = Callable[..., "Project"]
Equip = Callable[..., "Project"]
OnCluster = Callable[..., "Project"]

PERMISSIONS: dict[str, dict[str, str]] = document_verbs.TABLE["verbs"]

# what a user's own settings of AWS, or of the project, would change
OWN_VARIABLES = ("AWS_", "DO_", "MCC_", "BOTO_")

# what the verbs' environment is made of
REQUIREMENTS = Path(__file__).parents[2] / "template" / "{{project}}" / "do" / "requirements.txt"
# what stands in for docker: it notes its arguments and answers, and pushes into the account of the test
DOCKER = Path(__file__).with_name("stand_in_docker.py")

# what `aws eks get-token` prints, https://docs.aws.amazon.com/cli/latest/reference/eks/get-token.html
CREDENTIAL = {
    "kind": "ExecCredential",
    "apiVersion": "client.authentication.k8s.io/v1beta1",
    "spec": {},
    "status": {"expirationTimestamp": "2036-01-01T00:00:00Z", "token": TOKEN},
}


@dataclass
class Project:
    """A project, and the folder of programs that its verbs find first."""

    path: Path
    aws: Account
    url: str
    programs: Path
    forks: Forks
    verbs_environment: Path
    variables: dict[str, str] = field(default_factory=dict)
    region: str = REGION
    policies: tuple[str, ...] = ()  # the documents in iam/ that the caller has, where not all
    documents: list[applied.Document] = field(default_factory=list)  # that the caller has instead of them

    def verb(self, verb: str, *arguments: str, stdin: str = "", **environment: str) -> Done:
        """Run a verb to its end. The test fails where it asks for something that extensions/permissions.yml lacks."""
        self.link_environment()
        self.log_in(**environment)
        before = len(self.aws.calls)
        command = [f"do/{verb}", *arguments]
        done = self.forks.run(command, self.path, self.environment() | environment, stdin, timeout=120)
        undeclared = {call.name for call in self.aws.calls[before:]} - declared(verb)
        self.aws.wrong += [f"extensions/permissions.yml lacks {name} for {verb}" for name in sorted(undeclared)]
        return done

    def start(self, verb: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a verb, for those that a test ends."""
        self.link_environment()
        self.log_in()
        return subprocess.Popen(
            self.command(verb, *arguments),
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def link_environment(self) -> None:
        """Let verbs find their environment, also where do/clean has removed it: to install it takes long."""
        link = self.path / "do" / ".venv"
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(self.verbs_environment)

    def log_in(self, **environment: str) -> None:
        """Let the caller have the policies that an administrator has applied."""
        self.aws.caller.policies = self.documents or applied.of_callers(
            self.path, self.variables | environment, self.region, *self.policies
        )

    def command(self, verb: str, *arguments: str) -> list[str]:
        return [sys.executable, f"do/{verb}", *arguments]

    def environment(self) -> dict[str, str]:
        """What the verbs see: no settings but these."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)},
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIATESTING000000000",
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "DO_POLL_SECONDS": "0.02",
            "XDG_CACHE_HOME": str(self.programs / "cache"),
            **self.variables,
        }

    def set(self, **settings: str) -> None:
        """Change settings in do/config.env."""
        file = self.path / "do" / "config.env"
        lines = [line for line in file.read_text().splitlines() if line.partition("=")[0] not in settings]
        file.write_text("\n".join([*lines, *(f"{key}='{value}'" for key, value in settings.items())]) + "\n")

    def docker_calls(self) -> list[list[str]]:
        """The arguments of each call of the stand-in of docker, in order."""
        log = self.programs / "docker.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture(scope="session")
def http_server() -> Iterator[HttpServer]:
    """The server that the verbs take for AWS."""
    server = HttpServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def aws(http_server: HttpServer) -> Iterator[Account]:
    """An empty account. The test fails where a verb asked for something that AWS would not understand."""
    backend.reset()
    account = Account(http_server.url)
    http_server.respond = account.respond
    yield account
    http_server.respond = None
    assert account.wrong == []
    assert account.caller.denied == []


@pytest.fixture(scope="session")
def forks(verbs_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The Python whose forks run verbs."""
    with started(verbs_environment / "bin" / "python", tmp_path_factory.mktemp("forks"), "boto3") as forks:
        yield forks


@pytest.fixture
def equip(tmp_path: Path, verbs_environment: Path, http_server: HttpServer, aws: Account, forks: Forks) -> Equip:
    """A function that lets the verbs of the project in a folder, which may still be to come, work in the account."""

    def equip(path: Path, region: str = REGION) -> Project:
        stamp(verbs_environment, REQUIREMENTS)
        programs = tmp_path / f"{path.name}-programs"
        programs.mkdir()
        docker = programs / "docker"
        docker.write_text(f'#!/bin/sh\nexec {sys.executable} {DOCKER} "$@"\n')
        docker.chmod(0o755)
        variables = {"DOCKER_LOG": str(programs / "docker.jsonl")}
        project = Project(path, aws, http_server.url, programs, forks, verbs_environment, variables, region)
        project.link_environment()
        return project

    return equip


@pytest.fixture
def make(render: Render, tmp_path: Path, equip: Equip) -> Make:
    """A function that makes a project with these answers, in a folder of its name, whose verbs work in the account."""

    def make(folder: str = "", **answers: Any) -> Project:
        path = tmp_path / (folder or answers.get("project_name", "my-model"))
        copy_project(render(**answers), path)
        return equip(path, answers.get("aws_region", REGION))

    return make


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    yield server
    server.shutdown()
    server.server_close()
    assert server.wrong == []


@pytest.fixture
def on_cluster(aws: Account) -> OnCluster:
    """A function that lets a project have its image in ECR, settings, and kubectl and the AWS CLI on its machine."""

    def equip(project: Project, **settings: str) -> Project:
        try:
            program = kubectl.path()
        except kubectl.NotInstallable as why:
            pytest.skip(f"kubectl can't be installed here: {why}")
        (project.programs / "kubectl").symlink_to(program)
        aws_cli = project.programs / "aws"
        log = project.programs / "aws.log"
        aws_cli.write_text(f"#!/bin/sh\necho \"$@\" >> {log}\ncat <<'END'\n{json.dumps(CREDENTIAL)}\nEND\n")
        aws_cli.chmod(0o755)
        project.set(**settings)
        push(project, aws)
        return project

    return equip


@pytest.fixture
def project(make: Make) -> Project:
    """A project with a model, in an empty account."""
    made = make()
    (made.path / "model" / "model.pkl").write_bytes(b"model")
    return made


@pytest.fixture
def pushed(project: Project, aws: Account) -> Project:
    """A project whose image is in ECR."""
    push(project, aws)
    return project


def succeed(project: Project, verb: str, *arguments: str, stdin: str = "", **environment: str) -> str:
    done = project.verb(verb, *arguments, stdin=stdin, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def failure(project: Project, verb: str, code: int, *arguments: str) -> str:
    """The last line of a verb that fails, after those that tell how it went."""
    done = project.verb(verb, *arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def declared(verb: str) -> set[str]:
    """The requests that extensions/permissions.yml has for a verb, also those that a program asks along with one."""
    requests = PERMISSIONS.get(verb, {})
    along = [row["rights"] for request, row in document_verbs.TABLE["along"].items() if request in requests]
    return {*requests, *(right for rights in along for right in rights)}


def tags_of(name: str, project_id: str = PROJECT_ID) -> list[dict[str, str]]:
    """The tags of what a project of this name makes."""
    return [{"Key": "mcc-template:project", "Value": name}, {"Key": "mcc-template:id", "Value": project_id}]


@contextmanager
def in_service(project: Project, runtime: Runtime) -> Iterator[None]:
    """Let the endpoint of a project with the sample's model be InService, and answer as this runtime does."""
    replays.bring(project, "deploy")
    train(project.path)
    with running(runtime) as url:
        project.variables["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = url
        yield


def push(project: Project, aws: Account, architecture: str = "amd64") -> str:
    """Put the image of the project as it is now into ECR, as do/push does; its digest."""
    repository, _, tag = replays.image_of(project).partition(":")
    ecr = aws.client("ecr", project.region)
    with suppress(ecr.exceptions.RepositoryAlreadyExistsException):
        ecr.create_repository(repositoryName=repository, tags=tags_of(repository))
    return aws.put_image(repository, tag, project.region, architecture)
