"""requirements/dev.in names what the code of this repository imports."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("extensions", "migrations", "tasks", "scripts", "tests", "bench")
OWN = {"bench", "comparing", "my_layers", "owners_scale", "extensions", "lib", "report", "scripts", "serving", "tests"}
PROVIDED_BY = {
    "botocore": "boto3",
    "cfnlint": "cfn-lint",
    "mkdocs": "mkdocs-material",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
}
# run in other environments: the benchmark's plain server in those of generated projects; its peers and the SageMaker
# SDK in their own
FRAMEWORKS = {
    re.split(r"[ ;#=]", line)[0].replace("-", "_")
    for file in (ROOT / "template").glob("{{*}}/{{*}}/**/requirements.in")
    for line in file.read_text().splitlines()
}
ELSEWHERE = {
    "bentoml",
    "litserve",
    "mlflow",
    "mlserver",
    "h5py",
    "keras",
    "onnx",
    "sagemaker",
    "scipy",
    "sklearn",
    "skops",
    "xllamacpp",
    *FRAMEWORKS,
}


def imported() -> set[str]:
    """The packages that the code imports, but those of Python, its own and those that run elsewhere."""
    names = set()
    for file in (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    names -= sys.stdlib_module_names | OWN | ELSEWHERE
    return {PROVIDED_BY.get(name, name).replace("_", "-") for name in names}


def test_what_is_imported_is_asked_for() -> None:
    requirements = "".join(file.read_text() for file in (ROOT / "requirements").glob("*.in"))
    asked_for = set(re.findall(r"^[a-z][a-z0-9-]*", requirements, re.MULTILINE))

    assert imported() - asked_for == set()
