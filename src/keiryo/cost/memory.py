"""How many bytes of tensors are alive at once, followed as they come and go."""

import weakref
from collections.abc import Iterable

from torch import Tensor


class LiveBytes:
    """Counts the storages of tensors it is shown, each once, until nothing holds them.

    It holds none itself: a storage is gone when the network lets go of it, as in a real run.
    """

    def __init__(self, apart: Iterable[Tensor]) -> None:
        # The weights are there anyway, and are not counted.
        self._apart = {tensor.untyped_storage()._cdata for tensor in apart}
        self._seen: set[int] = set()
        self.now = 0
        self.peak = 0

    def see(self, tensor: Tensor) -> int:
        """Count `tensor`; return the bytes of its storage if it is new, 0 otherwise."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen or key in self._apart:
            return 0
        self._seen.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key, size).atexit = False
        return size

    def is_apart(self, tensor: Tensor) -> bool:
        """Whether `tensor` is one of those that are not counted."""
        return tensor.untyped_storage()._cdata in self._apart

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size
