"""The audit of a set of recordings: findings to know before training on it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from keiryo.recordings.pack import PackedRecording, RecordingPack
from keiryo.records.base import Finding, ImageGroup, Severity
from keiryo.records.findings import findings_of_left_out, gravest_first
from keiryo.sentences import count

FEW_RECORDINGS = 5
SHORTEST_SHOWN_SECONDS = 0.1

# Code of the reason why a recording is left out -> severity, words, advice.
LEFT_OUT_FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "unreadable": ("warning", "cannot be read", "Save them again as WAV, FLAC or OGG."),
    "cut_short": ("warning", "cut short", "Copy or record them again."),
    "no_samples": ("warning", "without samples", "Record them again, or leave them out."),
    "not_numbers": ("warning", "with NaN or infinite samples", "Write them again."),
    "silent": ("warning", "silent", "Record them again, or leave them out."),
}
# Code of a note about a recording that is used -> severity, words, advice.
NOTE_FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "chained": (
        "warning",
        "of which only the first stream was read",
        "Cut them into a file for each stream, or save each as one.",
    ),
    "click": (
        "warning",
        "with a click far louder than all else, which was clipped and not counted as loudness",
        "Listen to them; cut the click out, or leave them out.",
    ),
    "clipped": (
        "warning",
        "clipped when they were recorded",
        "The network learns the distortion. Record them again with less gain, or leave them out.",
    ),
    "dc_offset": (
        "info",
        "whose samples are not centred at zero; the offset was removed",
        "Nothing to do; the recording device adds a constant voltage.",
    ),
    "length_missing": (
        "info",
        "whose length was never written into the header, so all samples there were read",
        "Nothing to do; save them again to mend the header.",
    ),
    "length_wrong": (
        "info",
        "whose header gives a wrong length",
        "Listen to their ends; save them again to mend the header.",
    ),
}


@dataclass(frozen=True)
class RecordingEvidence:
    """The evidence that the checks look at; each property is computed once.

    `pieces` is the pack as it is trained on, with long recordings cut; None: none is.
    """

    pack: RecordingPack
    receptive_field: int | None = None
    pieces: RecordingPack | None = None

    @property
    def recordings(self) -> list[PackedRecording]:
        return self.pack.header.recordings

    @property
    def trained(self) -> list[PackedRecording]:
        """The recordings, or their pieces, that the network is trained on one by one."""
        return (self.pieces or self.pack).header.recordings

    @cached_property
    def copies(self) -> list[list[PackedRecording]]:
        """Groups of recordings with the same samples."""
        groups: dict[str, list[PackedRecording]] = defaultdict(list)
        for recording in self.recordings:
            groups[recording.checksum].append(recording)
        return [group for group in groups.values() if len(group) > 1]

    @cached_property
    def conflicts(self) -> list[list[PackedRecording]]:
        """Groups of recordings with the same samples and several labels."""
        return [g for g in self.copies if len({tuple(recording.labels) for recording in g}) > 1]

    def group(self, recordings: list[PackedRecording]) -> ImageGroup:
        """Return a group of recordings as a record."""
        labels = [
            ", ".join(
                f"{category.name}={category.values[value]}"
                for category, value in zip(self.pack.categories, recording.labels, strict=True)
            )
            for recording in recordings
        ]
        return ImageGroup(files=[r.name for r in recordings], labels=labels, splits=[])


def audit_recordings(
    pack: RecordingPack,
    *,
    receptive_field: int | None = None,
    pieces: RecordingPack | None = None,
) -> list[Finding]:
    """Return the source's own findings and those of `RECORDING_CHECKS`, the gravest first.

    `receptive_field` is that of the network to be trained, in samples; without it, recordings
    are not compared with it. `pieces` is `pack` with long recordings cut, if some were.
    """
    evidence = RecordingEvidence(pack, receptive_field, pieces)
    findings = [finding for check in RECORDING_CHECKS for finding in check(evidence)]
    return gravest_first([*pack.header.findings, *findings])


def left_out(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find recordings that cannot be used: the codes of `LEFT_OUT_FINDINGS`."""
    reasons = [(entry.code, entry.name, entry.reason) for entry in evidence.pack.header.left_out]
    one, many = "recording left out:", "recordings left out:"
    yield from findings_of_left_out(reasons, LEFT_OUT_FINDINGS, one=one, many=many)


