"""The cost of a model in words: the same in the terminal and on the page."""

from collections.abc import Callable, Sequence

from keiryo.records.costs import LayerCost, TrainingStep, Weighing
from keiryo.report import words

NOTHING = "–"


def totals(weighings: Sequence[Weighing]) -> list[tuple[str, list[str]]]:
    """Return a row for each total: its title, and a cell for each model.

    From the second model on, a cell also has the ratio to the first model's figure. Totals that no
    model has are left out.
    """
    rows = []
    for title, show in _TOTALS:
        cells = [show(weighing) for weighing in weighings]
        if any(cell != NOTHING for cell in cells):
            rows.append((title, _against_first(title, weighings, cells)))
    return rows


def remarks(weighing: Weighing) -> list[str]:
    """Return remarks on the figures: incomplete counts, and differences of formula and count."""
    lines = []
    if weighing.unknown_operators:
        lines.append(
            "The multiply-accumulates are incomplete. Unknown operators: "
            + ", ".join(weighing.unknown_operators)
            + "."
        )
    with_formula = [layer for layer in weighing.layers if layer.formula_macs is not None]
    differing = [layer for layer in with_formula if layer.difference]
    lines.append(
        f"Formula and count agree on {len(with_formula) - len(differing)} "
        f"of {len(with_formula)} layers."
    )
    alike: dict[str, list[LayerCost]] = {}
    for layer in differing:
        alike.setdefault(layer.type, []).append(layer)
    for layers in alike.values():
        others = f" ({len(layers) - 1} more of its type differ too)" if layers[1:] else ""
        lines.append(f"{layers[0].name}: {layers[0].difference}{others}.")
    uncovered: dict[str, list[int]] = {}
    for layer in weighing.layers:
        if layer.formula is None and layer.macs:
            uncovered.setdefault(layer.type, []).append(layer.macs)
    if uncovered:
        named = ", ".join(f"{sum(m):,} in {len(m)} × {kind}" for kind, m in uncovered.items())
        lines.append(f"Counted only, without a formula: {named}.")
    return lines + weighing.notes


def layer_notes(layer: LayerCost) -> str:
    """Return a layer's formula with its numbers, and remarks on the layer."""
    parts = [layer.formula] if layer.formula and layer.macs else []
    if layer.calls > 1:
        parts.append(f"{layer.calls} calls")
    if layer.calls == 0:
        parts.append("not run")
    if layer.padding_macs:
        parts.append(f"{words.percent(layer.padding_macs / layer.macs)} on padding")
    pair = layer.separable
    if pair is not None:
        by_formula = "" if pair.ratio == pair.formula_ratio else f" = {pair.formula_ratio:.4f}"
        parts.append(
            f"with its depthwise step {words.number(pair.macs)}, ordinary "
            f"{words.number(pair.ordinary_macs)}: × {pair.ratio:.4f}, {pair.formula}{by_formula}"
        )
    if layer.difference:
        parts.append(layer.difference)
    return "; ".join(parts)


def sizes(shape: Sequence[int]) -> str:
    """Return the shape of one example, without its batch: 3x224x224."""
    return "x".join(str(size) for size in shape[1:]) or NOTHING


def field_size(layer: LayerCost) -> str:
    """Return the receptive field of `layer` along each axis; one number if all are equal."""
    field = layer.receptive_field
    if field is None:
        return NOTHING
    each = [str(size) for size in field.size]
    bound = "≤" if field.is_upper_bound else ""
    return bound + (each[0] if len(set(each)) == 1 else "x".join(each))


def _input(weighing: Weighing) -> str:
    shapes = [size for size in weighing.input_shape if isinstance(size, list)]
    return " and ".join("x".join(map(str, shape)) for shape in shapes or [weighing.input_shape])


def _batch(weighing: Weighing) -> str:
    return NOTHING if weighing.batch == 1 else str(weighing.batch)


def _parameters(weighing: Weighing) -> str:
    return f"{weighing.parameters + weighing.frozen_parameters:,}"


