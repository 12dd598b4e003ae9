"""What is worth knowing about a set of images before training on it."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from keiryo.data.audit.odd_images import odd_images
from keiryo.data.survey.copies import Alike, alike_groups, exact_groups, labels_of, members
from keiryo.data.survey.split import has_own_split
from keiryo.data.survey_record import Survey
from keiryo.records.base import Finding, ImageGroup, Severity
from keiryo.records.data import DataCheck, Imbalance, UnreadableImage
from keiryo.records.plural import counted
from keiryo.version import __version__

IMBALANCE_RATIO = 3.0
FEW_IMAGES = 20

# code of what kept an image from being read -> severity, what it is, what to do
LEFT_OUT_FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "unreadable": ("warning", "cannot be read and left out", "Replace or delete them."),
    "too_large": ("warning", "too large to decode and left out", "Save them smaller."),
}


def audit(survey: Survey, further: list[Finding] | None = None) -> DataCheck:
    """Return all that is amiss with the images of `survey`, with `further` findings among it.

    Findings of its own: those of `keiryo.data.audit.odd_images`, and `unreadable`, `too_large`,
    `label_conflict` (the same pixels under several classes), `near_conflict` (nearly
    the same image under several), `exact_copies`, `near_copies`, `split_leak`,
    `too_alike`, `imbalance`, `few_pictures`.
    """
    copies = [group for group in members(exact_groups(survey)) if len(group) > 1]
    conflicts = [group for group in copies if len(set(labels_of(survey, group))) > 1]
    near = [_group(survey, [one, other], distance) for one, other, distance in survey.near_copies]
    alike = alike_groups(survey)
    leaks = _leaks(survey, alike)
    imbalance = _imbalance(survey)
    findings = [
        *survey.findings,
        *_left_out(survey),
        *_copy_findings(survey, copies, conflicts, _told_apart(survey, alike, near)),
        *_one_sided_classes(survey),
        *_leak_findings(leaks),
        *_too_alike(survey, alike),
        *odd_images(survey),
        *_balance_findings(survey, imbalance),
        *(further or []),
    ]
    order = {"error": 0, "warning": 1, "info": 2}
    splits = Counter(image.split for image in survey.images if image.split)
    labels = Counter(image.label for image in survey.images)
    return DataCheck(
        keiryo_version=__version__,
        name=survey.name,
        images=len(survey.images),
        classes={name: labels[label] for label, name in enumerate(survey.classes)},
        splits=dict(splits),
        unreadable=[
            UnreadableImage(file=entry.name, reason=entry.reason) for entry in survey.left_out
        ],
        exact_copies=[_group(survey, group) for group in copies],
        near_copies=near,
        label_conflicts=[_group(survey, group) for group in conflicts],
        split_leaks=leaks,
        imbalance=imbalance,
        findings=sorted(findings, key=lambda finding: order[finding.severity]),
    )


def _group(survey: Survey, rows: list[int], distance: int | None = None) -> ImageGroup:
    images = [survey.images[row] for row in rows]
    return ImageGroup(
        files=[image.name for image in images],
        labels=labels_of(survey, rows),
        splits=[image.split or "" for image in images] if has_own_split(survey) else [],
        distance=distance,
    )


def _leaks(survey: Survey, alike: Alike) -> list[ImageGroup]:
    """Return each held-out image that is a training image too, with the nearest of those."""
    if not has_own_split(survey):
        return []
    splits = [image.split or "train" for image in survey.images]
    distances = {tuple(sorted(pair[:2])): pair[2] for pair in survey.near_copies}
    leaks = []
    for group in members(alike.groups):
        training = [row for row in group if splits[row] == "train"]
        for row in group if training else ():
            if splits[row] != "train":
                nearest = min(training, key=lambda other: _distance(survey, distances, row, other))
                distance = _distance(survey, distances, row, nearest)
                known = None if distance == UNKNOWN_DISTANCE else distance
                leaks.append(_group(survey, [nearest, row], known))
    return leaks


# Of two in one group that are not near themselves but each near a third.
UNKNOWN_DISTANCE = 257


def _distance(survey: Survey, distances: dict[tuple[int, ...], int], one: int, other: int) -> int:
    if survey.images[one].facts.digest == survey.images[other].facts.digest:
        return 0
    return distances.get(tuple(sorted((one, other))), UNKNOWN_DISTANCE)


def _left_out(survey: Survey) -> Iterator[Finding]:
    files: dict[str, list[str]] = defaultdict(list)
    for entry in survey.left_out:
        files[entry.code].append(f"{entry.name} ({entry.reason})")
    for code, (severity, what, advice) in LEFT_OUT_FINDINGS.items():
        if code in files:
            yield Finding(
                code=code,
                severity=severity,
                evidence=f"{counted(len(files[code]), 'image', 'images')} {what}",
                advice=advice,
                files=sorted(files[code]),
            )


def _copy_findings(
    survey: Survey, copies: list[list[int]], conflicts: list[list[int]], near: list[ImageGroup]
) -> Iterator[Finding]:
    if conflicts:
        yield Finding(
            code="label_conflict",
            severity="error",
            evidence=f"{counted(len(conflicts), 'image stands', 'images stand')} "
            "under more than one class",
            advice="Decide which class is right and delete the others.",
            groups=[_group(survey, group) for group in conflicts],
        )
    if at_odds := [pair for pair in near if len(set(pair.labels)) > 1]:
        yield Finding(
            code="near_conflict",
            severity="warning",
            evidence=f"{counted(len(at_odds), 'pair', 'pairs')} of near-copies under two classes",
            advice="If they show the same, decide which class is right.",
            groups=at_odds,
        )
    if same := [group for group in copies if group not in conflicts]:
        yield Finding(
            code="exact_copies",
            severity="info",
            evidence=f"{counted(len(same), 'image is', 'images are')} there more than once",
            advice=f"{_what_splits_do(survey)} Delete them to save time.",
            groups=[_group(survey, group) for group in same],
        )
    if agreeing := [pair for pair in near if pair not in at_odds]:
        yield Finding(
            code="near_copies",
            severity="info",
            evidence=f"{counted(len(agreeing), 'pair looks', 'pairs look')} nearly the same",
            advice=_what_splits_do(survey),
            groups=agreeing,
        )


def _told_apart(survey: Survey, alike: Alike, near: list[ImageGroup]) -> list[ImageGroup]:
    """Return the near-copies, those apart of which there are too many to be copies."""
    too_alike = {survey.images[row].name for row in alike.too_alike}
    return [pair for pair in near if pair.files[0] not in too_alike]


def _what_splits_do(survey: Survey) -> str:
    if has_own_split(survey):
        return "Held-out ones that are trained on too are left out of the accuracy."
    return "They are kept on one side of a split."


def _one_sided_classes(survey: Survey) -> Iterator[Finding]:
    if not has_own_split(survey):
        return
    training = {p.label for p in survey.images if (p.split or "train") == "train"}
    held_out = {p.label for p in survey.images} - training
    never = training - {p.label for p in survey.images if (p.split or "train") != "train"}
    for labels, what in ((held_out, "no training image"), (never, "no held-out image")):
        if labels:
            names = ", ".join(f"'{survey.classes[label]}'" for label in sorted(labels))
            yield Finding(
                code="class_on_one_side",
                severity="error",
                evidence=f"{counted(len(labels), 'class has', 'classes have')} {what}: {names}",
                advice="Check that its folder is named alike in each split.",
            )


def _leak_findings(leaks: list[ImageGroup]) -> Iterator[Finding]:
    if leaks:
        exact = sum(leak.distance == 0 for leak in leaks)
        yield Finding(
            code="split_leak",
            severity="error",
            evidence=f"{counted(len(leaks), 'held-out image is', 'held-out images are')} "
            f"among the training images too, {exact} exactly and {len(leaks) - exact} nearly",
            advice="A score over them is a lie, so they are left out of the accuracy. "
            "Remove them from one of the splits.",
            groups=leaks,
        )


def _too_alike(survey: Survey, alike: Alike) -> Iterator[Finding]:
    rows = alike.too_alike
    if rows.size:
        are_on_both_sides = len({survey.images[row].split or "train" for row in rows}) > 1
        yield Finding(
            code="too_alike",
            severity="warning" if are_on_both_sides else "info",
            evidence=f"{len(rows)} images look so alike that near-copies cannot be told apart"
            + (", and they are on both sides of the split" if are_on_both_sides else ""),
            advice="Of these, only exact copies are kept on one side of a split. "
            "If they come from few subjects, split them by subject, or a score may be a lie.",
        )


def _imbalance(survey: Survey) -> Imbalance:
    counts = Counter(image.label for image in survey.images)
    largest = max(range(len(survey.classes)), key=lambda label: counts[label])
    smallest = min(range(len(survey.classes)), key=lambda label: counts[label])
    return Imbalance(
        largest=survey.classes[largest],
        largest_images=counts[largest],
        smallest=survey.classes[smallest],
        smallest_images=counts[smallest],
        ratio=round(counts[largest] / max(1, counts[smallest]), 2),
    )


def _balance_findings(survey: Survey, imbalance: Imbalance) -> Iterator[Finding]:
    if imbalance.ratio > IMBALANCE_RATIO:
        yield Finding(
            code="imbalance",
            severity="warning",
            evidence=f"'{imbalance.largest}' has {imbalance.largest_images} images, "
            f"'{imbalance.smallest}' {imbalance.smallest_images}",
            advice="Accuracy will speak mostly of the large classes; add images of the small ones.",
        )
    counts = np.bincount([image.label for image in survey.images], minlength=len(survey.classes))
    if few := [label for label, count in enumerate(counts) if count < FEW_IMAGES]:
        names = ", ".join(f"{survey.classes[label]} ({counts[label]})" for label in few)
        yield Finding(
            code="few_pictures",
            severity="warning",
            evidence=f"fewer than {FEW_IMAGES} images: {names}",
            advice="Expect the accuracy to move by chance; add images.",
        )
