"""An option of the deployment that is set changes its line in do/config and is among the decisions; no more."""

from __future__ import annotations

from pathlib import Path

from tests.renders.answers import CATALOG, Render

OPTIONS = {
    "min_instances": 2,
    "max_instances": 4,
    "deployment_strategy": "rolling",
    "routing_strategy": "random",
    "volume_size_gb": 50,
    "startup_timeout": 900,
    "download_timeout": 900,
    "vpc_subnets": "subnet-1",
    "vpc_security_groups": "sg-1",
    "kms_key": "alias/my-key",
    "network_isolation": True,
    "tags": "team=pricing",
    "data_capture_percent": 5,
    "data_capture_url": "s3://my-bucket",
    "container_environment": "SERVING_WORKERS=2",
}
TITLES = [row["title"] for row in CATALOG["deployment_options"].values()]


def changed(project: Path, other: Path) -> set[str]:
    """The files that differ between two projects."""
    files = {str(path.relative_to(root)) for root in (project, other) for path in root.rglob("*") if path.is_file()}
    return {name for name in files if (project / name).read_bytes() != (other / name).read_bytes()}


def test_options_that_are_set_are_in_the_settings_and_among_the_decisions(render: Render) -> None:
    project = render(**OPTIONS)
    settings, decisions = (project / "do" / "config.env").read_text(), (project / "DECISIONS.md").read_text()

    for name, value in OPTIONS.items():
        assert f"\n{name.upper()}={str(value).lower() if value is True else value}\n" in settings
    for title in TITLES:
        assert f"\n## {title}: " in decisions


def test_options_at_their_defaults_are_no_decisions(render: Render) -> None:
    decisions = (render() / "DECISIONS.md").read_text()

    assert [title for title in TITLES if f"\n## {title}: " in decisions] == []


def test_options_change_no_other_file(render: Render) -> None:
    assert changed(render(), render(**OPTIONS)) == {".copier-answers.yml", "DECISIONS.md", "do/config.env"}
