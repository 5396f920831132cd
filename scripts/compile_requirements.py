"""Compile every `*.in` of this repository to a hashed `*.txt` beside it: `make requirements`.

`--only NAME` compiles those of one layer, such as a new framework's. Other options go to `uv pip compile`: `--upgrade`
takes the newest versions, without it the pinned versions stay wherever they still fit. A lock that does not exist yet
takes the versions that the locks of other layers pin.
"""

from __future__ import annotations

import sys
from pathlib import Path

from plumbum import FG, ProcessExecutionError, local

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("requirements", "template", "tests/containers")
COMPILE = (
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--python-version",
    "3.10",
    "--generate-hashes",
    "--no-header",
    # an index that a source names has other packages, too, in few versions
    "--index-strategy",
    "unsafe-best-match",
)


def sources() -> list[Path]:
    """Every requirements source of the repository: its own and the template's."""
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.in"))


def others(source: Path) -> list[Path]:
    """The locks of servers and commands, which agree with all others on the versions of what they share.

    Those with an index of their own are left out: uv would ask that index, too.
    """
    template = ROOT / "template"
    locks = [*template.glob("{{*}}/{{*}}/requirements.txt"), *template.glob("{{*}}/do/requirements-update.txt")]
    return sorted(lock for lock in locks if lock != source.with_suffix(".txt") and not indexes(lock))


def compile_one(source: Path, options: list[str]) -> None:
    """Write the hashed file beside `source`; run in its folder, so that no path of this machine is written."""
    target = source.with_suffix(".txt")
    print(target.relative_to(ROOT), flush=True)
    if not target.exists():  # then once more without constraints, which uv would name in comments
        run_uv(source, [option for lock in others(source) for option in ("--constraint", str(lock))])
    run_uv(source, options)
    target.write_text(indexes(source) + target.read_text())


def indexes(source: Path) -> str:
    """The lines of a source that name an index, which uv leaves out of what it compiles."""
    return "".join(
        line for line in source.read_text().splitlines(keepends=True) if line.startswith("--extra-index-url")
    )


def overrides(source: Path) -> list[str]:
    """The option for what a layer leaves out of its packages' requirements: overrides.txt, for all web applications."""
    file = source.parents[1] / "overrides.txt"
    return ["--override", "../overrides.txt"] if file.exists() else []


def run_uv(source: Path, options: list[str]) -> None:
    """Compile one file with these options of `uv pip compile`."""
    target = source.with_suffix(".txt")
    options = [*overrides(source), *options]
    uv = local["uv"].with_env(UV_PYTHON_DOWNLOADS="never").with_cwd(source.parent)
    command = [*COMPILE, *options, source.name, "-o", target.name]
    uv[command] & FG


def main(options: list[str]) -> int:
    """Compile all, or one layer's; 1 if some could not be, such as those with an index that can't be reached."""
    failed = []
    only = ""
    if options[:1] == ["--only"]:
        _, only, *options = options
    for source in sources():
        if only and f"{{{{{only}}}}}" not in source.parts:
            continue
        try:
            compile_one(source, options)
        except ProcessExecutionError:
            failed.append(source.relative_to(ROOT))
    for source in failed:
        print(f"could not compile {source}: its lock is as it was", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
