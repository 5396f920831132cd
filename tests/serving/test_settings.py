"""Every setting has a default, comes from the environment, and refuses nonsense in one line."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path

import pytest

from serving import settings
from serving.settings import SettingError, from_environment, usable_cpus

supervision = importlib.import_module("serving.supervision")  # of another layer, where mypy does not look


def test_the_defaults_are_what_sagemaker_expects() -> None:
    found = from_environment({})

    assert (found.port, found.model_dir, found.max_body_mb) == (8080, Path("/opt/ml/model"), 25)
    assert found.workers == usable_cpus()
    assert found.stop_timeout < 30, "SageMaker kills a container 30 seconds after SIGTERM"


def test_sagemaker_chooses_the_port() -> None:
    assert from_environment({"SAGEMAKER_BIND_TO_PORT": "9000"}).port == 9000


def test_an_empty_variable_counts_as_unset() -> None:
    assert from_environment({"SERVING_WORKERS": "", "SM_MODEL_DIR": ""}).workers == usable_cpus()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_BIND_TO_PORT", "70000"),
        ("SERVING_WORKERS", "0"),
        ("SERVING_WORKERS", "-1"),
        ("SERVING_WORKERS", "²"),
        ("SERVING_BATCHING", "maybe"),
        ("SERVING_LOG_LEVEL", "loud"),
    ],
)
def test_nonsense_is_refused_by_name_and_value(name: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        from_environment({name: value})

    assert str(refused.value).startswith(f"{name}={value!r} is not ")


def test_a_folder_in_which_sockets_would_have_too_long_paths_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://github.com/python/cpython/issues/93852"""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("l" * 95)))

    with supervision.run_folder() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "worker-1000.sock"))
    assert not folder.exists()


def test_no_folder_for_temporary_files_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")

    with pytest.raises(supervision.NoRunFolder, match="name one in TMPDIR"), supervision.run_folder():
        pass


def test_a_cpu_limit_counts_more_than_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_cgroup_cpus", lambda: 0.5)

    assert usable_cpus() == 1
