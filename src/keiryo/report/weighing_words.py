"""The cost of a model in words: the same in the terminal and on the page."""

from collections.abc import Callable, Sequence

from keiryo.records.costs import LayerCost, TrainingStep, Weighing
from keiryo.report import words
from keiryo.report.languages.catalogue import Language, english

NOTHING = "–"


def totals(
    weighings: Sequence[Weighing], say: Language | None = None
) -> list[tuple[str, list[str]]]:
    """Return a row for each total: its title, and a cell for each model.

    From the second model on, a cell also has the ratio to the first model's figure. Totals that no
    model has are left out.
    """
    say = say or english()
    rows = []
    for name, show in _TOTALS:
        cells = [show(weighing, say) for weighing in weighings]
        if any(cell != NOTHING for cell in cells):
            title = say.plain(f"totals.{name}")
            rows.append((title, _against_first(name, weighings, cells)))
    return rows


def remarks(weighing: Weighing, say: Language | None = None) -> list[str]:
    """Return remarks on the figures: incomplete counts, and differences of formula and count."""
    say = say or english()
    lines = []
    if weighing.unknown_operators:
        names = ", ".join(weighing.unknown_operators)
        lines.append(say.plain("remarks.unknown_operators", operators=names))
    with_formula = [layer for layer in weighing.layers if layer.formula_macs is not None]
    differing = [layer for layer in with_formula if layer.difference]
    lines.append(
        say.plain(
            "remarks.agree", agreeing=len(with_formula) - len(differing), layers=len(with_formula)
        )
    )
    alike: dict[str, list[LayerCost]] = {}
    for layer in differing:
        alike.setdefault(layer.type, []).append(layer)
    for layers in alike.values():
        others = say.plain("remarks.others_differ", n=len(layers) - 1) if layers[1:] else ""
        lines.append(f"{layers[0].name}: {layers[0].difference}{others}.")
    uncovered: dict[str, list[int]] = {}
    for layer in weighing.layers:
        if layer.formula is None and layer.macs:
            uncovered.setdefault(layer.type, []).append(layer.macs)
    if uncovered:
        named = ", ".join(
            say.plain("remarks.macs_in", macs=f"{sum(m):,}", layers=len(m), type=kind)
            for kind, m in uncovered.items()
        )
        lines.append(say.plain("remarks.counted_only", layers=named))
    return lines + weighing.notes


