"""LoRA adapters as inference components: added, asked, listed, replaced and removed, and in the way of their base."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.aws.conftest import Make, Project, failure, push, succeed, tags_of
from tests.aws.replays import bring
from tests.aws.runtime import COMPONENT, ComponentRuntime
from tests.aws.service.account import Account
from tests.aws.test_clean import has
from tests.verbs.conftest import refusal
from tests.verbs.contract_server import JSON, Reply, Request, running, typed

SUPPORT = "my-model-adapter-support"
ANSWER = {"choices": [{"message": {"content": "Aye!"}}]}
LORA = {
    "deploy_target": "inference_components",
    "model_kind": "generative",
    "model_server": "vllm",
    "model_id": "Qwen/Qwen3-4B",
    "enable_lora": True,
}


class Engine:
    """What the container is: each request has the same answer."""

    def answer(self, request: Request) -> Reply:
        return Reply(200, json.dumps(ANSWER).encode(), typed(JSON))


@pytest.fixture
def project(make: Make, aws: Account) -> Project:
    """A project whose endpoint is InService, and whose engine takes adapters."""
    made = make(**LORA)
    push(made, aws)
    bring(made, "deploy")
    aws.calls.clear()
    return made


def adapter(folder: Path, weights: bytes = b"weights", **config: Any) -> Path:
    """A folder with an adapter as PEFT saves one, and what training leaves beside it."""
    folder.mkdir(exist_ok=True)
    found = {"peft_type": "LORA", "r": 8, "base_model_name_or_path": "Qwen/Qwen3-4B", **config}
    (folder / "adapter_config.json").write_text(json.dumps(found))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    (folder / "optimizer.pt").write_bytes(b"much")
    return folder


def packed(file: Path, folder: Path, name: str) -> Path:
    """An archive of a folder, which is called so in it."""
    with tarfile.open(file, "w:gz") as archive:
        archive.add(folder, name)
    return file


def archives(aws: Account) -> list[str]:
    """What was uploaded for the adapter, the versions from before left out."""
    s3 = aws.client("s3")
    bucket = s3.list_buckets()["Buckets"][0]["Name"]
    found = s3.list_objects_v2(Bucket=bucket, Prefix="models/adapters/support/").get("Contents", ())
    return [f"s3://{bucket}/{row['Key']}" for row in found]


def made(aws: Account) -> list[str]:
    """What was done to components, in order."""
    names = ("sagemaker:CreateInferenceComponent", "sagemaker:DeleteInferenceComponent")
    return [f"{call.operation} {call.parameters['InferenceComponentName']}" for call in aws.calls if call.name in names]


def test_an_adapter_is_added_asked_listed_and_removed(aws: Account, project: Project, tmp_path: Path) -> None:
    source = str(adapter(tmp_path / "support"))
    succeed(project, "adapter", "add", "support", source, "--dry-run")
    assert aws.changes() == []

    assert f"{SUPPORT} is InService" in succeed(project, "adapter", "add", "support", source)

    (created,) = aws.called("sagemaker:CreateInferenceComponent")
    (archive,) = archives(aws)
    assert created["Specification"] == {
        "BaseInferenceComponentName": "my-model",
        "Container": {"ArtifactUrl": archive},
    }
    assert created["Tags"] == tags_of("my-model")
    runtime = ComponentRuntime(Engine(), aws)
    with running(runtime) as url:
        project.variables["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = url
        assert json.loads(succeed(project, "invoke", "--endpoint", "--adapter", "support", "Hello")) == ANSWER
    assert runtime.requests[-1].headers[COMPONENT] == SUPPORT
    assert succeed(project, "adapter", "list").split() == ["support", "InService", archive]

    succeed(project, "adapter", "add", "legal", archive)  # one that is in the bucket
    assert f"adapter  {SUPPORT}  InService, {archive}" in succeed(project, "status")

    assert f"{SUPPORT} is gone" in succeed(project, "adapter", "remove", "support")
    assert archives(aws) == []
    assert "there is no adapter support: nothing to remove" in succeed(project, "adapter", "remove", "support")
    aws.calls.clear()
    succeed(project, "clean", "--all", "--yes")
    assert made(aws) == [
        "DeleteInferenceComponent my-model-adapter-legal",
        "DeleteInferenceComponent my-model",
    ]
    assert has(aws) == []


def test_run_again_after_an_interruption_it_goes_on(aws: Account, project: Project, tmp_path: Path) -> None:
    add = ("adapter", "add", "support", str(packed(tmp_path / "a.tar.gz", adapter(tmp_path / "support"), ".")))
    aws.refuse("sagemaker:CreateInferenceComponent")
    failure(project, "adapter", 4, *add[1:])
    aws.components.end("Failed", "The adapter could not be loaded.")
    assert f"{SUPPORT} is Failed (The adapter could not be loaded.)" in failure(project, "adapter", 4, *add[1:])
    aws.components.end("InService")
    aws.calls.clear()
    aws.lose_answer("sagemaker:CreateInferenceComponent")

    succeed(project, *add)
    assert "nothing to change" in succeed(project, *add)

    assert made(aws)[:2] == [f"DeleteInferenceComponent {SUPPORT}", f"CreateInferenceComponent {SUPPORT}"]
    assert aws.changes().count("s3:PutObject") == 0  # the first run sent it
    (before,) = archives(aws)
    aws.refuse("s3:DeleteObject")
    changed = str(adapter(tmp_path / "support", b"other weights"))
    failure(project, "adapter", 4, "add", "support", changed)
    succeed(project, "adapter", "add", "support", changed)
    (after,) = archives(aws)
    assert after != before
    assert aws.components.components[SUPPORT]["Specification"]["Container"]["ArtifactUrl"] == after

    # a base that has failed can't be replaced below its adapters
    aws.components.components["my-model"]["steps"][0]["status"] = "Failed"
    assert refusal(project.verb("adapter", *add[1:]), 2).endswith("is Failed with 1 copies: run do/deploy")
    assert failure(project, "deploy", 1) == (
        "do/deploy: the inference component my-model has to be replaced, and SageMaker deletes none with adapters: run "
        "do/adapter remove support, do/deploy, and add them again"
    )
    # nothing that has lost the project's tags is touched, or shown
    aws.endpoints.tags[aws.components.components[SUPPORT]["InferenceComponentArn"]].clear()
    assert "was not made by this project" in failure(project, "adapter", 4, "remove", "support")
    assert succeed(project, "adapter", "list") == "my-model has no adapters\n"


def test_what_sagemaker_or_the_engine_would_refuse_is_refused_before(
    aws: Account, project: Project, tmp_path: Path
) -> None:
    folder = adapter(tmp_path / "good")
    nested = packed(tmp_path / "nested.tar.gz", folder, "support")
    (adapter(tmp_path / "linked") / "link").symlink_to("adapter_config.json")
    linked = packed(tmp_path / "linked.tar.gz", tmp_path / "linked", ".")
    (tmp_path / "text.tar.gz").write_text("no archive")
    refused = {
        str(tmp_path / "nothing"): "there is no adapter in",
        str(nested): "there is no adapter in",
        str(linked): "linked.tar.gz holds links, which SageMaker refuses: pack files",
        str(tmp_path / "text.tar.gz"): "text.tar.gz is no .tar.gz",
        str(adapter(tmp_path / "high", r=24)): "has rank 24, and the engine takes 16 at most: set max-lora-rank: 32 in",
        str(adapter(tmp_path / "dora", use_dora=True)): "it is DoRA, not LoRA alone",
        "s3://theirs/folder/": "s3://theirs/folder/ is no .tar.gz",
        "s3://theirs/a.tar.gz": "the role of do/deploy can't read s3://theirs/a.tar.gz: copy it to s3://my-model-",
    }
    for path, why in refused.items():
        done = project.verb("adapter", "add", "support", path)
        assert (done.returncode in (3, 5), why in done.stderr.splitlines()[-1]) == (True, True), done.stderr
    line = refusal(project.verb("adapter", "add", "a" * 47, str(folder)), 3)
    assert "can't be an adapter's name: choose at most 46 letters, digits and hyphens" in line
    engine = project.path / "serving/engine.yml"
    engine.write_text(engine.read_text().replace("enable-lora: true", "enable-lora: false"))
    assert "run do/update --keep-version --data enable_lora=true" in refusal(
        project.verb("adapter", "add", "support", str(folder)), 3
    )
    assert aws.changes() == []
