"""The interface of all sources of recordings, and the source of sound files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from keiryo.files import digest_of_file, fingerprint_of_files
from keiryo.recordings.conditions import Conditions
from keiryo.recordings.sources.sound_files import SoundFormat, read_sound_blocks, read_sound_format
from keiryo.records.base import Finding


class RecordingSource(ABC):
    """A set of recordings, read one by one, by several threads at once.

    `names` are shown to the user; `conditions` are their labels, in the same order. `splits`, if
    any, are the sides that their owner put them on. None: there are none.
    """

    splits: Sequence[Literal["train", "val"]] | None = None

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

    def files(self) -> Sequence[Path]:
        """Return the files that the recordings are read from; empty if they are made."""
        return ()

    def content(self, index: int) -> str | None:
        """Return a digest of the file of recording `index`; None if it is made, not read."""
        return None

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
        *,
        splits: Sequence[Literal["train", "val"]] | None = None,
    ) -> None:
        super().__init__(name, names, conditions, findings)
        self._paths = paths
        self.splits = splits

    def files(self) -> Sequence[Path]:
        return self._paths

    def content(self, index: int) -> str:
        return digest_of_file(self._paths[index])

    def fingerprint(self) -> str:
        head = self.conditions.model_dump_json()
        if self.splits is not None:
            head += " ".join(self.splits)
        return fingerprint_of_files(head, zip(self.names, self._paths, strict=True))

    def format(self, index: int) -> SoundFormat:
        return read_sound_format(self._paths[index])

    def blocks(self, index: int) -> Iterator[np.ndarray]:
        return read_sound_blocks(self._paths[index])
