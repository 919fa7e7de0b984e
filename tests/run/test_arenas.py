"""Python's objects in huge pages: the same reports, and the usual pages where there are no others."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tcptrace_py.engine import engine
from tcptrace_py.report.formats import json as json_report
from tcptrace_py.run.analyze import analyze
from tests.conftest import ROOT, environment

pytestmark = pytest.mark.skipif(
    engine() != "compiled" or sys.platform != "linux", reason="compiled, and Linux alone gives such advice"
)

SAMPLES = [
    str(ROOT / "sample_pcaps" / name)
    for name in ("sick_service.pcap", "all_eleven_states.pcap", "keep_alive_race.pcap")
]
# Says how much of the address space was reserved, and what it reports.
_SCRIPT = """
import json, resource, sys
from tcptrace_py import analyze
from tcptrace_py.report.formats import json as json_report
from tcptrace_py.run.arenas import reserved_bytes, use_huge_pages
assert reserved_bytes() == 0
assert use_huge_pages(0)
if sys.argv[1] == "limited":
    # Arenas of 1 MiB fit in what is left of the address space, no region of 64 does.
    with open("/proc/self/statm") as file:
        used_bytes = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used_bytes + (60 << 20), resource.RLIM_INFINITY))
objects = [object() for _ in range(2_000_000)]
reserved = reserved_bytes()
reports = [json_report.encode(analyze(path)).decode() for path in sys.argv[2:]]
# Given back, and taken once more.
del objects
objects = [object() for _ in range(1_000_000)]
again = [json_report.encode(analyze(path)).decode() for path in sys.argv[2:]]
print(json.dumps({"reserved": reserved, "after": reserved_bytes(), "reports": reports, "again": again}))
"""


@pytest.mark.parametrize("memory", ["enough", "limited"])
def test_reports_are_the_same(memory: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, memory, *SAMPLES],
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=str(ROOT)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    expected = [bytes(json_report.encode(analyze(path))).decode() for path in SAMPLES]
    assert told["reports"] == told["again"] == expected
    if memory == "limited":
        assert told["reserved"] == told["after"] == 0
    else:
        # What was given back was taken again: two million objects of 16 bytes are not 64 MiB.
        assert told["reserved"] == told["after"] == 64 << 20


def test_the_library_leaves_the_allocator_alone() -> None:
    from tcptrace_py.run.arenas import reserved_bytes

    objects = [object() for _ in range(3_000_000)]
    assert len(objects) and reserved_bytes() == 0
