"""The bytes of the tensors that are alive at once."""

import weakref

from torch import UntypedStorage


class LiveBytes:
    """Counts each storage it is shown once, for as long as anything refers to it.

    It keeps no reference itself: a storage is freed when the network drops it, as in a real run.
    """

    def __init__(self) -> None:
        self._alive: dict[int, weakref.ref[UntypedStorage]] = {}
        self.now = 0
        self.peak = 0

    def see(self, storage: UntypedStorage) -> int:
        """Count `storage`; return its bytes if it is new, 0 otherwise."""
        key = storage._cdata
        if key in self._alive:
            return 0
        size = storage.nbytes()

        def forget(_: object) -> None:
            del self._alive[key]
            self.now -= size

        self._alive[key] = weakref.ref(storage, forget)
        self.now += size
        self.peak = max(self.peak, self.now)
        return size
