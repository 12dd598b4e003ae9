"""The interface of all sources of recordings, and the source of sound files."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from keiryo.recordings.conditions import Conditions
from keiryo.recordings.sources.sound_files import SoundFormat, read_sound_blocks, read_sound_format
from keiryo.records.base import Finding


class RecordingSource(ABC):
    """A set of recordings, read one by one, by several threads at once.

    `names` are shown to the user; `conditions` are their labels, in the same order.
    """

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        conditions: Conditions,
        findings: Sequence[Finding] = (),
    ) -> None:
        self.name = name
        self.names = names
        self.conditions = conditions
        self.findings = findings

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a text that changes whenever the recordings or their labels do."""

    @abstractmethod
    def format(self, index: int) -> SoundFormat:
        """Return the header of recording `index`; raise UnusableRecordingError if it has none."""

    @abstractmethod
    def blocks(self, index: int) -> Iterator[np.ndarray]:
        """Yield the samples of recording `index`, (frames, channels), float32, block by block.

        Raises UnusableRecordingError, at any block, if it cannot be used.
        """


class FileRecordings(RecordingSource):
    """Sound files; `paths` are in the order of `names`."""

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        conditions: Conditions,
        paths: Sequence[Path],
        findings: Sequence[Finding] = (),
    ) -> None:
        super().__init__(name, names, conditions, findings)
        self._paths = paths

    def fingerprint(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        digest.update(self.conditions.model_dump_json().encode())
        for name, path in zip(self.names, self._paths, strict=True):
            try:
                status = path.stat()
            except OSError:  # a link that leads nowhere
                status = path.lstat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def format(self, index: int) -> SoundFormat:
        return read_sound_format(self._paths[index])

    def blocks(self, index: int) -> Iterator[np.ndarray]:
        return read_sound_blocks(self._paths[index])