def noted(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find recordings that are used though something is wrong: the codes of `NOTE_FINDINGS`."""
    reasons = [
        (code, recording.name, words)
        for recording in evidence.recordings
        for code, words in recording.notes.items()
    ]
    yield from findings_of_left_out(reasons, NOTE_FINDINGS, one="recording", many="recordings")


def conflicting_labels(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find the same samples under several conditions: `label_conflict`."""
    if conflicts := evidence.conflicts:
        yield Finding(
            code="label_conflict",
            severity="error",
            evidence=f"{count(len(conflicts), 'recording stands', 'recordings stand')} under more "
            "than one condition",
            advice="Decide which is right and delete the others.",
            groups=[evidence.group(group) for group in conflicts],
        )


def exact_copies(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find recordings that are there more than once, under one condition: `exact_copies`."""
    if same := [group for group in evidence.copies if group not in evidence.conflicts]:
        yield Finding(
            code="exact_copies",
            severity="info",
            evidence=f"{count(len(same), 'recording is', 'recordings are')} "
            "there more than once, sample by sample",
            advice="They are kept on one side of a split. Delete them to save time.",
            groups=[evidence.group(group) for group in same],
        )


def constant_conditions(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find conditions that are the same for all recordings: `one_value`."""
    for category in evidence.pack.categories:
        if len(category.values) == 1:
            yield Finding(
                code="one_value",
                severity="warning",
                evidence=f"condition '{category.name}' is {category.values[0]} for all recordings",
                advice="Nothing can be learned from it; check the pattern or the column.",
            )


def small_conditions(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find values of conditions that few recordings have: `few_recordings`."""
    few: list[str] = []
    for column, category in enumerate(evidence.pack.categories):
        counts = Counter(recording.labels[column] for recording in evidence.trained)
        few += [
            f"{category.name}={value} ({counts[number]})"
            for number, value in enumerate(category.values)
            if counts[number] < FEW_RECORDINGS
        ]
    if few:
        shown = ", ".join(few[:10]) + (f", and {len(few) - 10} more" if few[10:] else "")
        yield Finding(
            code="few_recordings",
            severity="warning",
            evidence=f"fewer than {FEW_RECORDINGS} usable recordings: {shown}",
            advice="Hardly anything can be learned about these; add recordings.",
        )


def other_rates(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find recordings that were resampled: `resampled`."""
    pack = evidence.pack
    resampled = [recording for recording in evidence.recordings if recording.rate != pack.rate]
    if resampled:
        rates = Counter(recording.rate for recording in resampled)
        shown = ", ".join(f"{number} of {rate} Hz" for rate, number in sorted(rates.items()))
        lower = sum(number for rate, number in rates.items() if rate < pack.rate)
        chosen = "as asked for" if pack.header.form.rate else "the rate of most of them"
        yield Finding(
            code="resampled",
            severity="info",
            evidence=f"resampled to {pack.rate} Hz, {chosen}: {shown}",
            advice="--rate chooses another rate."
            + (
                f" {lower} had a lower rate, so they hold no frequency above half of it."
                if lower
                else ""
            ),
            files=[recording.name for recording in resampled],
        )


def several_channels(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find recordings whose channels were mixed: `mixed_down`."""
    if several := [recording.name for recording in evidence.recordings if recording.channels > 1]:
        yield Finding(
            code="mixed_down",
            severity="info",
            evidence=f"{len(several)} with several channels, of which the mean is taken",
            advice="Nothing to do, unless the channels hold different things.",
            files=several,
        )


def too_loud(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find recordings with samples beyond [-1, 1]: `beyond_full_scale`."""
    if beyond := [r.name for r in evidence.recordings if r.was_beyond_full_scale]:
        yield Finding(
            code="beyond_full_scale",
            severity="info",
            evidence=f"{len(beyond)} go beyond full scale and were made quieter to fit",
            advice="Nothing to do; --normalize makes all equally loud.",
            files=beyond,
        )


def silent_ends(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find recordings whose silent ends were cut off: `trimmed`."""
    pack = evidence.pack
    if trimmed := [recording.trimmed for recording in evidence.recordings if recording.trimmed]:
        seconds = sum(trimmed) / pack.rate
        shown = f"{seconds:.1f}" if seconds >= SHORTEST_SHOWN_SECONDS else f"{seconds:.2g}"
        yield Finding(
            code="trimmed",
            severity="info",
            evidence=f"{shown} s of silence cut off the ends of "
            f"{len(trimmed)} of {len(pack)} recordings: all that is "
            f"{pack.header.form.trim_db:g} dB below the loudest sample",
            advice="--trim-db chooses another threshold.",
        )


def short_recordings(evidence: RecordingEvidence) -> Iterator[Finding]:
    """Find recordings shorter than the receptive field: `shorter_than_field`."""
    pack, field = evidence.pack, evidence.receptive_field
    if field is None:
        return
    trained = evidence.trained
    if short := [recording.name for recording in trained if recording.samples < field]:
        yield Finding(
            code="shorter_than_field",
            severity="info",
            evidence=f"{len(short)} of {len(trained)} recordings are shorter than the receptive "
            f"field of {field} samples ({field / pack.rate:.2f} s)",
            advice="They are used; the network is given silence before their beginning. "
            "A network with a smaller receptive field would be faster and see as much of them.",
            files=short,
        )


RECORDING_CHECKS: tuple[Callable[[RecordingEvidence], Iterator[Finding]], ...] = (
    left_out,
    noted,
    conflicting_labels,
    exact_copies,
    constant_conditions,
    small_conditions,
    other_rates,
    several_channels,
    too_loud,
    silent_ends,
    short_recordings,
)
