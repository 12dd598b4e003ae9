"""Comparison of a layer's closed formula with what was counted when it ran."""

from keiryo.cost.calls import LayerCall
from keiryo.cost.formula.layers import LayerFormula, formula_class


def explain_difference(call: LayerCall, formula: LayerFormula | None) -> str | None:
    """Return how and why `formula` and the count of `call` differ; None if they agree."""
    if formula is None:
        return None
    if formula.macs != call.macs:
        found = f"counted {call.macs:,} MACs, the formula gives {formula.macs:,}"
    elif formula.elements not in (None, call.elements):
        found = f"visits {call.elements:,} elements, the formula gives {formula.elements:,}"
    else:
        return None
    return f"{found}: {_reason(call)}"


def _reason(call: LayerCall) -> str:
    layer, known = call.module, formula_class(type(call.module))
    ran = ", ".join(call.operators)
    if known is not None and type(layer).forward is not known.forward:
        own = type(layer).__name__
        return f"{own} has a forward of its own instead of {known.__name__}'s ({ran})"
    if hasattr(layer, "parametrizations"):
        return f"its weights are computed again at each call ({ran})"
    if layer._forward_hooks or layer._forward_pre_hooks:
        return f"the work of its hooks is counted too ({ran})"
    return f"it ran {ran}"
