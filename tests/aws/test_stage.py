"""do/stage copies a model from the Hub, of which the tests have a stand-in, to S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.aws import stand_in_hub
from tests.aws.conftest import Done, Make, Project, push
from tests.aws.service.account import Account
from tests.aws.stand_in_hub import COMMIT, NAME, TOKEN, Hub

PART = 16 * 1024**2
WEIGHTS = b"0123456789abcdef" * (PART // 16) + b"the second part"
FILES = {
    "README.md": b"# tiny",
    "config.json": b"{}",
    "tokenizer/vocab.json": b'{"a": 0}',
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same once more",
}
COPIED = {path: len(FILES[path]) for path in ("config.json", "tokenizer/vocab.json", "model.safetensors")}


@dataclass
class Staging:
    """A project whose model is on a Hub."""

    project: Project
    hub: Hub
    url: str
    aws: Account

    def stage(self, *arguments: str, **environment: str) -> Done:
        environment = {"HF_ENDPOINT": self.url, "HF_TOKEN_PATH": "/dev/null", "HF_TOKEN": ""} | environment
        return self.project.verb("stage", *arguments, **environment)

    def objects(self) -> dict[str, int]:
        """What is in the bucket, below the prefix of the model."""
        s3 = self.aws.client("s3")
        (bucket,) = [row["Name"] for row in s3.list_buckets()["Buckets"]]
        prefix = f"models/{NAME}/{COMMIT}/"
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {row["Key"].removeprefix(prefix): row["Size"] for row in found}


@pytest.fixture
def staging(make: Make, aws: Account) -> Iterator[Staging]:
    project = make(model_kind="generative", model_server="vllm", model_source="s3")
    project.set(NETWORK_ISOLATION="true")
    hub = Hub(dict(FILES), big=PART)
    with stand_in_hub.running(hub) as url:
        yield Staging(project, hub, url, aws)


def test_a_model_is_copied_as_it_is_and_deployed_from_there(staging: Staging) -> None:
    staging.hub.busy = 1
    staging.hub.uses = 1  # each address is good for one part
    done = staging.stage("--model-id", NAME)

    assert done.returncode == 0, done.stderr
    assert staging.objects() == COPIED
    assert "localhost answered 429: trying again" in done.stderr
    assert "copying model.safetensors, 17 MB" in done.stderr
    assert f"MODEL_DATA_URL={done.stdout.strip()}\n" in (staging.project.path / "do/config.env").read_text()
    assert done.stdout.strip().endswith(f"/models/{NAME}/{COMMIT}/")

    push(staging.project, staging.aws)
    deployed = staging.project.verb("deploy")
    assert deployed.returncode == 0, deployed.stderr
    (model,) = staging.aws.called("sagemaker:CreateModel")
    assert model["EnableNetworkIsolation"]
    assert model["PrimaryContainer"]["ModelDataSource"]["S3DataSource"] == {
        "S3Uri": done.stdout.strip(),
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }


def test_after_an_interruption_only_what_is_missing_is_sent(staging: Staging) -> None:
    staging.hub.files["model.safetensors"] = WEIGHTS[:PART] + b"a broken part.."
    listed = Hub.row

    def right(self: Hub, path: str) -> dict[str, object]:
        return listed(Hub(dict(FILES), big=PART), path)

    staging.hub.row = right.__get__(staging.hub)  # type: ignore[method-assign]
    broken = staging.stage("--model-id", NAME)
    staging.hub.files["model.safetensors"] = WEIGHTS
    staging.aws.calls.clear()
    again = staging.stage("--model-id", NAME)

    assert broken.returncode == 1
    assert broken.stderr.endswith(
        "model.safetensors arrived with another content than the Hub has: run do/stage again\n"
    )
    assert again.returncode == 0, again.stderr
    assert staging.objects() == COPIED
    assert staging.aws.changes() == ["s3:UploadPart", "s3:CompleteMultipartUpload"]


def test_a_gated_model_needs_a_token_which_goes_to_the_hub_alone(staging: Staging) -> None:
    staging.hub.gated = True
    refused = staging.stage("--model-id", NAME)
    taken = staging.stage("--model-id", NAME, "--include", "*.json", "--include", "*.safetensors", HF_TOKEN=TOKEN)

    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == (
        f"do/stage: {NAME} is gated: accept the model's license on its page, and set the variable HF_TOKEN to your "
        "token\n"
    )
    assert taken.returncode == 0, taken.stderr  # the address of big files refuses a token
    assert TOKEN not in taken.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--model-id", "org/other"], 5, "has no model org/other that you may read: check MODEL_ID"),
        (["--model-id", NAME, "--revision", "v9"], 5, f"{NAME} has no such revision: give a branch, a tag or a commit"),
        (["--model-id", NAME, "--include", "*.gguf"], 5, "no file fits *.gguf"),
        (["--model-id", NAME, "--dry-run"], 0, "3 files, 3 to copy"),
    ],
)
def test_nothing_is_copied_where_it_cannot_or_should_not_be(
    staging: Staging, arguments: list[str], code: int, line: str
) -> None:
    done = staging.stage(*arguments)

    assert done.returncode == code
    assert line in done.stderr
    assert staging.aws.changes() == []
