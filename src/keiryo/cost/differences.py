"""Holding a layer's closed formula against what was counted when it ran."""

from keiryo.cost.layers import formula_class
from keiryo.cost.trace import LayerCall


def explain_difference(call: LayerCall) -> str | None:
    """Return where formula and count of `call` disagree and why; None where they agree."""
    formula = call.formula
    if formula is None:
        return None
    parts = []
    if formula.macs != call.macs:
        parts.append(f"counted {call.macs} MACs, the formula gives {formula.macs}")
    elif formula.elements not in (None, call.elements):
        parts.append(f"visits {call.elements} elements, the formula gives {formula.elements}")
    if not parts:
        return None
    return f"{parts[0]}: {_reason(call)}"


def _reason(call: LayerCall) -> str:
    layer, known = call.module, formula_class(call.module)
    ran = ", ".join(dict.fromkeys(operator.operator for operator in call.operators)) or "nothing"
    if known is not None and type(layer).forward is not known.forward:
        return (
            f"{type(layer).__name__} has a forward of its own instead of {known.__name__}'s ({ran})"
        )
    if hasattr(layer, "parametrizations"):
        return f"its weights are computed anew at each call ({ran})"
    if layer._forward_hooks or layer._forward_pre_hooks:
        return f"what its hooks do is counted too ({ran})"
    return f"it ran {ran}"
