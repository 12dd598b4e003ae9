"""The split of recordings into training and held-out ones."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from keiryo.data.survey.split import FOLDS
from keiryo.errors import InputError
from keiryo.recordings.near_copies import groups_of_near_copies
from keiryo.recordings.pack import RecordingPack
from keiryo.recordings.pieces import cut_where_alone
from keiryo.records.base import Finding, ImageGroup
from keiryo.sentences import count

FEWEST_GROUPS = 5


@dataclass(frozen=True)
class RecordingSplits:
    """Rows of `pack`, int64, in order; no recording or copy is on both sides.

    The pack is that which was split, or the same with long recordings cut into pieces. Where the
    owner split, copies may be on both sides: that is a finding.
    """

    train: np.ndarray
    val: np.ndarray
    pack: RecordingPack
    findings: list[Finding] = field(default_factory=list)


def split_recordings(
    pack: RecordingPack, *, seed: int, fold: int = 0, hold_out: str | None = None
) -> RecordingSplits:
    """Split the rows of a pack into training and held-out recordings.

    A fifth of each combination of conditions, as nearly as possible, is held out, chosen by
    `seed`; exact and near copies stay on one side. Each of the five folds, from 0, holds out
    another fifth. If all recordings of a value would be held out, one of them is trained on
    instead. Values without a held-out recording are a finding. A recording that is the only one of
    its conditions is cut into pieces.

    The split of the recordings' owner is kept, and so is `hold_out`, a regular expression for the
    names of those to hold out. Raises InputError if there are fewer than two different recordings,
    or if none can be held out.
    """
    chosen = _chosen(pack, hold_out)
    if chosen is not None:
        return _owners_split(pack, chosen)
    pack, cut = cut_where_alone(pack)
    groups = groups_of_near_copies(pack)
    findings = list(cut)
    if len(groups) < min(FEWEST_GROUPS, len(_groups_of_copies(pack))):
        groups = _groups_of_copies(pack)  # all sound the same, as pure tones do
    elif near := _near(pack, groups):
        findings.append(
            Finding(
                code="near_copies",
                severity="info",
                evidence=f"{count(len(near), 'recording is', 'recordings are')} there more than "
                "once: louder, softer, or in another format",
                advice="They are kept on one side of the split. Delete them to save time.",
                groups=near,
            )
        )
    if len(groups) < 2:
        raise InputError(
            f"{pack.name}: has only one recording"
            + (f", in {len(pack)} copies" if len(pack) > 1 else "")
            + f", of {pack.counts[0] / pack.rate:.1f} s, and none could be held out; add others"
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
    findings += _keep_for_training(pack, groups, held_out)
    val = np.array(sorted(row for group in held_out for row in groups[group]), np.int64)
    if not val.size:
        raise InputError(
            f"{pack.name}: each recording is the only one with its conditions, so none can be held "
            "out; add recordings, or leave --condition out"
        )
    return RecordingSplits(np.setdiff1d(np.arange(len(pack)), val), val, pack, findings)


def _chosen(pack: RecordingPack, hold_out: str | None) -> np.ndarray | None:
    """Return which recordings their owner or `hold_out` holds out, bool; None: nobody chose."""
    splits = [recording.split for recording in pack.header.recordings]
    has_split = any(split is not None for split in splits)
    if hold_out is None:
        return np.array([split == "val" for split in splits]) if has_split else None
    if has_split:
        raise InputError(f"--hold-out {hold_out}: {pack.name} has a split; leave the option out")
    try:
        pattern = re.compile(hold_out)
    except re.error as error:
        raise InputError(f"--hold-out {hold_out}: not a regular expression: {error}") from None
    chosen = np.array([bool(pattern.search(r.name)) for r in pack.header.recordings])
    if not chosen.any() or chosen.all():
        which = "all" if chosen.any() else "none"
        raise InputError(
            f"--hold-out {hold_out}: matches {which} of the {len(chosen)} recordings; give a "
            f"pattern for some of their names, such as {pack.header.recordings[0].name}"
        )
    return chosen


def _owners_split(pack: RecordingPack, held_out: np.ndarray) -> RecordingSplits:
    if not held_out.any() or held_out.all():
        side = "train" if held_out.all() else "val"
        raise InputError(f"{pack.name}: its split has no usable recording in {side}; add some")
    train, val = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    findings = []
    groups = groups_of_near_copies(pack)
    if leaks := [rows for rows in groups if len({bool(held_out[row]) for row in rows}) == 2]:
        findings.append(
            Finding(
                code="split_leak",
                severity="error",
                evidence=f"{count(len(leaks), 'recording is', 'recordings are')} both in training "
                "and held out, sample by sample or in another loudness or format",
                advice="Held-out figures are too good. Delete the copies on one side.",
                groups=[_group(pack, rows) for rows in leaks],
            )
        )
    for column, category in enumerate(pack.categories):
        known = set(pack.labels[train, column].tolist())
        unknown = sorted(set(pack.labels[val, column].tolist()) - known)
        if unknown:
            shown = ", ".join(category.values[value] for value in unknown[:10])
            findings.append(
                Finding(
                    code="value_not_trained",
                    severity="warning",
                    evidence=f"no training recording has {category.name} {shown}, but held-out "
                    "ones have: the network knows nothing of such a value",
                    advice=f"Leave {category.name} out of the conditions to hold out whole values.",
                )
            )
    return RecordingSplits(train, val, pack, findings)


def _near(pack: RecordingPack, groups: list[list[int]]) -> list[ImageGroup]:
    """Return the groups that are more than exact copies."""
    recordings = pack.header.recordings
    return [
        _group(pack, rows) for rows in groups if len({recordings[row].checksum for row in rows}) > 1
    ]


def _group(pack: RecordingPack, rows: list[int]) -> ImageGroup:
    return ImageGroup(files=[pack.header.recordings[row].name for row in rows], labels=[])


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
