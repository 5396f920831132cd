"""Run the commands of docs/life-of-a-project.md and write down what they print: `python -m scripts.document_life`.

A command stands behind `$ ` in a block of the page that begins with ```console, or in a comment `<!-- $ ... -->`, which
is for what happens elsewhere, such as a release of the template. All of them run in order, in an empty home folder,
with `gh:org/mcc-template` standing for a repository of this working tree.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

from plumbum import local

from extensions.template_parts import ROOT, copy_part, copy_template

PAGE = ROOT / "docs/life-of-a-project.md"
STEP = re.compile(r"^```console\n(?P<shown>.*?)^```$|^<!-- \$ (?P<hidden>.*?) -->$", re.MULTILINE | re.DOTALL)

# What the commands of the comments may use.
FUNCTIONS = """
template=~/.template/mcc-template

release() {  # VERSION NOTE: commit what was changed in the template, with a section of the changelog, and tag it
    printf '# Changelog\\n\\n## %s\\n\\n- %s\\n' "$1" "$2" > $template/CHANGELOG.md
    git -C $template add --all
    git -C $template commit --quiet --message "$1"
    git -C $template tag "v$1"
}

install_update() {  # what do/update installs when it first runs, from the environment that this runs in
    ln -s ~/.environment do/.venv-update
    sha256sum do/requirements-update.txt | cut -d ' ' -f 1 > ~/.environment/requirements.sha256
}
"""


class Shell:
    """A shell that remembers its folder between commands, with a home folder of its own."""

    def __init__(self, home: Path) -> None:
        self._home = self._folder = home
        (home / ".functions").write_text(FUNCTIONS)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MCC_", "COPIER_", "AWS_"))},
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",  # lines in the order of a terminal
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, command: str) -> str:
        """What the command prints; the home folder is shown as ~."""
        script = f". ~/.functions\n{command}\npwd > ~/.folder"
        # not plumbum, which can't take a variable out of the environment
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._folder = Path((self._home / ".folder").read_text().strip())
        return done.stdout.replace(str(self._home), "~")


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def rewritten(page: str) -> str:
    """The page with what its commands print now."""
    with tempfile.TemporaryDirectory(prefix="life-") as folder:
        home = Path(folder).resolve()
        prepare(home)
        shell = Shell(home)
        return STEP.sub(lambda step: replayed(step, shell), page)


def replayed(step: re.Match[str], shell: Shell) -> str:
    """A step of the page after it has been run."""
    if step["hidden"]:
        if printed := shell.run(step["hidden"]):
            sys.exit(f"{step['hidden']}: {printed}")
        return step[0]
    commands = [line for line in step["shown"].splitlines() if line.startswith("$ ")]
    return "```console\n" + "".join(f"{line}\n{shell.run(line[2:])}" for line in commands) + "```"


def prepare(home: Path) -> None:
    """The template, where https://github.com/org/ is looked up, and the packages of do/update."""
    template = home / ".template/mcc-template"
    copy_template(template)
    copy_part(ROOT / "CHANGELOG.md", template / "CHANGELOG.md")
    template.with_suffix(".git").symlink_to(template)  # Copier adds the suffix
    (home / ".gitconfig").write_text(
        "[user]\n\tname = owner\n\temail = owner@localhost\n"
        f'[url "{template.parent}/"]\n\tinsteadOf = https://github.com/org/\n'
    )
    local["git"].with_cwd(template).with_env(HOME=str(home))("init", "--quiet")
    environment = home / ".environment"
    venv.create(environment, with_pip=False)
    packages = environment / "lib/python{}.{}/site-packages/these.pth".format(*sys.version_info)
    packages.write_text(sysconfig.get_path("purelib") + "\n")


if __name__ == "__main__":
    main()
