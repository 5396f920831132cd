"""What changed in the template between two of its versions, from its CHANGELOG.md."""

from __future__ import annotations

import re
import tempfile

from lib import programs
from lib.cli import log

# how copier writes the address of a repository
HOSTS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/", "git+": ""}
SECTION = re.compile(r"^## v?(?P<version>\d+(?:\.\d+)*).*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def between(source: str, current: str, newest: str) -> str:
    """The sections for the versions after `current`, up to `newest`; empty where the template has none."""
    sections = [
        match[0].strip()
        for match in SECTION.finditer(_read(source, newest))
        if _numbers(current) < _numbers(match["version"]) <= _numbers(newest)
    ]
    return "\n\n".join(sections)


def _read(source: str, version: str) -> str:
    """CHANGELOG.md of a release; empty if there is none."""
    for alias, address in HOSTS.items():
        if source.startswith(alias):
            source = address + source[len(alias) :]
    with tempfile.TemporaryDirectory() as folder:
        clone = ["git", "clone", "--quiet", "--depth", "1", "--no-checkout", "--branch", f"v{version}", source, folder]
        log.debug("%s", " ".join(clone))
        programs.attempt(clone)
        return programs.attempt(["git", "-C", folder, "show", "HEAD:CHANGELOG.md"]).stdout


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, as in (1, 2, 0)."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in release[0].split(".")) if release else ()