def _frozen(weighing: Weighing) -> str:
    return f"{weighing.frozen_parameters:,}" if weighing.frozen_parameters else NOTHING


def _own_size(weighing: Weighing) -> str:
    own = weighing.own_size_bytes
    return NOTHING if own in (None, weighing.size_bytes) else words.size(own)


def _peak(weighing: Weighing) -> str:
    peak = words.size(weighing.peak_activation_bytes)
    return f"at least {peak}" if weighing.peak_is_lower_bound else peak


def _in_training(figure: Callable[[TrainingStep], str]) -> Callable[[Weighing], str]:
    return lambda weighing: NOTHING if weighing.training is None else figure(weighing.training)


def _backward(step: TrainingStep) -> str:
    if step.backward_macs is None:
        return f"incomplete ({', '.join(step.unknown_operators)})"
    return f"{step.backward_macs:,}"


def _optimizers(step: TrainingStep) -> str:
    return ", ".join(
        f"{name} {words.size(size)}" for name, size in step.optimizer_bytes.items() if size
    )


def _macs(weighing: Weighing) -> str:
    if weighing.macs is not None:
        return f"{weighing.macs:,}"
    return f"incomplete, at least {weighing.known_macs:,}"


def _padding(weighing: Weighing) -> str:
    if not weighing.known_macs:
        return NOTHING
    return words.percent(weighing.padding_macs / weighing.known_macs)


def _field(weighing: Weighing) -> str:
    if weighing.receptive_field is None:
        return NOTHING
    if weighing.receptive_field_is_upper_bound:
        return f"at most {weighing.receptive_field}"
    return (
        f"{weighing.receptive_field} (stride {weighing.receptive_field_stride:g}, "
        f"first centre {weighing.receptive_field_offset:g})"
    )


_TOTALS: tuple[tuple[str, Callable[[Weighing], str]], ...] = (
    ("input", _input),
    ("classes", lambda weighing: str(weighing.classes or NOTHING)),
    ("examples at once", _batch),
    ("parameters", _parameters),
    ("of them frozen", _frozen),
    ("state elements", lambda weighing: f"{weighing.state_elements:,}"),
    ("size of the state", lambda weighing: words.size(weighing.size_bytes)),
    ("in its own formats", _own_size),
    ("multiply-accumulates", _macs),
    ("of them on padding", _padding),
    ("other elements visited", lambda weighing: f"{weighing.elements:,}"),
    ("activations, sum", lambda weighing: words.size(weighing.activation_bytes)),
    ("activations, held at once", _peak),
    ("receptive field", _field),
    ("backward pass", _in_training(_backward)),
    ("kept for it", _in_training(lambda step: words.size(step.saved_activation_bytes))),
    ("gradients", _in_training(lambda step: words.size(step.gradient_bytes))),
    ("optimiser's state", _in_training(_optimizers)),
    ("time at best", lambda weighing: words.milliseconds(weighing.predicted_ms)),
    ("time measured", lambda weighing: words.milliseconds(weighing.measured_ms)),
)
_COMPARED: dict[str, Callable[[Weighing], float | None]] = {
    "parameters": lambda weighing: weighing.parameters + weighing.frozen_parameters,
    "multiply-accumulates": lambda weighing: weighing.macs,
    "activations, sum": lambda weighing: weighing.activation_bytes,
    "activations, held at once": lambda weighing: weighing.peak_activation_bytes,
    "time at best": lambda weighing: weighing.predicted_ms,
    "time measured": lambda weighing: weighing.measured_ms,
}


def _against_first(title: str, weighings: Sequence[Weighing], cells: list[str]) -> list[str]:
    figure = _COMPARED.get(title)
    base = figure(weighings[0]) if figure else None
    if figure is None or not base:
        return cells
    ratios = [figure(weighing) for weighing in weighings]
    return [
        cell if place == 0 or ratio is None else f"{cell} (× {ratio / base:.3g})"
        for place, (cell, ratio) in enumerate(zip(cells, ratios, strict=True))
    ]
