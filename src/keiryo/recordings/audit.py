"""The audit of a set of recordings: everything worth knowing before training on it."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from keiryo.recordings.pack import PackedRecording, RecordingPack
from keiryo.records.base import Finding, ImageGroup, Severity
from keiryo.records.findings import count, findings_of_left_out, gravest_first

FEW_RECORDINGS = 5

# code of what kept a recording from being used -> severity, what it is, what to do
LEFT_OUT_FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "unreadable": ("warning", "cannot be read", "Save them again as WAV, FLAC or OGG."),
    "cut_short": ("warning", "cut short", "Copy or record them again."),
    "no_samples": ("warning", "without samples", "Delete them, or record them again."),
    "not_numbers": ("warning", "with samples that are no numbers", "Write them again."),
    "silent": ("warning", "silent", "Delete them, or record them again."),
}


def audit_recordings(pack: RecordingPack, *, receptive_field: int | None = None) -> list[Finding]:
    """Return the findings about the recordings of `pack`, the gravest first.

    Codes: `unreadable`, `cut_short`, `no_samples`, `not_numbers`, `silent` (all left out);
    `label_conflict` (the same samples under several conditions), `exact_copies`, `one_value`
    (a condition that is the same for all), `few_recordings` (of one value), `resampled`,
    `mixed_down`, `beyond_full_scale`, `trimmed`; the source's own; and, where a network's
    `receptive_field` in samples is given, `shorter_than_field`.
    """
    findings = [
        *pack.header.findings,
        *_left_out(pack),
        *_copies(pack),
        *_values(pack),
        *_changed(pack),
        *_short(pack, receptive_field),
    ]
    return gravest_first(findings)


def _left_out(pack: RecordingPack) -> Iterator[Finding]:
    reasons = [(entry.code, entry.name, entry.reason) for entry in pack.header.left_out]
    one, many = "recording left out:", "recordings left out:"
    yield from findings_of_left_out(reasons, LEFT_OUT_FINDINGS, one=one, many=many)


def _copies(pack: RecordingPack) -> Iterator[Finding]:
    alike: dict[str, list[PackedRecording]] = defaultdict(list)
    for recording in pack.header.recordings:
        alike[recording.checksum].append(recording)
    copies = [group for group in alike.values() if len(group) > 1]
    at_odds = [g for g in copies if len({tuple(recording.labels) for recording in g}) > 1]
    if at_odds:
        yield Finding(
            code="label_conflict",
            severity="error",
            evidence=f"{count(len(at_odds), 'recording stands', 'recordings stand')} under more "
            "than one condition",
            advice="Decide which is right and delete the others.",
            groups=[_group(pack, group) for group in at_odds],
        )
    if same := [group for group in copies if group not in at_odds]:
        yield Finding(
            code="exact_copies",
            severity="info",
            evidence=f"{count(len(same), 'recording is', 'recordings are')} "
            "there more than once, sample by sample",
            advice="They are kept on one side of a split. Delete them to save time.",
            groups=[_group(pack, group) for group in same],
        )


def _group(pack: RecordingPack, recordings: list[PackedRecording]) -> ImageGroup:
    labels = [
        ", ".join(
            f"{category.name}={category.values[value]}"
            for category, value in zip(pack.categories, recording.labels, strict=True)
        )
        for recording in recordings
    ]
    return ImageGroup(files=[r.name for r in recordings], labels=labels, splits=[])


def _values(pack: RecordingPack) -> Iterator[Finding]:
    few: list[str] = []
    for column, category in enumerate(pack.categories):
        counts = Counter(recording.labels[column] for recording in pack.header.recordings)
        if len(category.values) == 1:
            yield Finding(
                code="one_value",
                severity="warning",
                evidence=f"condition '{category.name}' is {category.values[0]} for all recordings",
                advice="Nothing can be learned of it; check the pattern or the column.",
            )
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
            advice="Hardly anything can be learned of these; add recordings.",
        )


def _changed(pack: RecordingPack) -> Iterator[Finding]:
    """Find what was changed so that all recordings have one form."""
    recordings = pack.header.recordings
    rates = Counter(recording.rate for recording in recordings if recording.rate != pack.rate)
    if rates:
        shown = ", ".join(f"{number} of {rate} Hz" for rate, number in sorted(rates.items()))
        lower = sum(number for rate, number in rates.items() if rate < pack.rate)
        chosen = "asked for" if pack.header.form.rate else "which most of them have"
        yield Finding(
            code="resampled",
            severity="info",
            evidence=f"resampled to {pack.rate} Hz, {chosen}: {shown}",
            advice="--rate chooses another."
            + (
                f" {lower} were of a lower one and have nothing above half of it to learn from."
                if lower
                else ""
            ),
            files=[recording.name for recording in recordings if recording.rate != pack.rate],
        )
    if several := [recording.name for recording in recordings if recording.channels > 1]:
        yield Finding(
            code="mixed_down",
            severity="info",
            evidence=f"{len(several)} with several channels, of which the mean is taken",
            advice="Nothing to do, unless the channels hold different things.",
            files=several,
        )
    if beyond := [recording.name for recording in recordings if recording.was_beyond_full_scale]:
        yield Finding(
            code="beyond_full_scale",
            severity="info",
            evidence=f"{len(beyond)} go beyond full scale and were made quieter to fit",
            advice="Nothing to do; by --normalize all are made as loud.",
            files=beyond,
        )
    if trimmed := [recording for recording in recordings if recording.trimmed]:
        seconds = sum(recording.trimmed for recording in trimmed) / pack.rate
        yield Finding(
            code="trimmed",
            severity="info",
            evidence=f"{seconds:.1f} s of silence cut off the ends of {len(trimmed)} of "
            f"{len(recordings)} recordings: all that is {pack.header.form.trim_db:g} dB "
            "below the loudest sample",
            advice="--trim-db chooses another threshold.",
        )


def _short(pack: RecordingPack, receptive_field: int | None) -> Iterator[Finding]:
    if receptive_field is None:
        return
    if short := [r.name for r in pack.header.recordings if r.samples < receptive_field]:
        yield Finding(
            code="shorter_than_field",
            severity="info",
            evidence=f"{len(short)} of {len(pack)} recordings are shorter than the receptive "
            f"field of {receptive_field} samples ({receptive_field / pack.rate:.2f} s)",
            advice="They are used: before their beginning the network is given silence. "
            "A network with a smaller receptive field would be faster and see as much of them.",
            files=short,
        )
