"""The search for near-copies, without a comparison of all images with all others.

A hash of 256 bits has sixteen words. If two hashes differ in at most 30 bits, at least one of the
words differs in at most one bit, since sixteen words with two differences each would make 32. So
only images with such a word are compared. This finds each pair that a comparison of all with all
would find (multi-index hashing; Norouzi, Punjani & Fleet 2014, "Fast Exact Search in Hamming Space
with Multi-Index Hashing", section 3).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from keiryo.data.image.facts import HASH_BITS
from keiryo.data.survey_record import NearCopy

WORD_BITS = 16
WORDS = HASH_BITS // WORD_BITS
# Unrelated photographs differ in 88 bits or more. Copies that were saved again, scaled, brightened
# or cropped slightly differ in under 30.
LARGEST_DISTANCE = 2 * WORDS - 2
CANDIDATES_AT_ONCE = 1 << 20
# The frames of a film, for example, are nearly all near each other. To stay fast, an image is
# compared with at most so many that share a word. If there are more than so many pairs an image,
# only the pairs that connect the groups are kept.
MOST_SHARING_A_WORD = 256
MOST_SHARING_A_WORD_WHEN_CROWDED = 8
MOST_PAIRS_AT_ONCE = 1 << 20
MOST_PAIRS_OF_AN_IMAGE = 3
FEWEST_PAIRS_TO_BE_MANY = 10_000


def find_near_copies(hashes: list[str]) -> list[NearCopy]:
    """Return the pairs (first, second, distance) of `hashes` at most 30 bits apart, nearest first.

    `hashes` are hexadecimal; an empty one is near no other. Of equal hashes, only the first is
    paired with others, and each of the rest with this first one. If there are more than ten
    thousand pairs and more than three for each hash, only the nearest pairs that connect the same
    groups are returned.
    """
    rows = np.array([row for row, text in enumerate(hashes) if text], dtype=np.int64)
    if len(rows) == 0:
        return []
    data = np.frombuffer(bytes.fromhex("".join(hashes[row] for row in rows)), np.uint8)
    packed = data.reshape(len(rows), HASH_BITS // 8)
    _, first, same_as = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    firsts = first[same_as.ravel()]
    copies = np.flatnonzero(firsts != np.arange(len(rows)))
    same = np.stack([firsts[copies], copies, np.zeros_like(copies)], axis=1)
    near = _near_pairs(np.ascontiguousarray(packed[first]))
    near[:, :2] = np.sort(first[near[:, :2]], axis=1)
    pairs = np.concatenate([same, near])
    pairs[:, :2] = rows[pairs[:, :2]]
    ordered = pairs[np.lexsort((pairs[:, 1], pairs[:, 0], pairs[:, 2]))]
    return [(one, other, distance) for one, other, distance in ordered.tolist()]


def join_groups(groups: np.ndarray, pairs: Sequence[NearCopy]) -> np.ndarray:
    """Return new numbers for `groups` (N,) so that the rows of each pair share a group too."""
    if not pairs:
        return groups
    # Most sets have no near-copies, and then a trial need not load SciPy.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = int(groups.max(initial=-1)) + 1
    one, other = np.array([pair[:2] for pair in pairs], dtype=np.int64).reshape(-1, 2).T
    links = coo_array((np.ones(len(pairs), bool), (groups[one], groups[other])), (count, count))
    return connected_components(links, directed=False)[1][groups]


def _near_pairs(packed: np.ndarray) -> np.ndarray:
    """Return the near pairs of distinct hashes, (N, 32), uint8, as (pairs, 3), int64."""
    words = packed.view(np.uint16)
    wide = packed.view(np.uint64)
    count = len(packed)
    most = MOST_SHARING_A_WORD
    found: list[np.ndarray] = [np.empty((0, 3), np.int64)]
    for column in range(WORDS):
        for left, right in _pairs_sharing_word(words[:, column], most):
            distances = np.bitwise_count(wide[left] ^ wide[right]).sum(axis=1)
            near = distances <= LARGEST_DISTANCE
            if near.any():
                ends = np.sort(np.stack([left[near], right[near]], axis=1), axis=1)
                found.append(np.column_stack([ends, distances[near].astype(np.int64)]))
            if sum(map(len, found)) > MOST_PAIRS_AT_ONCE + MOST_PAIRS_OF_AN_IMAGE * count:
                found = [_without_surplus(np.concatenate(found), count)]
                most = MOST_SHARING_A_WORD_WHEN_CROWDED
    return _without_surplus(np.concatenate(found), count)


def _without_surplus(pairs: np.ndarray, count: int) -> np.ndarray:
    """Return each pair once; if there are too many, only those that connect the groups."""
    _, first = np.unique(pairs[:, 0] * count + pairs[:, 1], return_index=True)
    pairs = pairs[first]
    if len(pairs) > max(MOST_PAIRS_OF_AN_IMAGE * count, FEWEST_PAIRS_TO_BE_MANY):
        return _nearest_links(pairs, count)
    return pairs


def _nearest_links(pairs: np.ndarray, count: int) -> np.ndarray:
    """Return the minimum spanning tree of `pairs`: it connects the same groups by nearest pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    links = coo_array((pairs[:, 2], (pairs[:, 0], pairs[:, 1])), (count, count))
    kept = minimum_spanning_tree(links.tocsr()).tocoo()
    return np.stack([kept.row, kept.col, kept.data], axis=1).astype(np.int64)


def _pairs_sharing_word(values: np.ndarray, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, in portions, all pairs of indices of `values` (N,), uint16, at most a bit apart."""
    order = np.argsort(values, kind="stable")
    counts = np.bincount(values, minlength=1 << WORD_BITS)
    starts = np.cumsum(counts) - counts
    places = np.arange(len(values))
    # Each pair once: within a bucket with later indices, between buckets from the smaller value.
    yield from _pairs_with_ranges(order, places + 1, (starts + counts)[values[order]], order, most)
    for bit in range(WORD_BITS):
        without_bit = order[(values[order] >> bit) & 1 == 0]
        other = values[without_bit].astype(np.int64) | (1 << bit)
        yield from _pairs_with_ranges(
            without_bit, starts[other], starts[other] + counts[other], order, most
        )


def _pairs_with_ranges(
    left: np.ndarray, starts: np.ndarray, ends: np.ndarray, order: np.ndarray, most: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each of `left` with the first `most` of `order[start:end]`, in portions."""
    lengths = np.minimum(ends - starts, most)
    totals = np.cumsum(lengths)
    first = 0
    while first < len(left):
        done = totals[first - 1] if first else 0
        last = int(np.searchsorted(totals, done + CANDIDATES_AT_ONCE, side="right"))
        last = max(last, first + 1)
        part = slice(first, last)
        count = int(lengths[part].sum())
        if count:
            offsets = np.repeat(totals[part] - lengths[part] - done, lengths[part])
            within = np.arange(count) - offsets
            right = order[np.repeat(starts[part], lengths[part]) + within]
            yield np.repeat(left[part], lengths[part]), right
        first = last
