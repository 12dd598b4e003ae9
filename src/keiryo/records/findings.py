"""Findings: their order, and those about items that were left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from keiryo.records.base import Finding, Severity
from keiryo.sentences import count

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings by severity, most severe first; equal ones keep their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def findings_of_left_out(
    reasons: Iterable[tuple[str, str, str]],
    table: Mapping[str, tuple[Severity, str, str]],
    *,
    one: str,
    many: str,
) -> Iterator[Finding]:
    """Yield a finding for each code of `reasons`, which are (code, file, reason).

    `table` has the severity, words and advice of each code; `one` and `many` are the nouns for
    the items that were left out.
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
