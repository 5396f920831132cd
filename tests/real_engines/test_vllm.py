"""A vLLM project serves a real model through its own entrypoint, and behind the nginx of a TensorRT-LLM project."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.engines.conftest import TOKEN, Server, serving
from tests.real_engines import hub
from tests.real_engines.conftest import ENGINES_DIR, MODEL, START_SECONDS, verb

Environment = dict[str, str]


def failures(report: str) -> list[dict[str, Any]]:
    """The checks of `do/test --json` that failed."""
    checks = json.loads(report)["checks"]
    assert len(checks) > 20
    return [check for check in checks if check["outcome"] == "FAIL"]


class TestNativeRoutes:
    def test_the_contract_is_kept(self, vllm_project: Path, server: Server) -> None:
        done = verb(vllm_project, "test", "--url", server.url, "--json")

        assert failures(done.stdout) == [], done.stderr
        assert done.returncode == 0

    def test_do_invoke_prints_what_the_model_writes(self, vllm_project: Path, server: Server) -> None:
        for arguments in (("--max-tokens", "8", "Hello"), ("--completion", "--max-tokens", "8", "Hello")):
            done = verb(vllm_project, "invoke", "--url", server.url, *arguments)

            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.strip()

    def test_do_invoke_tells_in_one_line_what_the_engine_refuses(self, vllm_project: Path, server: Server) -> None:
        done = verb(vllm_project, "invoke", "--url", server.url, "--max-tokens", "-2")

        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("do/invoke: the server answered 400: max_tokens must be at least 1")

    def test_variables_override_the_options_of_the_file(self, vllm_project: Path, server: Server) -> None:
        (model,) = httpx.get(f"{server.url}/v1/models").json()["data"]

        assert "max-model-len: 8192" in (vllm_project / "serving/engine.yml").read_text()
        assert (model["id"], model["max_model_len"]) == (MODEL, 512)
        assert model["root"] == str(ENGINES_DIR / "model")

    def test_an_adapter_is_refused_where_lora_is_off(self, server: Server) -> None:
        answer = httpx.post(
            f"{server.url}/invocations",
            json={"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1},
            headers={"X-Amzn-SageMaker-Adapter-Identifier": "mine"},
        )

        assert (answer.status_code, "mine" in answer.json()["error"]["message"]) == (404, True)


class TestBehindNginx:
    def test_the_contract_is_kept(self, project: Callable[[str], Path], trtllm_serve: Environment) -> None:
        path = project("tensorrt-llm")
        with serving(path, trtllm_serve) as proxied:
            done = verb(path, "test", "--url", proxied.url, "--json")

        assert failures(done.stdout) == [], done.stderr

    def test_words_are_streamed_through_it(self, project: Callable[[str], Path], trtllm_serve: Environment) -> None:
        path = project("tensorrt-llm")
        with serving(path, trtllm_serve) as proxied:
            done = verb(path, "invoke", "--url", proxied.url, "--completion", "--max-tokens", "8", "Hello")

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip()


class TestStarting:
    """What keeps vLLM from starting ends the server with its reason, and nothing starts anew."""

    @pytest.mark.parametrize(
        ("variable", "value", "reason"),
        [
            ("SM_VLLM_NO_SUCH_FLAG", "1", "unrecognized arguments: --no-such-flag 1 (do/check compares"),
            ("SM_VLLM_MAX_MODEL_LEN", "99999", "greater than the derived max_model_len"),
        ],
    )
    def test_a_bad_option(
        self, vllm_project: Path, vllm_environment: Environment, variable: str, value: str, reason: str
    ) -> None:
        with serving(vllm_project, vllm_environment | {variable: value}, ready=False) as failing:
            assert failing.process.wait(200) == 1

        assert failing.messages()[-1].startswith("vllm ended with ")
        assert reason in failing.messages()[-1]

    def test_a_folder_without_a_model(self, vllm_project: Path, vllm_environment: Environment, tmp_path: Path) -> None:
        shutil.copytree(ENGINES_DIR / "model", tmp_path / "model", ignore=shutil.ignore_patterns("config.json"))
        model = {"SM_MODEL_DIR": str(tmp_path / "model")}
        with serving(vllm_project, vllm_environment | model, ready=False) as failing:
            assert failing.process.wait(200) == 1

        assert failing.messages()[-1].startswith("vllm ended with 1: ")
        assert "Invalid repository ID or local directory specified" in failing.messages()[-1]


class TestGatedModel:
    """A model that vLLM downloads from the Hub, here a stand-in, with the token from AWS, here moto."""

    @pytest.fixture
    def from_hub(self, vllm_environment: Environment, tmp_path: Path) -> Iterator[Environment]:
        """The environment in which the model is on the Hub, and nothing of it is here yet."""
        with hub.running(ENGINES_DIR / "model", TOKEN) as url:
            yield {
                **vllm_environment,
                "SM_MODEL_DIR": str(tmp_path / "no-model"),
                "HF_MODEL_ID": hub.NAME,
                "HF_ENDPOINT": url,
                "HF_HOME": str(tmp_path / "cache"),
                "HF_HUB_DISABLE_XET": "1",
            }

    def test_it_is_downloaded_and_served_with_the_token_in_the_secret(
        self, vllm_project: Path, from_hub: Environment, secrets: Environment
    ) -> None:
        environment = from_hub | secrets | {"HF_TOKEN_SECRET": "token"}
        with serving(vllm_project, environment, seconds=START_SECONDS) as gated:
            done = verb(vllm_project, "invoke", "--url", gated.url, "--max-tokens", "4", "Hello")

        assert (done.returncode, done.stderr) == (0, "")
        assert TOKEN not in gated.log.read_text()

    def test_without_a_token_the_server_ends_and_says_what_to_do(
        self, vllm_project: Path, from_hub: Environment
    ) -> None:
        with serving(vllm_project, from_hub, ready=False) as refused:
            assert refused.process.wait(200) == 1

        assert "name a secret with your token in HF_TOKEN_SECRET" in refused.messages()[-1]


class TestAdapters:
    """LoRA adapters by name, from engine.yml and loaded while the server runs, as SageMaker's components do."""

    def test_a_name_chooses_an_adapter_and_an_unknown_one_is_404(
        self, project: Callable[[str], Path], vllm_environment: Environment, adapter: Path
    ) -> None:
        path = project("vllm")
        with (path / "serving/engine.yml").open("a") as file:
            file.write(f'enable-lora: true\nlora-modules: ["pirate={adapter}"]\n')

        with serving(path, vllm_environment, seconds=START_SECONDS) as running:
            texts = {name: said(running, name) for name in (None, MODEL, "pirate", "nobody")}
            later = {"name": "later", "src": str(adapter)}
            loaded = httpx.post(f"{running.url}/adapters", json=later, timeout=60).status_code
            texts["later"] = said(running, "later")
            by_header = [said(running, MODEL, adapter="later", route=route) for route in ("", "/v1/chat/completions")]

        assert texts[None] == texts[MODEL]
        assert texts["pirate"] not in (texts[MODEL], "404")
        assert texts["nobody"] == "404"
        assert (loaded, texts["later"]) == (200, texts["pirate"])
        assert by_header == [texts["pirate"]] * 2


