"""What the entrypoint starts an engine with: its model, its options, its token and its environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines.conftest import ENGINES, MODEL, TOKEN, every_engine, serving

Project = Callable[[str], Path]
StandIn = dict[str, str]

COMMANDS = {
    "vllm": [
        *("vllm", "serve", MODEL, "--host", "0.0.0.0", "--port", "PORT", "--served-model-name", MODEL),
        *("--shutdown-timeout", "20", "--gpu-memory-utilization", "0.92", "--max-model-len", "8192"),
        *("--max-num-seqs", "128", "--tensor-parallel-size", "1"),
        *("--middleware", "serving.rerouting.RouteByAttribute"),
    ],
    "sglang": [
        *("launch_server.py", "--model-path", MODEL, "--host", "0.0.0.0", "--port", "PORT"),
        *("--served-model-name", MODEL, "--context-length", "8192", "--max-running-requests", "128", "--tp-size", "1"),
    ],
    "tensorrt-llm": [
        *("trtllm-serve", MODEL, "--enable_chunked_prefill", "--max_batch_size", "128", "--max_num_tokens", "8192"),
        *("--max_seq_len", "8192", "--tp_size", "1", "--host", "127.0.0.1", "--port", "PORT + 1"),
    ],
    "llama-cpp": [
        *("llama-server", "--hf-repo", MODEL, "--alias", MODEL, "--host", "127.0.0.1", "--port", "PORT + 1", "--no-ui"),
        *("--ctx-size", "32768", "--parallel", "4"),
    ],
    "lmi": ["djl-serving", "--models", "model=file://RUN_DIR/model"],
    "djl": ["djl-serving", "--models", "model=file://RUN_DIR/model"],
}
PROPERTIES = {
    "lmi": f"""\
engine=Python
option.entryPoint=djl_python.lmi_vllm.vllm_async_service
option.async_mode=true
option.rolling_batch=disable
option.tensor_parallel_degree=1
option.model_loading_timeout=3600
option.model_id={MODEL}
option.served_model_name={MODEL}
option.gpu_memory_utilization=0.92
option.max_model_len=8192
option.max_rolling_batch_size=128
""",
    "djl": f"""\
