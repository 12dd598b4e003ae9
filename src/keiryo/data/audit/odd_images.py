"""Findings about images that are unlike the rest: blank, dark, blurred, of an odd size."""

from collections.abc import Iterator

import numpy as np

from keiryo.data.audit.evidence import DataEvidence
from keiryo.data.image.facts import BLANK_CONTRAST, EXAMINED_SIDE, ImageFacts
from keiryo.data.survey_record import Survey
from keiryo.records.base import Finding, Severity
from keiryo.records.data import Fit
from keiryo.sentences import count

# An image is dark if the mean plus two standard deviations of its grey values is below this.
DARK = 40.0
# Shares of the set's median, since sharpness and size differ from set to set.
BLURRED_SHARE = 0.3
SMALL_SHARE = 0.25
LONGEST_ASPECT = 2.0
# Shares of an image's area. From the first on, cropping may remove what lies at the edge; above the
# second, the object itself.
SMALLEST_CUT = 0.1
LARGE_CUT = 1 / 3
# If the median image has at most this share of the detail that its size allows, the set is soft.
LITTLE_DETAIL = 0.5
# An image counts as enlarged if its shorter side is below this share of the size.
ENLARGED_SHARE = 0.75
# Networks reduce images by this factor, so smaller ones save no time worth having.
SMALLEST_USEFUL_SIZE = 32

# Code of a note -> severity, words, advice.
NOTE_FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "animated": (
        "info",
        "animated; the first frame is used",
        "Nothing to do if that frame shows the object.",
    ),
    "cmyk": ("info", "in CMYK; converted to RGB", "Check that the colours are right."),
    "sixteen_bit": ("info", "with 16 bits a channel; reduced to 8", "Nothing to do."),
    "fewer_bits": (
        "info",
        "stored with more bits than their values have; scaled by 8, 10, 12, 14 or 16 bits, "
        "whichever hold the largest value of each",
        "If some are meant to be dark, save all of them with 8 bits, scaled alike.",
    ),
    "floating_point": (
        "info",
        "in floating point; scaled from 0 to 1, from -1 to 1 or by 8 to 16 bits, whichever fit the "
        "values of each",
        "If some are meant to be dark, save all of them with 8 bits, scaled alike.",
    ),
    "spread": (
        "warning",
        "of a range that their files do not say; each is spread from its least to its greatest "
        "value",
        "The same value may look different in two images: save all of them with 8 bits, scaled "
        "alike.",
    ),
    "transparent": ("info", "with transparency; laid on white", "Nothing to do if white is right."),
    "wrong_suffix": ("info", "in another format than the file name says", "Rename them."),
    "turned": (
        "info",
        "turned upright by the EXIF orientation",
        "Nothing to do here; tools that ignore EXIF will show them on their side.",
    ),
    "filled": (
        "warning",
        "with flat grey at the bottom, as damaged JPEG files have",
        "Look at them, and fetch them again if a part is missing.",
    ),
    "tiny": ("warning", "under 8 pixels on a side", "Check whether they show anything."),
}


def notes(evidence: DataEvidence) -> Iterator[Finding]:
    """Find images with notes from their decoding: the codes of `NOTE_FINDINGS`."""
    for code, (severity, words, advice) in NOTE_FINDINGS.items():
        has_note = [code in image.facts.notes for image in evidence.survey.images]
        yield from _finding(evidence.survey, code, severity, has_note, words, advice)


def indistinct(evidence: DataEvidence) -> Iterator[Finding]:
    """Find images that show hardly anything: `blank`, `dark`, `blurred`."""
    facts = [image.facts for image in evidence.survey.images]
    if not facts:
        return
    contrast = np.array([fact.contrast for fact in facts])
    sharpness = np.array([fact.sharpness for fact in facts])
    is_blank = contrast < BLANK_CONTRAST
    is_dark = ~is_blank & (np.array([fact.brightness for fact in facts]) + 2 * contrast < DARK)
    is_blurred = ~is_blank & ~is_dark & (sharpness < BLURRED_SHARE * np.median(sharpness))
    advice = "Look at them: a network cannot learn from an image that shows nothing."
    survey = evidence.survey
    yield from _finding(survey, "blank", "warning", is_blank, "of one flat colour", advice)
    yield from _finding(survey, "dark", "warning", is_dark, "nearly black", advice)
    yield from _finding(survey, "blurred", "info", is_blurred, "much less sharp than most", advice)


def gray(evidence: DataEvidence) -> Iterator[Finding]:
    """Find images without colour in a set that is mostly in colour: `gray`."""
    is_gray = np.array(["gray" in image.facts.notes for image in evidence.survey.images])
    if is_gray.size and is_gray.mean() <= 0.5:
        yield from _finding(
            evidence.survey,
            "gray",
            "info",
            is_gray,
            "without colour, unlike most",
            "If one class has more of them, a network may learn to recognise the lack of colour.",
        )


