"""Settings have one owner: whatever is set by do/config, an update brings no conflict and changes none of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from extensions.context import load_catalog
from extensions.settings import values
from tests.updates.projects import commit, conflicts, contents, make, update

TABLE = load_catalog()["settings"]


def changed_settings() -> dict[str, str]:
    """For each setting of every real-time endpoint the last right value, and what that needs beside it."""
    rows = {name: row for name, row in TABLE.items() if "answer" not in row and is_of_every_real_time_endpoint(row)}
    beside = {name: value for row in rows.values() for name, value in row.get("beside", {}).items()}
    last = {name: row["right"][-1] for name, row in rows.items()}
    return {name: values.as_text(value) for name, value in (last | beside).items()}


def is_of_every_real_time_endpoint(row: dict[str, Any]) -> bool:
    return all(question == "deploy_target" and "realtime" in wanted for question, wanted in row.get("only", {}).items())


def test_settings_that_were_changed_stay_and_nothing_contradicts_them(releases: Path, tmp_path: Path) -> None:
    project = make(releases, tmp_path / "project", {}, "v1.0.0")
    wanted = changed_settings()
    words = [word for pair in wanted.items() for word in pair]
    subprocess.run([sys.executable, "do/config", "set", *words], cwd=project, check=True, capture_output=True)
    commit(project, "my settings")
    owned = (project / "do/config.env").read_bytes()

    update(project, instance_type="ml.m6g.large")

    assert conflicts(project) == []
    assert (project / "do/config.env").read_bytes() == owned
    others = "".join((project / name).read_text() for name in contents(project) if name.endswith(".md"))
    unique = [value for value in wanted.values() if len(value) > 12]
    assert [value for value in unique if value in others] == []
    shown = subprocess.run(
        [sys.executable, "do/config"], cwd=project, check=True, capture_output=True, text=True
    ).stdout
    for name, value in wanted.items():
        assert [line for line in shown.splitlines() if line.startswith(f"{name}=") and value in line], name
