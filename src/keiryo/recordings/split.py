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
    """Rows of a pack, int64, in order; no recording or copy is on both sides."""

    train: np.ndarray
    val: np.ndarray
    findings: list[Finding] = field(default_factory=list)


def split_recordings(pack: RecordingPack, *, seed: int, fold: int = 0) -> RecordingSplits:
    """Split the rows of a pack into training and held-out recordings.

    A fifth of each combination of conditions, as nearly as possible, is held out, chosen by
    `seed`; exact copies stay on one side. Each of the five folds, from 0, holds out another fifth.
    If all recordings of a value would be held out, one of them is trained on instead. Values
    without a held-out recording are a finding. Raises InputError if there are fewer than two
    different recordings, or if none can be held out.
    """
    groups = _groups_of_copies(pack)
    if len(groups) < 2:
        raise InputError(
            f"{pack.name}: has only one recording"
            + (f", in {len(pack)} copies" if len(pack) > 1 else "")
            + ", and none could be held out; add others, or cut it into several files"
        )
    # Recordings are sorted by conditions, in random order within the same conditions, and dealt out
    # to the folds in turn. So each fold gets its share of each combination, or, if combinations are
    # too small, of each value of the first condition.
    random = np.random.default_rng(seed)
    labels = pack.labels[[group[0] for group in groups]]
    keys: list[np.ndarray] = [random.permutation(len(groups))]
    for columns in range(labels.shape[1], 0, -1):
        _, alike = np.unique(labels[:, :columns], axis=0, return_inverse=True)
        keys.append(random.permutation(int(alike.max()) + 1)[alike.ravel()])
    order = np.lexsort(keys)  # the last key counts first
    folds = min(FOLDS, len(groups))
    held_out = {int(group) for group in order[fold % folds :: folds]}
    findings = _keep_for_training(pack, groups, held_out)
    val = np.array(sorted(row for group in held_out for row in groups[group]), np.int64)
    if not val.size:
        raise InputError(
            f"{pack.name}: each recording is the only one with its conditions, so none can be held "
            "out; add recordings, or leave --condition out"
        )
    return RecordingSplits(np.setdiff1d(np.arange(len(pack)), val), val, findings)


def _groups_of_copies(pack: RecordingPack) -> list[list[int]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, recording in enumerate(pack.header.recordings):
        rows[recording.checksum].append(row)
    return list(rows.values())


def _keep_for_training(
    pack: RecordingPack, groups: list[list[int]], held_out: set[int]
) -> list[Finding]:
    """Remove groups from `held_out` so that each value of a condition is trained on."""
    groups_with: dict[tuple[int, int], set[int]] = defaultdict(set)
    for number, rows in enumerate(groups):
        for row in rows:
            for column, value in enumerate(pack.header.recordings[row].labels):
                groups_with[column, value].add(number)
    for _, those in sorted(groups_with.items()):
        if those <= held_out:
            held_out.remove(min(those))  # of several, the others stay held out
    missing = [
        f"{pack.categories[column].name}={pack.categories[column].values[value]}"
        for (column, value), those in sorted(groups_with.items())
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
            advice="The quality of these is not measured; add recordings of them.",
        )
    ]
