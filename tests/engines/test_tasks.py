"""Tasks beside chat: the checks that are about each, the requests of do/invoke, and what a wrong answer fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engines.conftest import equip
from tests.engines.contract_server import Document, Refusal, RightServer, running
from tests.engines.test_contract import checks, verb
from tests.rendering import copy_project

ProjectFor = Callable[[str], Path]


class TaskServer(RightServer):
    """Takes one kind of request, and keeps the last that it took."""

    field = ""
    taken: Document

    def check(self, request: Document) -> None:
        if self.field not in request or len(str(request)) > 100_000:
            raise Refusal(f"{self.field} is missing")
        self.taken = request

    def answer(self, request: Document) -> Document:
        return self.result(request)

    def result(self, request: Document) -> Document:
        raise NotImplementedError


class Embeddings(TaskServer):
    field = "input"

    def result(self, request: Document) -> Document:
        vectors = [[float(len(text)), 1.0] for text in request["input"]]
        return {"data": [{"index": number, "embedding": vector} for number, vector in enumerate(vectors)]}


class OneVectorForAll(Embeddings):
    def result(self, request: Document) -> Document:
        return {"data": [{**row, "embedding": [1.0, 1.0]} for row in super().result(request)["data"]]}


class Rerank(TaskServer):
    field = "documents"

    def result(self, request: Document) -> Document:
        return {"results": [{"index": n, "relevance_score": 0.5} for n, _ in enumerate(request["documents"])]}


class ForgetsADocument(Rerank):
    def result(self, request: Document) -> Document:
        return {"results": super().result(request)["results"][:-1]}


class Vision(RightServer):
    taken: Document
    context = 10_000

    def check(self, request: Document) -> None:
        super().check(request)
        self.taken = request


class Transcription(TaskServer):
    field = "file"

    def content_type(self, value: str) -> None:
        if not value.startswith("multipart/form-data; boundary="):
            raise Refusal("only multipart/form-data")

    def parse(self, body: bytes) -> Document:
        return {"file": body.count(b"RIFF"), "model": b"Qwen/Qwen3-8B" in body}

    def result(self, request: Document) -> Document:
        return {"text": "silence"}


class SaysNothing(Transcription):
    def result(self, request: Document) -> Document:
        return {}


@pytest.fixture
def project_for(render: Callable[..., Path], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> ProjectFor:
    """A function that makes a vLLM project for a task, with a picture and a recording in it."""

    def make(task: str) -> Path:
        answers = {"model_kind": "generative", "model_server": "vllm", "model_id": "Qwen/Qwen3-8B", "task": task}
        path = copy_project(render(**answers), tmp_path / "project")
        equip(path, tmp_path_factory.getbasetemp() / "verbs")
        (path / "photo.jpg").write_bytes(b"a picture")
        (path / "speech.wav").write_bytes(b"RIFF")
        return path

    return make


RIGHT: dict[str, tuple[type[Any], list[str], str, Callable[[Any], bool]]] = {
    "embeddings": (Embeddings, ["a", "b c"], "3.0", lambda taken: taken["input"] == ["a", "b c"]),
    "rerank": (Rerank, ["q", "a", "b"], "relevance_score", lambda taken: taken["documents"] == ["a", "b"]),
    "vision": (
        Vision,
        ["--image", "photo.jpg", "--max-tokens", "3", "What?"],
        "aaa",
        lambda taken: taken["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/jpeg;base64,"),
    ),
    "transcription": (Transcription, ["--audio", "speech.wav"], "silence", lambda taken: taken["model"]),
}


@pytest.mark.parametrize("task", RIGHT)
def test_a_task_has_its_checks_and_requests(project_for: ProjectFor, task: str) -> None:
    kind, arguments, answer, is_right = RIGHT[task]
    path, server = project_for(task), kind()
    with running(server) as url:
        tested = verb(path, "test", "--url", url, "--json")
        asked = verb(path, "invoke", "--url", url, *arguments)

    found = checks(tested)
    assert [name for name, check in found.items() if check["outcome"] == "FAIL"] == []
    assert {check["outcome"] for check in found.values() if check["topic"] == "tasks"} == {"ok", "n/a"}
    assert (asked.returncode, asked.stderr) == (0, "")
    assert answer in asked.stdout
    assert is_right(server.taken)


@pytest.mark.parametrize(
    ("task", "fault", "name"),
    [
        ("embeddings", OneVectorForAll, "the same text has the same vector and another text another"),
        ("rerank", ForgetsADocument, "each document gets a score"),
        ("transcription", SaysNothing, "a recording is transcribed"),
    ],
)
def test_a_wrong_answer_fails_the_check_of_its_task(
    project_for: ProjectFor, task: str, fault: type[TaskServer], name: str
) -> None:
    with running(fault()) as url:
        done = verb(project_for(task), "test", "--url", url, "--json")

    assert [name for name, check in checks(done).items() if check["outcome"] == "FAIL"] == [name]


@pytest.mark.parametrize(
    ("task", "arguments", "line"),
    [
        ("chat", ["--image", "photo.jpg"], "task=chat takes no images"),
        ("rerank", ["a query"], "give a query and at least one document"),
        ("transcription", ["Hello"], "name a recording with --audio"),
        ("embeddings", ["--completion"], "vLLM takes no completions through POST /invocations"),
    ],
)
def test_a_request_that_is_not_of_the_task_is_refused(
    project_for: ProjectFor, task: str, arguments: list[str], line: str
) -> None:
    done = verb(project_for(task), "invoke", "--url", "http://127.0.0.1:9", *arguments)

    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"do/invoke: {line}\n")


def test_the_route_of_the_task_is_where_invocations_go(project_for: ProjectFor) -> None:
    path = project_for("rerank")

    assert json.loads((path / "serving/task.json").read_text()) == {"name": "rerank", "route": "/v1/rerank"}
    assert 'runner: "pooling"' in (path / "serving/engine.yml").read_text()
