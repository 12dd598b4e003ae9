"""The audit of a set of images: findings to know before training on it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from keiryo.data.audit import copies_and_leaks, odd_images
from keiryo.data.audit.evidence import DataEvidence
from keiryo.data.survey_record import Survey
from keiryo.records.base import Finding, Severity
from keiryo.records.data import DataCheck, UnreadableImage
from keiryo.records.findings import findings_of_left_out, gravest_first
from keiryo.sentences import count, some_of
from keiryo.version import __version__

IMBALANCE_RATIO = 3.0
FEW_IMAGES = 20

# Code of the reason why an image is left out -> severity, words, advice.
LEFT_OUT_FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "unreadable": ("warning", "cannot be read and left out", "Replace or delete them."),
    "too_large": ("warning", "too large to decode and left out", "Save them smaller."),
}


def audit(survey: Survey, further: Iterable[Finding] = ()) -> DataCheck:
    """Return the findings of `DATA_CHECKS` about `survey` and `further` ones, the gravest first."""
    evidence = DataEvidence(survey)
    findings = [finding for check in DATA_CHECKS for finding in check(evidence)]
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
        exact_copies=evidence.groups(evidence.copies),
        near_copies=evidence.near_copies,
        label_conflicts=evidence.groups(evidence.conflicts),
        split_leaks=evidence.leaks,
        imbalance=evidence.imbalance,
        findings=gravest_first([*survey.findings, *findings, *further]),
    )


def left_out(evidence: DataEvidence) -> Iterator[Finding]:
    """Find images that could not be read: `unreadable`, `too_large`."""
    reasons = [(entry.code, entry.name, entry.reason) for entry in evidence.survey.left_out]
    yield from findings_of_left_out(reasons, LEFT_OUT_FINDINGS, one="image", many="images")


def imbalance(evidence: DataEvidence) -> Iterator[Finding]:
    """Find a class that is several times as large as another: `imbalance`."""
    found = evidence.imbalance
    if found.ratio > IMBALANCE_RATIO:
        yield Finding(
            code="imbalance",
            severity="warning",
            evidence=f"'{found.largest}' has {found.largest_images} images, "
            f"'{found.smallest}' {found.smallest_images}",
            advice="Large classes will dominate the accuracy; add images of the small ones.",
        )


def small_classes(evidence: DataEvidence) -> Iterator[Finding]:
    """Find classes with few images: `few_pictures`."""
    classes = evidence.survey.classes
    labels = [image.label for image in evidence.survey.images]
    counts = np.bincount(labels, minlength=len(classes))
    if few := [label for label, count in enumerate(counts) if count < FEW_IMAGES]:
        few.sort(key=lambda label: counts[label])
        names = some_of([f"{classes[label]} ({counts[label]})" for label in few])
        yield Finding(
            code="few_pictures",
            severity="warning",
            evidence=f"{count(len(few), 'class has', 'classes have')} fewer than {FEW_IMAGES} "
            f"images: {names}",
            advice="The accuracy of these classes will vary by chance; add images.",
        )


DATA_CHECKS: tuple[Callable[[DataEvidence], Iterator[Finding]], ...] = (
    left_out,
    copies_and_leaks.conflicting_labels,
    copies_and_leaks.conflicting_near_copies,
    copies_and_leaks.exact_copies,
    copies_and_leaks.near_copies,
    copies_and_leaks.one_sided_classes,
    copies_and_leaks.split_leaks,
    copies_and_leaks.too_alike,
    odd_images.notes,
    odd_images.indistinct,
    odd_images.gray,
    odd_images.odd_sizes,
    odd_images.little_detail,
    imbalance,
    small_classes,
)
