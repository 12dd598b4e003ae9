"""Findings: their order, and sentences about them that several rooms use."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from keiryo.records.base import Finding, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
NAMED = 8


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings by severity, most severe first; equal ones keep their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def count(number: int, one: str, many: str) -> str:
    """Return a number with its noun: `one` for 1, else `many` (1 image is, 2 images are)."""
    return f"{number} {one if number == 1 else many}"


def some_of(names: Sequence[str], *, joint: str = ", ") -> str:
    """Return the first of `names` in a sentence, and how many more there are."""
    if len(names) <= NAMED + 1:  # to name one more is no longer than to count it
        return joint.join(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


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
