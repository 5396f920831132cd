"""The catalog: its rows have the right form, agree with each other and with botocore, and can be refreshed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import botocore.session
import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from extensions import refresh_catalog
from extensions.answers import load_questions
from extensions.context import CATALOG, load_catalog
from tests.conftest import ROOT

TABLES = load_catalog()
DEFAULT_INSTANCE = "ml.m5.large"  # of predictive models
WEB_APPLICATIONS = {name: row for name, row in TABLES["model_servers"].items() if row["kinds"] == ["predictive"]}


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A copy of the catalog to refresh."""
    return Path(shutil.copytree(CATALOG, tmp_path / "catalog"))


def test_every_row_has_the_form_of_its_table() -> None:
    schema = json.loads((CATALOG / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)

    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(TABLES)] == []


@pytest.mark.parametrize(
    ("table", "name", "key", "wrong"),
    [
        ("frameworks", "sklearn", "why", None),
        ("frameworks", "sklearn", "vesion", "1.0"),
        ("instances", "ml.m5.large", "vcpu", "2"),
        ("instances", "ml.m5.large", "gpus", 1),
        ("regions", "us-east-1", "registry_account", "1"),
        ("model_servers", "vllm", "settings", {"max_len": {"max-model-len": None}}),
        ("models", "Qwen/Qwen3-4B", "mla_rank", 576),
    ],
)
def test_schema_notices_a_wrong_row(table: str, name: str, key: str, wrong: object) -> None:
    schema = json.loads((CATALOG / "schema.json").read_text())
    broken = {**TABLES, table: {**TABLES[table], name: {**TABLES[table][name], key: wrong}}}

    assert not jsonschema.Draft202012Validator(schema).is_valid(broken)


def test_no_row_is_written_twice() -> None:
    for path in CATALOG.glob("*.yml"):
        table = yaml.compose(path.read_text(), Loader=yaml.CSafeLoader)
        assert isinstance(table, yaml.MappingNode)
        keys = [key.value for key, _ in table.value]
        assert len(keys) == len(set(keys)), path.name


def test_defaults_of_questions_are_in_the_catalogue() -> None:
    questions = load_questions(ROOT)

    assert DEFAULT_INSTANCE in questions["instance_type"]["default"]
    assert DEFAULT_INSTANCE in TABLES["instances"]
    assert questions["model_id"]["default"] in TABLES["models"]
    assert questions["profile"]["default"] in TABLES["profiles"]
    assert questions["aws_region"]["default"] in TABLES["regions"]


def test_default_instance_runs_what_most_machines_build() -> None:
    default = TABLES["instances"][DEFAULT_INSTANCE]

    assert default["architecture"] == "x86_64"
    assert "gpu" not in default


@pytest.mark.parametrize("framework", [name for name, row in TABLES["frameworks"].items() if "older" in row])
def test_older_versions_are_listed_from_the_newest_on_with_pythons_no_newer(framework: str) -> None:
    row = TABLES["frameworks"][framework]
    versions = [Version(version) for version in [row["version"], *row["older"]]]
    pythons = [Version(need["python"]) for need in row["older"].values()]

    assert versions == sorted({*versions}, reverse=True)
    assert pythons == sorted(pythons, reverse=True)


def test_base_image_has_the_python_that_the_catalogue_names() -> None:
    for row in TABLES["base_images"].values():
        assert f"python:{row['python_version']}-" in row["image"]


@pytest.mark.parametrize("framework", TABLES["frameworks"])
def test_framework_has_the_version_that_is_installed_in_its_images(framework: str) -> None:
    row = TABLES["frameworks"][framework]
    python = TABLES["base_images"]["predictive"]["python_version"]
    image = {"python_full_version": f"{python}.0", "sys_platform": "linux", "platform_machine": "x86_64"}
    files = list(ROOT.glob(f"template/{{{{{framework}}}}}/*/requirements.txt"))

    assert len(files) == len(WEB_APPLICATIONS)
    for path in files:
        lines = [line.rstrip(" \\") for line in path.read_text().splitlines() if re.match(r"[a-z]", line)]
        pins = [pin for pin in map(Requirement, lines) if pin.name in {row["package"], f"{row['package']}-cpu"}]
        installed = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(image)]
        # PyTorch's index tells its builds apart by what follows the version, as in 2.13.0+cpu
        versions = [str(pin.specifier).partition("+")[0] for pin in installed]
        assert versions == [f"=={row['version']}"], path


