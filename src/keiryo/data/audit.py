"""What is worth knowing about a set of pictures before training on it."""

from collections import Counter, defaultdict

from keiryo.data.pack import PackHeader
from keiryo.data.split import Splits
from keiryo.results import Finding

IMBALANCE_RATIO = 3.0
FEW_PICTURES = 20


def audit(header: PackHeader, splits: Splits) -> list[Finding]:
    """Return all findings about the pictures of a pack, the gravest first.

    Those made while reading, those of the split, and: `label_conflict` (the same
    pixels under several classes), `exact_copies`, `imbalance`, `few_pictures`.
    """
    findings = [*header.findings, *splits.findings, *_copies(header), *_balance(header)]
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(findings, key=lambda finding: order[finding.severity])


def _copies(header: PackHeader) -> list[Finding]:
    groups: dict[str, list[int]] = defaultdict(list)
    for row, picture in enumerate(header.pictures):
        groups[picture.digest].append(row)
    copies = [group for group in groups.values() if len(group) > 1]
    conflicts = [
        group for group in copies if len({header.pictures[row].label for row in group}) > 1
    ]
    findings = []
    if conflicts:
        findings.append(
            Finding(
                code="label_conflict",
                severity="error",
                evidence=f"{_count(conflicts, 'picture stands', 'pictures stand')} "
                "under more than one class",
                advice="Decide which class is right and delete the others.",
                files=_names(header, conflicts),
            )
        )
    if same := [group for group in copies if group not in conflicts]:
        findings.append(
            Finding(
                code="exact_copies",
                severity="info",
                evidence=f"{_count(same, 'picture is', 'pictures are')} there more than once",
                advice="Copies are kept on one side of the split; delete them to save time.",
                files=_names(header, same),
            )
        )
    return findings


def _balance(header: PackHeader) -> list[Finding]:
    counts = Counter(picture.label for picture in header.pictures)
    (most, largest), *_, (least, smallest) = counts.most_common()
    findings = []
    if largest > IMBALANCE_RATIO * smallest:
        findings.append(
            Finding(
                code="imbalance",
                severity="warning",
                evidence=f"'{header.classes[most]}' has {largest} pictures, "
                f"'{header.classes[least]}' {smallest}",
                advice="Accuracy will speak mostly of the large classes; "
                "add pictures of the small ones.",
            )
        )
    few = [label for label, count in counts.items() if count < FEW_PICTURES]
    if few:
        names = ", ".join(f"{header.classes[label]} ({counts[label]})" for label in sorted(few))
        findings.append(
            Finding(
                code="few_pictures",
                severity="warning",
                evidence=f"fewer than {FEW_PICTURES} pictures: {names}",
                advice="Expect the accuracy to move by chance; add pictures.",
            )
        )
    return findings


def _count(groups: list[list[int]], one: str, many: str) -> str:
    return f"{len(groups)} {one if len(groups) == 1 else many}"


def _names(header: PackHeader, groups: list[list[int]]) -> list[str]:
    return [" = ".join(header.pictures[row].name for row in group) for group in groups]
