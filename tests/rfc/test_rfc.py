"""What is said of the RFCs is in them: sections exist, quotes are exact, each MUST of 3.10 has its row."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.rfc.citations import Citation, citations, cited_in
from tests.rfc.text import FOLDER, holds, normalized, numbers, sections

RULES = tomllib.loads((FOLDER / "rules.toml").read_text(encoding="utf-8"))["rule"]


def fault(citation: Citation) -> str:
    """What is wrong with a citation, empty where nothing is, or where the text is not here."""
    if citation.rfc not in numbers():
        return ""
    if citation.section not in sections(citation.rfc):
        return f"{citation.where}: RFC {citation.rfc} has no section {citation.section}"
    if citation.quote is not None and not holds(citation.rfc, citation.section, citation.quote):
        return (
            f"{citation.where}: RFC {citation.rfc} section {citation.section} does not say {citation.quote!r}"
        )
    return ""


def test_the_texts_are_whole() -> None:
    assert numbers() == [1122, 1337, 5961, 7323, 9293]
    assert len(sections(9293)) > 75
    assert sections(9293)["3.10.7.4"].title == "Other States"
    assert sections(5961)["3.2"].title == "Mitigation"
    assert sections(1122)["4.2.2.13"].title.startswith("Closing a Connection")
    assert holds(1337, "3", "Ignore RST segments in TIME-WAIT state.")
    assert not any("[Page" in section.text for number in numbers() for section in sections(number).values())


def test_what_is_cited_is_there() -> None:
    cited = cited_in(ROOT, "tcptrace_py", "docs", "tests/model", "README.md", "CONTRIBUTING.md")
    assert len([each for each in cited if each.rfc in numbers()]) > 60
    assert len([each for each in cited if each.quote is not None]) > 15
    assert [fault(each) for each in cited if fault(each)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RFC 9293 section 3.10.9 says", "x:1: RFC 9293 has no section 3.10.9"),
        ("RFC 9293 sections 3.6, 3.11 and 3.4", "x:1: RFC 9293 has no section 3.11"),
        ("(RFC 5961, section 3.2, RFC 7323 section 5.9)", "x:1: RFC 7323 has no section 5.9"),
        (
            'RFC 9293 section 3.10.8: "enter the LISTEN state"',
            "x:1: RFC 9293 section 3.10.8 does not say 'enter the LISTEN state'",
        ),
        ('RFC 9293 section 3.10.8: "enter the CLOSED state, and return"', ""),
        ('RFC 9293 section 3.10.8: "If the time-wait timeout … enter the CLOSED state"', ""),
        ("RFC 9293 sections 3.5 (figures 8 to 10) and 3.10.7.4", ""),
        ("RFC 4321 section 99", ""),
    ],
)
def test_a_wrong_citation_is_found(text: str, said: str) -> None:
    assert "".join(map(fault, citations(text, "x:1"))) == said


@pytest.mark.parametrize("row", RULES, ids=lambda row: f"{row['section']}: {row['rule'][:50]}")
def test_each_rule_stands_in_its_section(row: dict[str, object]) -> None:
    assert holds(9293, str(row["section"]), str(row["rule"]))
    assert row["reading"]


def test_no_must_of_event_processing_is_forgotten() -> None:
    musts = 0
    for number, section in sections(9293).items():
        if not number.startswith("3.10"):
            continue
        covered = set()
        for row in RULES:
            rule = normalized(row["rule"])
            if row["section"] == number and "…" not in rule:
                begin = section.text.find(rule)
                covered.update(range(begin, begin + len(rule)))
        for must in re.finditer(r"\bMUST\b(?!-)", section.text):
            musts += 1
            around = section.text[max(0, must.start() - 80) : must.end() + 60]
            assert must.start() in covered, f"section {number}: … {around} …"
    assert musts == 9


@pytest.mark.parametrize("row", RULES, ids=lambda row: f"{row['section']}: {row['rule'][:50]}")
def test_the_tests_of_a_rule_exist(row: dict[str, list[str]]) -> None:
    for name in row["tests"]:
        path, _, test = name.partition("::")
        if test:
            assert re.search(rf"^def {test}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), name
        else:
            assert (ROOT / "sample_pcaps" / f"{name}.pcap").exists(), name
            catalogues = (
                path.read_text(encoding="utf-8") for path in Path(ROOT / "tests" / "samples").glob("*.py")
            )
            assert any(f'"{name}"' in text or f"{name}.pcap" in text for text in catalogues), name
