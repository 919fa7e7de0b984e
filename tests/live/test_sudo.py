"""``sudo tcptrace-py exec`` with a real sudo: the command runs as the user would run it."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.conftest import ROOT

_UID = 4242
_NAME = "tcptrace-lab"
# An account and a rule for it, in a mount namespace where nobody else sees them.
_SCRIPT = """
set -e
cp /etc/passwd /etc/group /etc/shadow {folder}/
echo '{name}:x:{uid}:{uid}::{folder}/home:/bin/sh' >> {folder}/passwd
echo '{name}:x:{uid}:' >> {folder}/group
echo '{name}:*:19000:0:99999:7:::' >> {folder}/shadow
printf '%s\\n' 'Defaults env_reset' \
    'Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"' \
    '{name} ALL=(ALL) NOPASSWD: ALL' > {folder}/sudoers
chmod 440 {folder}/sudoers
for each in passwd group shadow sudoers; do mount --bind {folder}/$each /etc/$each; done
ip link set lo up
cd {folder}/home
exec setpriv --reuid {uid} --regid {uid} --init-groups env -i HOME={folder}/home USER={name} LOGNAME={name} \
    SHELL=/bin/sh MINE=kept PATH={folder}/home/bin:/usr/bin:/bin sh -c {command}
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that another user can reach, with ``tcptrace-py`` on that user's PATH alone."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("sudo", "unshare", "setpriv", "ip"))):
        pytest.skip("needs root, sudo, unshare, setpriv and ip")
    # The interpreter too has to be within the user's reach.
    python = f"/usr/bin/python{sysconfig.get_python_version()}"
    if not Path(python).exists():
        pytest.skip(f"there is no {python} that another user may run")
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        binaries = folder / "home" / "bin"
        binaries.mkdir(parents=True)
        paths = ":".join([str(ROOT), *site.getsitepackages(), *sys.path[1:][-1:]])
        program = binaries / "tcptrace-py"
        program.write_text(f'#!/bin/sh\nPYTHONPATH={paths} exec {python} -m tcptrace_py "$@"\n')
        tool = binaries / "my-tool"
        tool.write_text(
            '#!/bin/sh\necho "$(id -un) $HOME $USER $LOGNAME $MINE $FROM_SUDO ${SUDO_USER-none} $PATH"\n'
        )
        program.chmod(0o755)
        tool.chmod(0o755)
        os.chown(folder / "home", _UID, _UID)
        yield folder


def as_user(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    script = _SCRIPT.format(folder=folder, name=_NAME, uid=_UID, command="'" + command + "'")
    return subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_is_the_user_s_own(home: Path) -> None:
    done = as_user(
        home,
        'sudo -n FROM_SUDO=given "$(command -v tcptrace-py)" exec -i lo --settle 0 --json r.json -- my-tool',
    )
    if "unshare" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"{_NAME} {home}/home {_NAME} {_NAME} kept given none {home}/home/bin:/usr/bin:/bin\n"
    )
    # The report is that user's file.
    assert (home / "home" / "r.json").stat().st_uid == _UID


def test_secure_path_hides_the_program_and_not_the_command(home: Path) -> None:
    done = as_user(home, "sudo -n tcptrace-py --version")
    if "unshare" in done.stderr:
        pytest.skip(done.stderr.splitlines()[0])
    assert done.returncode == 1 and "command not found" in done.stderr
