"""The split of recordings into training and held-out ones."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from keiryo.data.survey.split import FOLDS
from keiryo.errors import InputError
from keiryo.recordings.pack import RecordingPack
from keiryo.records.base import Finding


@dataclass(frozen=True)
class RecordingSplits:
    """Rows of a pack, int64 and rising; no recording, nor a copy of it, is on both sides."""

    train: np.ndarray
    val: np.ndarray
    findings: list[Finding] = field(default_factory=list)


def split_recordings(pack: RecordingPack, *, seed: int, fold: int = 0) -> RecordingSplits:
    """Split the rows of a pack into training and held-out recordings.

    A fifth is held out, chosen by `seed`, of each combination of conditions as nearly as
    their number allows; exact copies stay on one side. Each of the five folds, from 0, holds
    out another fifth. A value of a condition that would only be held out is trained on
    instead, which is among the findings. Raises InputError where there are fewer than two
    different recordings.
    """
    groups = _groups_of_copies(pack)
    if len(groups) < 2:
        raise InputError(
            f"{pack.name}: has only one recording"
            + (f", in {len(pack)} copies" if len(pack) > 1 else "")
            + ", and none could be held out; add others, or cut it into several files"
        )
    # Dealt out in turn from an order in which recordings of the same conditions lie together,
    # each fold gets its share of every combination, and of every value of the first condition
    # where the combinations are too small for that. What is alike is in a random order.
    random = np.random.default_rng(seed)
    labels = pack.labels[[group[0] for group in groups]]
    keys: list[np.ndarray] = [random.permutation(len(groups))]
    for columns in range(labels.shape[1], 0, -1):
        _, alike = np.unique(labels[:, :columns], axis=0, return_inverse=True)
        keys.append(random.permutation(int(alike.max()) + 1)[alike.ravel()])
    order = np.lexsort(keys)  # by the last of them first
    folds = min(FOLDS, len(groups))
    held_out = {int(group) for group in order[fold % folds :: folds]}
    findings = _kept_for_training(pack, groups, held_out)
    val = np.array(sorted(row for group in held_out for row in groups[group]), np.int64)
    if not val.size:
        raise InputError(
            f"{pack.name}: each recording is the only one of its conditions, so that none can be "
            "held out; add recordings, or leave --condition out"
        )
    return RecordingSplits(np.setdiff1d(np.arange(len(pack)), val), val, findings)


def _groups_of_copies(pack: RecordingPack) -> list[list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, recording in enumerate(pack.header.recordings):
        rows[recording.checksum].append(row)
    return list(rows.values())


def _kept_for_training(
    pack: RecordingPack, groups: list[list[int]], held_out: set[int]
) -> list[Finding]:
    """Take groups out of `held_out` so that each value of a condition is trained on."""
    having: dict[tuple[int, int], set[int]] = defaultdict(set)
    for number, rows in enumerate(groups):
        for row in rows:
            for column, value in enumerate(pack.header.recordings[row].labels):
                having[column, value].add(number)
    for _, those in sorted(having.items()):
        if those <= held_out:
            held_out.remove(min(those))  # of several, the others stay held out
    missing = [
        f"{pack.categories[column].name}={pack.categories[column].values[value]}"
        for (column, value), those in sorted(having.items())
        if not those & held_out
    ]
    if not missing:
        return []
    shown = ", ".join(missing[:10]) + (f", and {len(missing) - 10} more" if missing[10:] else "")
    return [
        Finding(
            code="value_not_held_out",
            severity="info",
            evidence=f"no held-out recording has {shown}",
            advice="How well these are learned is not measured; add recordings of them.",
        )
    ]