def odd_sizes(evidence: DataEvidence) -> Iterator[Finding]:
    """Find images far smaller than most, and very long ones: `odd_size`, `elongated`."""
    shorter, longer = _sides([image.facts for image in evidence.survey.images])
    if not shorter.size:
        return
    median = np.median(shorter)
    yield from _finding(
        evidence.survey,
        "odd_size",
        "info",
        shorter < SMALL_SHARE * median,
        f"far smaller than most (the median shorter side is {median:.0f} pixels)",
        "Check whether they are thumbnails that got in by mistake.",
    )
    yield from _finding(
        evidence.survey,
        "elongated",
        "info",
        longer > LONGEST_ASPECT * shorter,
        f"more than {LONGEST_ASPECT:g} times as long as wide",
        "--fit crop removes more than half of each; --fit letterbox keeps all of it.",
    )


def little_detail(evidence: DataEvidence) -> Iterator[Finding]:
    """Find a set whose images were enlarged or are out of focus: `little_detail`."""
    all_facts = (image.facts for image in evidence.survey.images)
    facts = [fact for fact in all_facts if fact.contrast >= BLANK_CONTRAST]
    if not facts:
        return
    shorter, _ = _sides(facts)
    detail = np.array([fact.detail for fact in facts])
    shown = detail / np.minimum(shorter, EXAMINED_SIDE)
    if np.median(shown) <= LITTLE_DETAIL:
        side = int(np.median(detail))
        yield Finding(
            code="little_detail",
            severity="warning",
            evidence=f"{(shown <= LITTLE_DETAIL).mean():.0%} of the images hold no more detail "
            f"than {side} x {side} pixels can, though their median shorter side is "
            f"{np.median(shorter):.0f}: they were enlarged or are out of focus",
            advice="Use the originals if there are any. With these images, do not expect the "
            f"accuracy that others report at this size. Try a --size nearer to {side}: it is "
            "faster and may lose little accuracy.",
        )


def effects_of_fitting(survey: Survey, *, size: int, fit: Fit) -> Iterator[Finding]:
    """Find the effects of making the images squares of `size`: `cut_off`, `enlarged`."""
    shorter, longer = _sides([image.facts for image in survey.images])
    cut = 1.0 - shorter / longer
    is_cut = cut >= SMALLEST_CUT
    if fit == "crop" and is_cut.any():
        large = [survey.images[row].name for row in np.flatnonzero(cut > LARGE_CUT)]
        yield Finding(
            code="cut_off",
            severity="warning" if cut.mean() > LARGE_CUT else "info",
            evidence=f"{count(int(is_cut.sum()), 'image loses', 'images lose')} a tenth of the "
            f"area or more by --fit crop, {cut[is_cut].mean():.0%} on average"
            + (f"; {count(len(large), 'loses', 'lose')} more than a third" if large else ""),
            advice="If objects may lie outside the middle, use --fit letterbox or stretch.",
            # Nearly all photographs lose a tenth; a list of them would help nobody.
            files=sorted(large),
        )
    is_enlarged = shorter < ENLARGED_SHARE * size
    median = max(SMALLEST_USEFUL_SIZE, int(np.median(shorter)))
    if is_enlarged.mean() > 0.5 and median < size:
        yield Finding(
            code="enlarged",
            severity="info",
            evidence=f"{is_enlarged.mean():.0%} of the images are enlarged to --size {size}: "
            f"their median shorter side is {median}",
            advice=f"--size {median} takes {(median / size) ** 2:.0%} of the time and shows "
            "the network all of their detail.",
        )


def cropped_share(survey: Survey, fit: Fit) -> float:
    """Return the share of the images' area that `fit` cuts off, on average."""
    if fit != "crop" or not survey.images:
        return 0.0
    shorter, longer = _sides([image.facts for image in survey.images])
    return float((1.0 - shorter / longer).mean())


def _sides(facts: list[ImageFacts]) -> tuple[np.ndarray, np.ndarray]:
    sides = np.array([(fact.width, fact.height) for fact in facts]).reshape(-1, 2)
    return sides.min(axis=1), sides.max(axis=1)


def _finding(
    survey: Survey,
    code: str,
    severity: Severity,
    is_odd: np.ndarray | list[bool],
    words: str,
    advice: str,
) -> Iterator[Finding]:
    rows = np.flatnonzero(is_odd)
    if rows.size:
        yield Finding(
            code=code,
            severity=severity,
            evidence=f"{len(rows)} image{'s' * (len(rows) > 1)} {words}",
            advice=advice,
            files=sorted(survey.images[row].name for row in rows),
        )
