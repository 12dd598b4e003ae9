"""The cost of models by their names."""

import torch

from keiryo.cost import weigh
from keiryo.cost.inputs import Inputs, example_inputs
from keiryo.cost.running.meta_copy import NeedsValuesError
from keiryo.measure.layer_times import measure_layers
from keiryo.models.meta import build_weightless
from keiryo.models.saved import channels_last
from keiryo.models.spec import ModelSpec, build
from keiryo.models.users_module import users_forward
from keiryo.records.costs import Weighing


def weigh_model(
    spec: ModelSpec, inputs: Inputs, *, classes: int, name: str | None = None
) -> Weighing:
    """Weigh the model that `spec` names, for `classes` classes; the result is called `name`.

    It takes no memory for weights, unless the forward of a user's own model needs values.
    Raises InputError if the model cannot be built, or does not take the inputs.
    """
    name = name or str(spec)
    network = build_weightless(spec, classes=classes)
    with users_forward(name):
        try:
            weighing = weigh(network, inputs, name=name)
        except NeedsValuesError:
            weighing = weigh(build(spec, classes=classes), inputs, name=name)
    return weighing.model_copy(update={"classes": classes})


def with_measured_times(
    weighing: Weighing, spec: ModelSpec, inputs: Inputs, *, threads: int | None
) -> Weighing:
    """Return `weighing` with the measured time of each layer on this machine's processor.

    It runs one example at a time, as keiryo runs models: channels last, in inference mode. An
    operator in a module's own forward is not measured by itself.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    network = channels_last(build(spec, classes=weighing.classes or 1).eval())
    examples = [
        tensor.to(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
        for tensor in example_inputs(inputs, "cpu")
    ]
    with users_forward(weighing.model):
        times = measure_layers(network, examples, [layer.name for layer in weighing.layers])
    layers = [
        layer.model_copy(update={"measured_ms": times.layers.get(layer.name)})
        for layer in weighing.layers
    ]
    return weighing.model_copy(update={"layers": layers, "measured_ms": times.whole})
