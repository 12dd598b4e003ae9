"""The bytes of the tensors that are alive at once."""

import weakref

from torch import Tensor, UntypedStorage

from keiryo.cost.running.units import FLOAT32_BYTES, element_bytes


class LiveBytes:
    """Counts each storage it is shown once, for as long as anything refers to it.

    It keeps no reference itself: a storage is freed when the network drops it, as in a real run.
    """

    def __init__(self, real: int = FLOAT32_BYTES) -> None:
        """Count floating-point numbers as `real` bytes each."""
        self._alive: dict[int, weakref.ref[UntypedStorage]] = {}
        self._real = real
        self.now = 0
        self.peak = 0

    def see(self, tensor: Tensor) -> int:
        """Count the storage of `tensor`; return its bytes if it is new, 0 otherwise."""
        try:
            storage = tensor.untyped_storage()
        except NotImplementedError:  # a sparse tensor, or one of another library's, has none
            return 0
        key = storage._cdata
        if key in self._alive:
            return 0
        size = storage.nbytes()
        unit = element_bytes(tensor.dtype, self._real)
        if unit != tensor.dtype.itemsize:
            size = size // tensor.dtype.itemsize * unit

        def forget(_: object) -> None:
            del self._alive[key]
            self.now -= size

        self._alive[key] = weakref.ref(storage, forget)
        self.now += size
        self.peak = max(self.peak, self.now)
        return size
