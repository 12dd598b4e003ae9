"""The bytes of tensors alive at once, followed as they come and go."""

import weakref

from torch import UntypedStorage


class LiveBytes:
    """Counts the storages it is shown, each once, until nothing holds them any more.

    It holds none itself: a storage is gone when the network lets go of it, as in a real run.
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