def test_machines_of_codebuild_are_known_to_botocore() -> None:
    codebuild = botocore.session.get_session().get_service_model("codebuild")

    assert set(TABLES["codebuild_compute_types"]) <= set(codebuild.shape_for("ComputeType").enum)


def test_partitions_of_codebuild_machines_are_partitions_of_regions() -> None:
    partitions = {row["partition"] for row in TABLES["regions"].values()}

    for row in TABLES["codebuild_compute_types"].values():
        assert set(row["arm64"].get("partitions", [])) <= partitions


def test_instance_types_are_those_of_botocore() -> None:
    assert set(TABLES["instances"]) >= refresh_catalog.botocore_instance_types()


def test_regions_are_those_of_botocore() -> None:
    for name, row in refresh_catalog.botocore_regions().items():
        assert row == {**TABLES["regions"][name], "registry_account": None}


def test_processors_are_those_that_the_families_are_known_for() -> None:
    arm64 = {name.split(".")[1] for name, row in TABLES["instances"].items() if row["architecture"] == "arm64"}

    assert {"c6g", "c7g", "m6g", "m8g", "r6g", "r8g"} <= arm64
    assert arm64.isdisjoint({"c5", "g5", "g6", "inf2", "m5", "m7i", "p5", "t2"})


def test_refreshing_the_catalogue_that_is_checked_in_changes_nothing(catalog: Path) -> None:
    assert refresh_catalog.main([], folder=catalog) == 0

    for path in CATALOG.glob("*.yml"):
        assert (catalog / path.name).read_bytes() == path.read_bytes(), path.name


def test_refreshing_adds_what_is_new_with_the_shapes_that_are_given(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("instances", "regions"):
        lines = (catalog / f"{name}.yml").read_text().splitlines(keepends=True)
        known = [
            line for line in lines if not line.startswith(("ml.g5.2xlarge", "ml.inf2.24xlarge", "ml.m5.large", "eu-"))
        ]
        (catalog / f"{name}.yml").write_text("".join(known))
    shapes = tmp_path / "shapes.csv"
    shapes.write_text(
        "instance,vcpu,mem_mib,arch,gpu_name,gpu_count,gpu_mem_mib_total,neuron,nvme_gb\n"
        "ml.g5.2xlarge,8,32768,x86_64,A10G,1,22888,,450\n"
        "ml.inf2.24xlarge,96,393216,x86_64,,,,6xInferentia2,\n"
    )

    assert refresh_catalog.main(["--shapes", str(shapes)], folder=catalog) == 1

    to_do = capsys.readouterr().err
    refreshed = load_catalog(catalog)
    for name in ("ml.g5.2xlarge", "ml.inf2.24xlarge"):
        assert refreshed["instances"][name] == TABLES["instances"][name]
    assert "ml.m5.large: no shape known - add it with --shapes" in to_do
    assert "eu-west-1: new region - add its registry account" in to_do
    assert refreshed["regions"]["eu-west-1"] == {**TABLES["regions"]["eu-west-1"], "registry_account": None}


def test_refreshing_keeps_a_type_that_botocore_no_longer_lists(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = refresh_catalog.botocore_instance_types() - {"ml.p2.xlarge"}
    monkeypatch.setattr(refresh_catalog, "botocore_instance_types", lambda: names)

    assert refresh_catalog.main([], folder=catalog) == 0

    assert "ml.p2.xlarge" in load_catalog(catalog)["instances"]
    assert capsys.readouterr().out == "ml.p2.xlarge: botocore no longer lists it; kept\n"


def test_no_setting_allows_larger_requests_than_sagemaker_takes() -> None:
    setting = TABLES["settings"]["MAX_BODY_MB"]
    allowed = {
        target: ({**setting, **setting["for_target"].get(target, {})}["range"])[1]
        for target in setting["only"]["deploy_target"]
    }

    assert allowed == {target: TABLES["deploy_targets"][target]["invocation"]["max_body_mib"] for target in allowed}


def test_engines_that_load_adapters_have_the_command_and_the_options_for_it() -> None:
    catalog = load_catalog()
    servers = catalog["model_servers"]
    rows = {name: row for name, row in servers.items() if "adapters" in row.get("layers", [])}

    assert rows.keys() == {name for name, row in servers.items() if "adapters" in row}
    for name, row in rows.items():
        assert {row["adapters"]["enable"], row["adapters"]["rank"]} <= {*catalog["engine_options"][name]["options"]}
        assert row["adapters"]["enable"] in row["settings"]["enable_lora"]
