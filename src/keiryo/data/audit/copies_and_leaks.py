"""Findings about images that occur more than once or on both sides of a split."""

from collections.abc import Iterator

from keiryo.data.audit.evidence import DataEvidence
from keiryo.records.base import Finding
from keiryo.sentences import count, some_of


def conflicting_labels(evidence: DataEvidence) -> Iterator[Finding]:
    """Find the same pixels under several classes: `label_conflict`."""
    if conflicts := evidence.conflicts:
        yield Finding(
            code="label_conflict",
            severity="error",
            evidence=f"{count(len(conflicts), 'image stands', 'images stand')} under more than "
            "one class",
            advice="Decide which class is right and delete the others. Until then, each counts "
            f"for every class that it stands under. {_effect_on_split(evidence)}",
            groups=evidence.groups(conflicts),
        )


def conflicting_near_copies(evidence: DataEvidence) -> Iterator[Finding]:
    """Find near-copies under two classes: `near_conflict`."""
    if pairs := [pair for pair in _credible_near_copies(evidence) if len(set(pair.labels)) > 1]:
        yield Finding(
            code="near_conflict",
            severity="warning",
            evidence=f"{count(len(pairs), 'pair', 'pairs')} of near-copies under two classes",
            advice="If they show the same object, decide which class is right. Each keeps its "
            f"class until then. {_effect_on_split(evidence)}",
            groups=pairs,
        )


def exact_copies(evidence: DataEvidence) -> Iterator[Finding]:
    """Find images that occur more than once under one class: `exact_copies`."""
    if same := [group for group in evidence.copies if group not in evidence.conflicts]:
        yield Finding(
            code="exact_copies",
            severity="info",
            evidence=f"{count(len(same), 'image is', 'images are')} there more than once",
            advice=f"{_effect_on_split(evidence)} Delete them to save time.",
            groups=evidence.groups(same),
        )


def near_copies(evidence: DataEvidence) -> Iterator[Finding]:
    """Find near-copies in one class: `near_copies`."""
    if pairs := [pair for pair in _credible_near_copies(evidence) if len(set(pair.labels)) == 1]:
        yield Finding(
            code="near_copies",
            severity="info",
            evidence=f"{count(len(pairs), 'pair looks', 'pairs look')} nearly the same",
            advice=_effect_on_split(evidence),
            groups=pairs,
        )


def one_sided_classes(evidence: DataEvidence) -> Iterator[Finding]:
    """Find classes without a training or a held-out image: `class_on_one_side`."""
    if not evidence.has_own_split:
        return
    images, names = evidence.survey.images, evidence.survey.classes
    training = {image.label for image in images if (image.split or "train") == "train"}
    held_out = {image.label for image in images if (image.split or "train") != "train"}
    for labels, words in (
        (held_out - training, "no training image"),
        (training - held_out, "no held-out image"),
    ):
        if labels:
            listed = some_of([f"'{names[label]}'" for label in sorted(labels)])
            yield Finding(
                code="class_on_one_side",
                severity="error",
                evidence=f"{count(len(labels), 'class has', 'classes have')} {words}: {listed}",
                advice="Check that its folder has the same name in each split.",
            )


def split_leaks(evidence: DataEvidence) -> Iterator[Finding]:
    """Find held-out images that are training images too: `split_leak`."""
    if leaks := evidence.leaks:
        exact = sum(leak.distance == 0 for leak in leaks)
        yield Finding(
            code="split_leak",
            severity="error",
            evidence=f"{count(len(leaks), 'held-out image is', 'held-out images are')} among the "
            f"training images too, {exact} exactly and {len(leaks) - exact} nearly",
            advice="The accuracy would be too high with them, so they are left out of it. Remove "
            "them from one of the splits.",
            groups=leaks,
        )


def too_alike(evidence: DataEvidence) -> Iterator[Finding]:
    """Find images that look so alike that near-copies cannot be recognised: `too_alike`."""
    rows = evidence.alike.too_alike
    if rows.size:
        splits = {evidence.survey.images[row].split or "train" for row in rows}
        yield Finding(
            code="too_alike",
            severity="warning" if len(splits) > 1 else "info",
            evidence=f"{len(rows)} images look so alike that none can be called a near-copy"
            + (", and they are on both sides of the split" if len(splits) > 1 else ""),
            advice="Only their exact copies are kept on one side of a split. If they show few "
            "subjects, split them by subject, or the accuracy may be too high.",
        )


def _credible_near_copies(evidence: DataEvidence) -> list:
    """Return the near-copies that are not among the images that look too alike."""
    images = evidence.survey.images
    crowded = {images[row].name for row in evidence.alike.too_alike}
    return [pair for pair in evidence.near_copies if pair.files[0] not in crowded]


def _effect_on_split(evidence: DataEvidence) -> str:
    if evidence.has_own_split:
        return "Held-out images that are training images too are left out of the accuracy."
    return "Copies are kept on one side of a split."
