"""The cost of models by their names."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from keiryo.bench.weighed_names import WaveNetSpec
from keiryo.cost import weigh
from keiryo.cost.inputs import Inputs, read_inputs
from keiryo.cost.running.meta_copy import NeedsValuesError
from keiryo.measure.layer_times import measure_layers
from keiryo.models.meta import build_weightless, without_weights
from keiryo.models.saved import channels_last
from keiryo.models.spec import FACTORIES, ModelSpec, build
from keiryo.models.users_module import users_forward
from keiryo.models.wavenet import WaveNet
from keiryo.records.costs import LayerCost, Weighing


def weigh_model(
    spec: ModelSpec | WaveNetSpec,
    inputs: Inputs,
    *,
    classes: int | None,
    name: str | None = None,
    batch: int = 1,
    dtype: str = "float32",
    training: bool = False,
) -> Weighing:
    """Weigh the model that `spec` names, for `classes` classes; the result is called `name`.

    None is a network without a classifier, or one of the user's own as it is.

    It takes no memory for weights, unless the forward of a user's own model needs values.
    Raises InputError if the model cannot be built, or does not take the inputs.
    """

    def cost(network: nn.Module) -> Weighing:
        return weigh(
            network,
            inputs,
            name=name or str(spec),
            batch=batch,
            dtype=dtype,
            training=training,
        )

    if isinstance(spec, WaveNetSpec):
        with without_weights():
            return cost(WaveNet(spec.configuration))
    network = build_weightless(spec, classes=classes)
    with users_forward(name or str(spec)):
        try:
            weighing = cost(network)
        except NeedsValuesError:
            if spec.name in FACTORIES:
                raise
            weighing = cost(build(spec, classes=classes))
    return weighing.model_copy(update={"classes": classes})


def with_measured_times(
    weighing: Weighing,
    spec: ModelSpec | WaveNetSpec,
    inputs: Inputs,
    *,
    threads: int | None,
    batch: int = 1,
) -> Weighing:
    """Return `weighing` with the measured time of each layer on this machine's processor.

    It runs as keiryo runs models: channels last, in inference mode. An operator in a module's
    own forward is not measured by itself.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    if isinstance(spec, WaveNetSpec):
        network = WaveNet(spec.configuration).eval()
    else:
        network = channels_last(build(spec, classes=weighing.classes).eval())
    examples = tree_map_only(
        Tensor,
        lambda tensor: (
            tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
        ),
        read_inputs(inputs, batch=batch).examples("cpu", like=network),
    )
    # A layer has a row for each shape of its inputs, and one clock.
    rows: dict[str, list[LayerCost]] = {}
    for layer in weighing.layers:
        rows.setdefault(layer.name.partition("#")[0], []).append(layer)
    with users_forward(weighing.model):
        times = measure_layers(network, examples.positional, list(rows), named=examples.named)
    layers = [
        layer.model_copy(update={"measured_ms": _time_of(layer, rows[name], times.layers, name)})
        for layer in weighing.layers
        for name in (layer.name.partition("#")[0],)
    ]
    return weighing.model_copy(update={"layers": layers, "measured_ms": times.whole})


def _time_of(
    row: LayerCost, rows: Sequence[LayerCost], times: Mapping[str, float], name: str
) -> float | None:
    """Return the time of one of the `rows` of the layer `name`.

    If the layer was not timed for just these rows, they share its time by their work.
    """
    parts = [times[key] for key in times if key.partition("#")[0] == name]
    if not parts:
        return None
    if len(parts) == len(rows):
        return times[row.name]
    time = sum(parts)
    work = [max(1, one.macs + one.elements) for one in rows]
    return time * max(1, row.macs + row.elements) / sum(work)