def said(running: Server, model: str | None, adapter: str = "", route: str = "") -> str:
    """What a model or an adapter says to /invocations, or the status where it says nothing.

    SageMaker names the adapter of an inference component in a header; callers may name a route in another.
    """
    headers = {
        "X-Amzn-SageMaker-Adapter-Identifier": adapter,
        "X-Amzn-SageMaker-Custom-Attributes": f"route={route}" if route else "",
    }
    given = {name: value for name, value in headers.items() if value}
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12, "temperature": 0}
    named = body if model is None else {**body, "model": model}
    answer = httpx.post(f"{running.url}/invocations", json=named, headers=given, timeout=120)
    return str(answer.json()["choices"][0]["message"]["content"]) if answer.is_success else str(answer.status_code)


class TestEnding:
    """These end the server that the others share, so they come last; each starts a new one where it has to."""

    def test_a_stream_is_finished_when_the_server_stops(self, server: Server) -> None:
        body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100, "stream": True}
        with httpx.stream("POST", f"{server.url}/invocations", json=body, timeout=150) as response:
            lines = response.iter_lines()
            next(lines)
            server.process.send_signal(signal.SIGTERM)
            events = [line for line in lines if line]

        assert events[-1] == "data: [DONE]"
        assert 'finish_reason":"length' in events[-2]
        assert server.process.wait(150) == 0

    def test_the_death_of_the_engines_core_ends_the_server_with_a_failure(self, server: Server) -> None:
        family = psutil.Process(server.process.pid).children(recursive=True)
        core = next(process for process in family if any("EngineCore" in word for word in process.cmdline()))
        core.kill()

        assert server.process.wait(150) == 1
        assert server.messages()[-1].startswith("vllm ended with ")
        assert "EngineDeadError" in server.messages()[-1]
