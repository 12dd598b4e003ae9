"""Convolutions over time that do not see the future."""

from torch import Tensor, nn
from torch.nn import functional


class CausalConvolution(nn.Conv1d):
    """A dilated convolution whose output t sees the inputs t, t - d, ..., t - (K - 1) · d.

    van den Oord et al. 2016, "WaveNet", section 2.1, figures 2 and 3. Inputs before the first
    are zeros. (N, C_in, T) to (N, C_out, T).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation, bias=bias)
        self.reach = (kernel_size - 1) * dilation

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(functional.pad(x, (self.reach, 0)))


class PastConvolution(CausalConvolution):
    """A causal convolution whose output t sees only the inputs before t: t - 1, ..., t - K.

    It is the first layer of a network that gives the distribution of sample t from the samples
    before it: WaveNet's outputs are shifted by a step against its inputs (section 2.1).
    (N, C_in, T) to (N, C_out, T). Codes (N, T), integers from 0 to C_in - 1, give the same
    output as their one-hot form.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, bias: bool = True
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            return self._of_codes(x)
        return super().forward(functional.pad(x, (1, 0))[..., : x.shape[-1]])

    def _of_codes(self, codes: Tensor) -> Tensor:
        # Multiplying by a one-hot vector gives one column of the weights: look it up instead.
        length, taps = codes.shape[-1], self.kernel_size[0]
        total = None
        for tap in range(taps):
            column = functional.embedding(codes, self.weight[..., tap].t())  # (N, T, C_out)
            ago = min(taps - tap, length)
            shifted = functional.pad(column[:, : length - ago], (0, 0, ago, 0))
            total = shifted if total is None else total + shifted
        assert total is not None
        total = total if self.bias is None else total + self.bias
        return total.transpose(1, 2)