def layer_notes(layer: LayerCost, say: Language | None = None) -> str:
    """Return a layer's formula with its numbers, and remarks on the layer."""
    say = say or english()
    parts = [layer.formula] if layer.formula and layer.macs else []
    if layer.calls > 1:
        parts.append(say.plain("remarks.calls", n=layer.calls))
    if layer.calls == 0:
        parts.append(say.plain("remarks.not_run"))
    if layer.padding_macs:
        share = words.percent(layer.padding_macs / layer.macs)
        parts.append(say.plain("remarks.on_padding", share=share))
    pair = layer.separable
    if pair is not None:
        by_formula = "" if pair.ratio == pair.formula_ratio else f" = {pair.formula_ratio:.4f}"
        parts.append(
            say.plain(
                "remarks.separable",
                macs=words.number(pair.macs),
                ordinary=words.number(pair.ordinary_macs),
                ratio=f"{pair.ratio:.4f}",
                formula=f"{pair.formula}{by_formula}",
            )
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


def _input(weighing: Weighing, say: Language) -> str:
    shapes = [size for size in weighing.input_shape if isinstance(size, list)]
    each = ["x".join(map(str, shape)) for shape in shapes or [weighing.input_shape]]
    return say.plain("totals.and").join(each)


def _batch(weighing: Weighing, say: Language) -> str:
    return NOTHING if weighing.batch == 1 else str(weighing.batch)


def _parameters(weighing: Weighing, say: Language) -> str:
    return f"{weighing.parameters + weighing.frozen_parameters:,}"


def _frozen(weighing: Weighing, say: Language) -> str:
    return f"{weighing.frozen_parameters:,}" if weighing.frozen_parameters else NOTHING


def _own_size(weighing: Weighing, say: Language) -> str:
    own = weighing.own_size_bytes
    return NOTHING if own in (None, weighing.size_bytes) else words.size(own)


def _peak(weighing: Weighing, say: Language) -> str:
    peak = words.size(weighing.peak_activation_bytes)
    return say.plain("totals.at_least", figure=peak) if weighing.peak_is_lower_bound else peak


def _in_training(
    figure: Callable[[TrainingStep, Language], str],
) -> Callable[[Weighing, Language], str]:
    return lambda weighing, say: (
        NOTHING if weighing.training is None else figure(weighing.training, say)
    )


def _backward(step: TrainingStep, say: Language) -> str:
    if step.backward_macs is None:
        return say.plain("totals.incomplete_for", operators=", ".join(step.unknown_operators))
    return f"{step.backward_macs:,}"


def _optimizers(step: TrainingStep, say: Language) -> str:
    return ", ".join(
        f"{name} {words.size(size)}" for name, size in step.optimizer_bytes.items() if size
    )


def _macs(weighing: Weighing, say: Language) -> str:
    if weighing.macs is not None:
        return f"{weighing.macs:,}"
    return say.plain("totals.incomplete", figure=f"{weighing.known_macs:,}")


def _padding(weighing: Weighing, say: Language) -> str:
    if not weighing.known_macs:
        return NOTHING
    return words.percent(weighing.padding_macs / weighing.known_macs)


def _field(weighing: Weighing, say: Language) -> str:
    if weighing.receptive_field is None:
        return NOTHING
    if weighing.receptive_field_is_upper_bound:
        return say.plain("totals.at_most", figure=weighing.receptive_field)
    return say.plain(
        "totals.field_figure",
        field=weighing.receptive_field,
        stride=f"{weighing.receptive_field_stride:g}",
        centre=f"{weighing.receptive_field_offset:g}",
    )


# The names are keys of the catalogue.
_TOTALS: tuple[tuple[str, Callable[[Weighing, Language], str]], ...] = (
    ("input", _input),
    ("classes", lambda weighing, say: str(weighing.classes or NOTHING)),
    ("examples", _batch),
    ("parameters", _parameters),
    ("frozen", _frozen),
    ("state_elements", lambda weighing, say: f"{weighing.state_elements:,}"),
    ("state_size", lambda weighing, say: words.size(weighing.size_bytes)),
    ("own_size", _own_size),
    ("macs", _macs),
    ("padding", _padding),
    ("elements", lambda weighing, say: f"{weighing.elements:,}"),
    ("activations", lambda weighing, say: words.size(weighing.activation_bytes)),
    ("peak", _peak),
    ("field", _field),
    ("backward", _in_training(_backward)),
    ("kept", _in_training(lambda step, say: words.size(step.saved_activation_bytes))),
    ("gradients", _in_training(lambda step, say: words.size(step.gradient_bytes))),
    ("optimizer", _in_training(_optimizers)),
    ("time_at_best", lambda weighing, say: words.milliseconds(weighing.predicted_ms)),
    ("time_measured", lambda weighing, say: words.milliseconds(weighing.measured_ms)),
)
_COMPARED: dict[str, Callable[[Weighing], float | None]] = {
    "parameters": lambda weighing: weighing.parameters + weighing.frozen_parameters,
    "macs": lambda weighing: weighing.macs,
    "activations": lambda weighing: weighing.activation_bytes,
    "peak": lambda weighing: weighing.peak_activation_bytes,
    "time_at_best": lambda weighing: weighing.predicted_ms,
    "time_measured": lambda weighing: weighing.measured_ms,
}


def _against_first(name: str, weighings: Sequence[Weighing], cells: list[str]) -> list[str]:
    figure = _COMPARED.get(name)
    base = figure(weighings[0]) if figure else None
    if figure is None or not base:
        return cells
    ratios = [figure(weighing) for weighing in weighings]
    return [
        cell if place == 0 or ratio is None else f"{cell} (× {ratio / base:.3g})"
        for place, (cell, ratio) in enumerate(zip(cells, ratios, strict=True))
    ]
