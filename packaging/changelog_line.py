"""Asks that a change of the package has its line in CHANGELOG.md.

``changelog_line.py --staged MESSAGE_FILE`` looks at what is about to be committed (a commit-msg hook),
``changelog_line.py BASE`` at each commit since BASE, which is what CI asks of a branch. A commit that
no user notices has a line ``Changelog: none`` in its message. Status 1 where a line is lacking.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CHANGELOG = "CHANGELOG.md"
_WAIVER = re.compile(r"^Changelog: none\s*$", re.MULTILINE | re.IGNORECASE)


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


def lacks(files: list[str], message: str) -> bool:
    """Whether a change of ``files`` should have touched the changelog, and did not say why not."""
    package = any(path.startswith("tcptrace_py/") for path in files)
    return package and CHANGELOG not in files and not _WAIVER.search(message)


def main(arguments: list[str]) -> int:
    lacking = []
    if len(arguments) == 2 and arguments[0] == "--staged":
        if lacks(git("diff", "--cached", "--name-only").splitlines(), Path(arguments[1]).read_text()):
            lacking.append("this commit")
    elif len(arguments) == 1 and not arguments[0].startswith("-"):
        for commit in git("rev-list", "--no-merges", f"{arguments[0]}..HEAD").split():
            files = git("show", "--format=", "--name-only", commit).splitlines()
            if lacks(files, git("show", "--no-patch", "--format=%B", commit)):
                lacking.append(git("show", "--no-patch", "--format=%h %s", commit).strip())
    else:
        print(__doc__, file=sys.stderr)
        return 2
    for each in lacking:
        print(
            f"{each}: no line in {CHANGELOG} (nothing that a user notices? 'Changelog: none' in the message)"
        )
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
