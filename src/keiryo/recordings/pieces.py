"""Long recordings cut into pieces, where there are too few to hold one out."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import xxhash

from keiryo.recordings.pack import PackedRecording, RecordingPack
from keiryo.records.base import Finding

FEWEST_PIECES, MOST_PIECES = 5, 100
PIECE_SECONDS = 10.0
SHORTEST_PIECE_SECONDS = 0.5


def cut_where_alone(pack: RecordingPack) -> tuple[RecordingPack, list[Finding]]:
    """Return `pack` with recordings cut that are the only one of their conditions.

    A recording is cut if it is long enough for five pieces of half a second; pieces of some ten
    seconds are the rule. Codes stay where they are. A finding lists what was cut.
    """
    recordings = pack.header.recordings
    alike = Counter((tuple(r.labels), r.checksum) for r in recordings)
    different = Counter(labels for labels, _ in alike)
    pieces: list[PackedRecording] = []
    cut: list[str] = []
    for row, recording in enumerate(recordings):
        seconds = recording.samples / pack.rate
        is_alone = different[tuple(recording.labels)] == 1
        if is_alone and seconds >= FEWEST_PIECES * SHORTEST_PIECE_SECONDS:
            pieces += _pieces_of(pack, row)
            cut.append(recording.name)
        else:
            pieces.append(recording)
    if not cut:
        return pack, []
    finding = Finding(
        code="cut_into_pieces",
        severity="info",
        evidence=f"{len(cut)} with no other recording of the same conditions, cut into "
        "pieces of which a fifth is held out",
        advice="Held-out figures are those of other parts of the same recordings. Add recordings "
        "to measure how it does on others.",
        files=cut,
    )
    header = pack.header.model_copy(update={"recordings": pieces})
    return replace(pack, header=header), [finding]


def _pieces_of(pack: RecordingPack, row: int) -> list[PackedRecording]:
    recording = pack.header.recordings[row]
    codes = pack.recording(row)
    seconds = recording.samples / pack.rate
    number = min(MOST_PIECES, max(FEWEST_PIECES, round(seconds / PIECE_SECONDS)))
    bounds = [recording.samples * piece // number for piece in range(number + 1)]
    return [
        recording.model_copy(
            update={
                "name": f"{recording.name}, {start / pack.rate:.1f} to {stop / pack.rate:.1f} s",
                "samples": stop - start,
                "trimmed": 0,
                "checksum": xxhash.xxh3_128_hexdigest(codes[start:stop].tobytes()),
            }
        )
        for start, stop in pairwise(bounds)
    ]