engine=Python
option.entryPoint=djl_python.huggingface
option.rolling_batch=disable
option.model_loading_timeout=3600
option.model_id={MODEL}
batch_size=4
max_batch_delay=50
option.device_map=auto
option.tensor_parallel_degree=1
""",
}
# of each engine: a variable that overrides an option, and what is then said of it
OVERRIDES = {
    "vllm": ({"SM_VLLM_MAX_MODEL_LEN": "4096"}, "--max-model-len 4096"),
    "sglang": ({"SM_SGLANG_CONTEXT_LENGTH": "4096"}, "--context-length 4096"),
    "tensorrt-llm": ({"SM_TRTLLM_MAX_SEQ_LEN": "4096"}, "--max_seq_len 4096"),
    "llama-cpp": ({"SM_LLAMA_CPP_CTX_SIZE": "4096"}, "--ctx-size 4096"),
    "lmi": ({"SM_LMI_MAX_MODEL_LEN": "4096"}, "option.max_model_len=4096\n"),
    "djl": ({"SM_DJL_DTYPE": "bf16"}, "option.dtype=bf16\n"),
}


def told(project: Path, environment: StandIn, **more: str) -> str:
    """All that the engine is told: its command line, then its properties."""
    with serving(project, environment | more) as server:
        started = server.started()
    return f"{' '.join(started['words'][1:])} {started['properties']}"


@every_engine
def test_an_engine_is_started_with_the_options_of_its_file(project: Project, stand_in: StandIn, engine: str) -> None:
    with serving(project(engine), stand_in) as server:
        started = server.started()
        port = int(server.url.rpartition(":")[2])
    names = {str(port): "PORT", str(port + 1): "PORT + 1"}
    words = [names.get(word, word) for word in started["words"]]
    words[0] = Path(words[0]).name
    if started["properties"]:
        run_dir = words[2].partition("file://")[2].removesuffix("/model")
        words[2] = words[2].replace(run_dir, "RUN_DIR")

    assert words == COMMANDS[engine]
    assert started["properties"] == PROPERTIES.get(engine, "")


@every_engine
def test_every_option_that_an_engine_is_given_is_its_own(project: Project, stand_in: StandIn, engine: str) -> None:
    path = project(engine)
    known = {*json.loads((path / "serving/engine_options.json").read_text())["options"]}
    with serving(path, stand_in) as server:
        started = server.started()

    flags = [word.removeprefix("--") for word in started["words"] if word.startswith("--")]
    given = [line.partition("=")[0] for line in started["properties"].splitlines()] or flags
    assert given
    assert {*given} - known == set()


@every_engine
def test_a_variable_overrides_an_option(project: Project, stand_in: StandIn, engine: str) -> None:
    variables, expected = OVERRIDES[engine]

    assert expected in told(project(engine), stand_in, **variables)


def test_a_chat_template_is_found_beside_the_options(project: Project, stand_in: StandIn) -> None:
    path = project("vllm")
    with (path / "serving/engine.yml").open("a") as file:
        file.write("chat-template: chat_template.jinja\n")
    with serving(path, stand_in, ready=False) as server:
        assert server.process.wait(10) == 5
    assert server.messages()[-1].startswith(
        f"there is no {path}/serving/chat_template.jinja, which chat_template names"
    )
    (path / "serving/chat_template.jinja").write_text("{{ messages[0].content }}")

    assert f"--chat-template {path}/serving/chat_template.jinja" in told(path, stand_in)


def test_the_variables_of_awss_own_images_override_options_of_lmi(project: Project, stand_in: StandIn) -> None:
    said = told(project("lmi"), stand_in, OPTION_MAX_MODEL_LEN="2048", SERVING_JOB_QUEUE_SIZE="7", OPTION_DTYPE="")

    assert "option.max_model_len=2048\n" in said
    assert "job_queue_size=7\n" in said
    assert "dtype" not in said


@pytest.mark.parametrize("engine", ["lmi", "djl"])
def test_an_option_that_would_be_passed_over_in_silence_is_told_of(
    project: Project, stand_in: StandIn, engine: str
) -> None:
    with serving(project(engine), stand_in, OPTION_MAX_MODEL_LNE="2048") as server:
        pass

    assert any("option.max_model_lne is no option" in message for message in server.messages())


def test_objects_are_for_the_file_of_tensorrt_llms_llm_api(project: Project, stand_in: StandIn) -> None:
    path = project("tensorrt-llm")
    with (path / "serving/engine.yml").open("a") as file:
        file.write('kv_cache_config: {"dtype": "fp8"}\n')
    with serving(path, stand_in, SM_TRTLLM_CUDA_GRAPH_CONFIG='{"enable_padding": true}') as server:
        words = server.started()["words"]
        written = json.loads(Path(words[words.index("--extra_llm_api_options") + 1]).read_text())

    assert written == {"kv_cache_config": {"dtype": "fp8"}, "cuda_graph_config": {"enable_padding": True}}


class TestModel:
    @every_engine
    def test_a_mounted_model_comes_before_the_hub(self, project: Project, stand_in: StandIn, engine: str) -> None:
        path = project(engine)
        (path / "no-model").mkdir()
        (path / "no-model/model.gguf").touch()

        said = told(path, stand_in)

        assert str(path / "no-model") in said
        assert f"serve {MODEL}" not in said

    @pytest.mark.parametrize(
        ("engine", "variable"),
        [
            ("vllm", "SM_VLLM_MODEL"),
            ("sglang", "SM_SGLANG_MODEL"),
            ("sglang", "SM_SGLANG_MODEL_PATH"),
            ("tensorrt-llm", "SM_TRTLLM_MODEL"),
            ("lmi", "SM_LMI_MODEL"),
            ("lmi", "OPTION_MODEL_ID"),
            ("djl", "SM_DJL_MODEL"),
        ],
    )
    def test_a_variable_comes_before_a_mounted_model(
        self, project: Project, stand_in: StandIn, engine: str, variable: str
    ) -> None:
        path = project(engine)
        (path / "no-model").mkdir()
        (path / "no-model/config.json").write_text("{}")

        said = told(path, stand_in, **{variable: "org/another"})

        assert "org/another" in said
        assert str(path / "no-model") not in said

    def test_a_folder_with_nothing_but_hidden_files_is_no_model(self, project: Project, stand_in: StandIn) -> None:
        path = project("vllm")
        (path / "no-model").mkdir()
        (path / "no-model/.cache").touch()

        assert f"serve {MODEL} " in told(path, stand_in)

    @pytest.mark.parametrize(
        ("files", "chosen"),
        [
            (["model.gguf"], "model.gguf"),
            (["mmproj-f16.gguf", "model.gguf"], "model.gguf"),
            (["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"], "m-00001-of-00002.gguf"),
        ],
    )
    def test_llama_cpp_takes_the_one_model_in_the_folder(
        self, project: Project, stand_in: StandIn, files: list[str], chosen: str
    ) -> None:
        path = project("llama-cpp")
        (path / "no-model").mkdir()
        for name in files:
            (path / "no-model" / name).touch()

        assert f"--model {path}/no-model/{chosen} " in told(path, stand_in)

    @pytest.mark.parametrize("files", [["config.json"], ["a.gguf", "b.gguf"]])
    def test_llama_cpp_refuses_a_folder_without_one(
        self, project: Project, stand_in: StandIn, files: list[str]
    ) -> None:
        path = project("llama-cpp")
        (path / "no-model").mkdir()
        for name in files:
            (path / "no-model" / name).touch()
        with serving(path, stand_in, ready=False) as server:
            assert server.process.wait(10) == 3

        (message,) = server.messages()
        assert "should hold one model as .gguf" in message
        assert "name one in SM_LLAMA_CPP_MODEL" in message

    def test_llama_cpp_has_no_revisions(self, project: Project, stand_in: StandIn) -> None:
        with serving(project("llama-cpp"), stand_in, ready=False, HF_REVISION="abc123") as server:
            assert server.process.wait(10) == 3

        (message,) = server.messages()
        assert message.startswith("HF_REVISION=abc123, but llama-server downloads what is newest")

    @pytest.mark.parametrize("engine", [name for name in ENGINES if name != "llama-cpp"])
    def test_the_revision_is_that_of_the_model_on_the_hub(
        self, project: Project, stand_in: StandIn, engine: str
    ) -> None:
        path = project(engine)

        assert "revision" in told(path, stand_in, HF_REVISION="abc123")

    def test_another_models_revision_is_not_asked_for(self, project: Project, stand_in: StandIn) -> None:
        assert "revision" not in told(project("vllm"), stand_in, HF_REVISION="abc123", SM_VLLM_MODEL="org/another")

    @every_engine
    def test_without_a_model_nothing_is_started(self, project: Project, stand_in: StandIn, engine: str) -> None:
        with serving(project(engine), stand_in, ready=False, HF_MODEL_ID="") as server:
            assert server.process.wait(10) == 5

        assert server.messages()[-1].startswith("there is no model: mount one at ")
        assert not server.record.exists()

    def test_a_folder_that_is_not_there_is_told_of_at_once(self, project: Project, stand_in: StandIn) -> None:
        with serving(project("vllm"), stand_in, ready=False, SM_VLLM_MODEL="/nowhere") as server:
            assert server.process.wait(10) == 5

        assert server.messages() == ["there is no model in /nowhere: name a folder that holds one"]


class TestEnvironment:
    @every_engine
    def test_caches_are_where_a_container_can_write(self, project: Project, stand_in: StandIn, engine: str) -> None:
        with serving(project(engine), stand_in) as server:
            environment = server.started()["environment"]

        caches = {name for name in environment if name.endswith(("_HOME", "_DIR", "_ROOT", "_BASE"))}
        assert {"HF_HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR"} <= caches
        assert {environment[name].split("/")[1] for name in ("HF_HOME", "XDG_CACHE_HOME")} == {"tmp"}

    def test_a_mounted_model_needs_no_hub(self, project: Project, stand_in: StandIn) -> None:
        path = project("vllm")
        (path / "no-model").mkdir()
        (path / "no-model/config.json").write_text("{}")
        with serving(path, stand_in) as server:
            assert server.started()["environment"]["HF_HUB_OFFLINE"] == "1"

    @pytest.mark.parametrize(
        ("engine", "expected"),
        [("vllm", "VLLM_ENGINE_READY_TIMEOUT_S"), ("lmi", "option.model_loading_timeout=2400"), ("djl", "=2400")],
    )
    def test_the_model_may_load_as_long_as_sagemaker_waits(
        self, project: Project, stand_in: StandIn, engine: str, expected: str
    ) -> None:
        with serving(project(engine), stand_in, SERVING_STARTUP_TIMEOUT="2400") as server:
            started = server.started()

        assert expected in f"{started['properties']} {[k for k, v in started['environment'].items() if v == '2400']}"

    def test_a_variable_of_the_container_comes_before_a_default(self, project: Project, stand_in: StandIn) -> None:
        with serving(project("vllm"), stand_in, HF_HOME="/elsewhere") as server:
            assert server.started()["environment"]["HF_HOME"] == "/elsewhere"

    def test_the_cuda_compatibility_of_an_image_is_set_up_for_the_engine(
        self, project: Project, stand_in: StandIn, tmp_path: Path
    ) -> None:
        script = tmp_path / "bin/start_cuda_compat.sh"
        script.write_text('set -u\nexport LD_LIBRARY_PATH="/usr/local/cuda/compat:$LD_LIBRARY_PATH"\n')
        script.chmod(0o755)
        with serving(project("vllm"), stand_in) as server:
            assert server.started()["environment"]["LD_LIBRARY_PATH"] == "/usr/local/cuda/compat:"
            assert server.end() == 0


def test_an_engine_with_adapters_is_told_which_names_are_the_base_models(project: Project, stand_in: StandIn) -> None:
    with serving(project("vllm"), stand_in, SM_VLLM_ENABLE_LORA="true") as server:
        started = server.started()

    assert started["words"][-2:] == ["--middleware", "serving.adapters.AdapterByName"]
    environment = started["environment"]
    assert json.loads(environment["SERVING_BASE_NAMES"]) == [MODEL]
    assert environment["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "true"
    assert (Path(environment["PYTHONPATH"].split(":")[0]) / "serving/adapters.py").exists()


class TestToken:
    @pytest.mark.parametrize("secret", ["token", "token-as-json", "its ARN"])
    def test_it_is_read_from_its_secret_and_goes_to_the_engine_alone(
        self, project: Project, stand_in: StandIn, secrets: StandIn, secret: str
    ) -> None:
        name = secrets["ARN"] if secret == "its ARN" else secret
        with serving(project("vllm"), stand_in | secrets, HF_TOKEN_SECRET=name) as server:
            started = server.started()

        assert started["environment"]["HF_TOKEN"] == TOKEN
        assert TOKEN not in " ".join(started["words"])
        assert TOKEN not in server.log.read_text()

    @pytest.mark.parametrize(
        ("secret", "reason"), [("missing", "ResourceNotFoundException"), ("empty", "holds no token")]
    )
    def test_a_secret_that_cannot_be_used_ends_the_server(
        self, project: Project, stand_in: StandIn, secrets: StandIn, secret: str, reason: str
    ) -> None:
        with serving(project("vllm"), stand_in | secrets, ready=False, HF_TOKEN_SECRET=secret) as server:
            assert server.process.wait(30) == 4

        (message,) = server.messages()
        assert secret in message
        assert reason in message

    def test_it_is_not_asked_for_where_the_model_is_mounted(self, project: Project, stand_in: StandIn) -> None:
        path = project("vllm")
        (path / "no-model").mkdir()
        (path / "no-model/config.json").write_text("{}")
        with serving(path, stand_in, HF_TOKEN_SECRET="nobody-is-asked-for-it") as server:
            assert "HF_TOKEN" not in server.started()["environment"]

    def test_a_developers_own_comes_first_and_is_kept_out_of_the_log(self, project: Project, stand_in: StandIn) -> None:
        failure = {"STAND_IN_FAILURE": f"OSError: 401 Client Error for {TOKEN}"}
        with serving(project("vllm"), stand_in | failure, ready=False, HF_TOKEN=TOKEN, HF_TOKEN_SECRET="x") as server:
            assert server.process.wait(10) == 1

        assert server.started()["environment"]["HF_TOKEN"] == TOKEN
        assert TOKEN not in server.log.read_text()
        assert "401 Client Error for ***" in server.messages()[-1]

    @pytest.mark.parametrize(
        ("engine", "variable"),
        [("vllm", "SM_VLLM_HF_TOKEN"), ("lmi", "OPTION_HF_TOKEN"), ("sglang", "SM_SGLANG_HF_TOKEN")],
    )
    def test_it_is_refused_as_an_option(self, project: Project, stand_in: StandIn, engine: str, variable: str) -> None:
        with serving(project(engine), stand_in | {variable: TOKEN}, ready=False) as server:
            assert server.process.wait(10) == 3

        (message,) = server.messages()
        assert message == "the token is no option, which everyone could read: name a secret in HF_TOKEN_SECRET"
