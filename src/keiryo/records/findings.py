"""Findings: their order, and sentences that several rooms make of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from keiryo.records.base import Finding, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings by severity; those of the same severity keep their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def count(number: int, one: str, many: str) -> str:
    """Return a number with its words: 1 image is, 2 images are."""
    return f"{number} {one if number == 1 else many}"


def findings_of_left_out(
    reasons: Iterable[tuple[str, str, str]],
    table: Mapping[str, tuple[Severity, str, str]],
    *,
    one: str,
    many: str,
) -> Iterator[Finding]:
    """Yield a finding for each code of `reasons`, which are (code, file, reason).

    `table` gives each code its severity, its words and its advice; `one` and `many` name what was
    left out.
    """
    files: dict[str, list[str]] = defaultdict(list)
    for code, file, reason in reasons:
        files[code].append(f"{file} ({reason})")
    for code, (severity, words, advice) in table.items():
        if code in files:
            yield Finding(
                code=code,
                severity=severity,
                evidence=f"{count(len(files[code]), one, many)} {words}",
                advice=advice,
                files=sorted(files[code]),
            )
