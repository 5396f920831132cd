"""`make release VERSION=1.2.0`: tag what is committed as a release, once everything that a release needs is there."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import yaml
from packaging.version import InvalidVersion, Version
from plumbum import local

from extensions import record_interface

ROOT = Path(__file__).resolve().parents[1]


class NotReady(Exception):
    """Why there can be no release; the text is one line."""


def main() -> int:
    """0 when the tag is made, or with --dry-run could be; else 1."""
    arguments = argparse.ArgumentParser(prog="make release", description=__doc__)
    arguments.add_argument("version", metavar="VERSION", help="such as 1.2.0")
    arguments.add_argument("--dry-run", action="store_true", help="only check")
    options = arguments.parse_args()
    tag = f"v{options.version}"
    try:
        check(options.version)
    except NotReady as reason:
        print(f"make release: {reason}", file=sys.stderr)
        return 1
    if options.dry_run:
        print(f"would tag {git('rev-parse', '--short', 'HEAD')} as {tag}")
        return 0
    git("tag", "--annotate", tag, "--message", f"mcc-template {options.version}")
    print(f"tagged {tag}; next: git push origin {tag}")
    return 0


def check(version: str) -> None:
    """Raise NotReady unless what is committed can be released as this version."""
    require_version(version)
    if changed := git("status", "--porcelain"):
        raise NotReady(f"{changed.split()[1]} is not committed: commit all, and have it tested")
    if not re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE):
        raise NotReady(f"CHANGELOG.md has no section '## {version}': give its 'Unreleased' that title")
    require_interface()


def require_version(version: str) -> None:
    """Raise NotReady unless this is a version that Copier understands, newer than all others."""
    try:
        if str(Version(version)) != version:
            raise NotReady(f"write {version} as {Version(version)}")
    except InvalidVersion:
        raise NotReady(f"{version!r} is no version (PEP 440): give one such as 1.2.0") from None
    if newer := [tag for tag in tags() if Version(tag) >= Version(version)]:
        raise NotReady(f"{newer[-1]} is there already: tags are never moved, so give a higher version")


def require_interface() -> None:
    """Raise NotReady unless interface.yml has what the template has, and all that the last release had."""
    recorded, current = record_interface.recorded(), record_interface.current()
    if record_interface.merged(recorded, current) != recorded:
        raise NotReady("interface.yml is not current: run python -m extensions.record_interface")
    if tags() and (gone := [*record_interface.lost(released_interface(), recorded)]):
        raise NotReady(f"interface.yml lacks {gone[0]}, which was released: git checkout {tags()[-1]} interface.yml")
    if gone := sorted({*record_interface.lost(recorded, current)} - record_interface.migrated()):
        raise NotReady(f"{gone[0]} was released and is gone: no file in migrations/ names it")


def released_interface() -> record_interface.Interface:
    """The record as it was in the last release; nothing where that had none."""
    files = git("ls-tree", "--name-only", tags()[-1])
    text = git("show", f"{tags()[-1]}:interface.yml") if "interface.yml" in files.splitlines() else ""
    return yaml.safe_load(text) or {"questions": {}, "settings": [], "handler": []}


def tags() -> list[str]:
    """The tags of the releases, oldest first."""
    return sorted(git("tag", "--list", "v[0-9]*").split(), key=Version)


def git(*arguments: str) -> str:
    """What git prints. Raises NotReady where it fails."""
    code, output, errors = local["git"].with_cwd(ROOT)[arguments].run(retcode=None)
    if code:
        raise NotReady(f"git {arguments[0]} failed: {' '.join(errors.split())}")
    return output.strip()


if __name__ == "__main__":
    sys.exit(main())
