"""Pairs of pictures that look nearly the same, without comparing each with each.

Two hashes of 256 bits that differ in at most 30 agree, but for at most one bit, in
one of their sixteen words: thirty differences cannot be two in each. So only pictures
that share a word, or nearly, are compared, and every pair that a comparison of all
with all would find is found (multi-index hashing; Norouzi, Punjani & Fleet 2014, "Fast
Exact Search in Hamming Space with Multi-Index Hashing", section 3).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from keiryo.data.facts import HASH_BITS

WORD_BITS = 16
WORDS = HASH_BITS // WORD_BITS
# Unrelated photographs differ in 88 bits and more, copies that were saved anew, scaled,
# brightened or cropped by a hair in under 30.
LARGEST_DISTANCE = 2 * WORDS - 2
CANDIDATES_AT_ONCE = 1 << 20

NearCopy = tuple[int, int, int]


def find_near_copies(hashes: list[str]) -> list[NearCopy]:
    """Return the pairs (first, second, distance) of `hashes` at most 30 bits apart, nearest first.

    `hashes` are hexadecimal; empty ones are like no other. Of several that are the
    same, each is paired with the first of them alone, and the first with all others.
    """
    rows = np.array([row for row, text in enumerate(hashes) if text], dtype=np.int64)
    if len(rows) == 0:
        return []
    data = np.frombuffer(bytes.fromhex("".join(hashes[row] for row in rows)), np.uint8)
    packed = data.reshape(len(rows), HASH_BITS // 8)
    _, first, same_as = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    same_as = same_as.ravel()
    pairs = [
        (int(rows[first[group]]), int(rows[place]), 0)
        for place, group in enumerate(same_as)
        if first[group] != place
    ]
    for left, right, distance in _near_pairs(np.ascontiguousarray(packed[first])):
        one, other = sorted((int(rows[first[left]]), int(rows[first[right]])))
        pairs.append((one, other, distance))
    return sorted(pairs, key=lambda pair: (pair[2], pair[0], pair[1]))


def joined(groups: np.ndarray, pairs: Sequence[NearCopy]) -> np.ndarray:
    """Return `groups` (N,) numbered anew so that the rows of each pair share a group too."""
    count = int(groups.max(initial=-1)) + 1
    one, other = np.array([pair[:2] for pair in pairs], dtype=np.int64).reshape(-1, 2).T
    links = coo_array((np.ones(len(pairs), bool), (groups[one], groups[other])), (count, count))
    return connected_components(links, directed=False)[1][groups]


def _near_pairs(packed: np.ndarray) -> list[NearCopy]:
    """Return all near pairs of the distinct hashes (N, 32), uint8."""
    words = packed.view(np.uint16)
    wide = packed.view(np.uint64)
    found: dict[tuple[int, int], int] = {}
    for column in range(WORDS):
        for left, right in _sharing_word(words[:, column]):
            distances = np.bitwise_count(wide[left] ^ wide[right]).sum(axis=1)
            near = distances <= LARGEST_DISTANCE
            for one, other, distance in zip(
                left[near].tolist(), right[near].tolist(), distances[near].tolist(), strict=True
            ):
                found[min(one, other), max(one, other)] = distance
    return [(one, other, distance) for (one, other), distance in found.items()]


def _sharing_word(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield in portions all pairs of places whose values, (N,), uint16, differ in at most a bit."""
    order = np.argsort(values, kind="stable")
    counts = np.bincount(values, minlength=1 << WORD_BITS)
    starts = np.cumsum(counts) - counts
    places = np.arange(len(values))
    # Each pair once: in the same bucket those further on, else from the smaller value.
    yield from _ranges(order, places + 1, (starts + counts)[values[order]], order)
    for bit in range(WORD_BITS):
        without = order[(values[order] >> bit) & 1 == 0]
        other = values[without].astype(np.int64) | (1 << bit)
        yield from _ranges(without, starts[other], starts[other] + counts[other], order)


def _ranges(
    left: np.ndarray, starts: np.ndarray, ends: np.ndarray, order: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each of `left` with all of `order[start:end]`, in portions of bounded size."""
    lengths = ends - starts
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
