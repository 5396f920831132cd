"""The jobs of a project's CI."""

from __future__ import annotations

from pathlib import Path

import yaml


def scripts(project: Path) -> dict[str, list[str]]:
    """The shell commands of each job, by its name: the steps of GitHub's, the lines of GitLab's."""
    if (project / ".github").exists():
        return {
            name: [step["run"] for step in job["steps"] if "run" in step]
            for file in sorted((project / ".github/workflows").iterdir())
            for name, job in yaml.safe_load(file.read_text())["jobs"].items()
        }
    return {
        name: [*job.get("before_script", ()), *job["script"]]
        for file in sorted((project / ".gitlab").iterdir())
        for name, job in yaml.safe_load(file.read_text()).items()
    }
