"""The receptive fields that the tensors of a run carry with them."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from keiryo.cost.receptive_field.field import UNKNOWN, TensorField, input_field
from keiryo.cost.running.operator_table import Operator

FIELD_ATTRIBUTE = "_keiryo_receptive_field"


def field_of(tensor: Tensor) -> TensorField:
    """Return the field that `tensor` carries."""
    return getattr(tensor, FIELD_ATTRIBUTE, None)


def start_at_input(inputs: Sequence[Tensor]) -> None:
    """Let the first of `inputs` with spatial axes carry the field that all others are seen in."""
    first = next((tensor for tensor in inputs if input_field(tensor.shape)), None)
    if first is not None and first.is_floating_point():
        setattr(first, FIELD_ATTRIBUTE, input_field(first.shape))


def carry_on(
    operator: Operator, args: Any, kwargs: Any, outputs: Sequence[Tensor]
) -> Sequence[TensorField]:
    """Let the results of a call carry their fields, and return these; UNKNOWN is one too."""
    if not outputs:
        return ()
    if operator.keeps_field:
        field = field_of(args[0])
        if field is not None and field is not UNKNOWN:
            for tensor in outputs:
                setattr(tensor, FIELD_ATTRIBUTE, field)
            return (field,)
    else:
        arguments = dict(zip(operator.argument_names, args, strict=False)) | kwargs
        try:
            field = operator.follow(arguments, outputs, field_of)
        except Exception:  # a form of the operator that the rule does not know
            field = UNKNOWN
    fields = field if isinstance(field, list) else [field] * len(outputs)
    if operator.changes_first and fields[0] is not field_of(args[0]):
        # Written into a part of a tensor, whose other views would not know.
        first = outputs[0]
        if first.numel() * first.element_size() < first.untyped_storage().nbytes():
            fields = [UNKNOWN] * len(outputs)
    hand_on(fields, outputs)
    return fields


def hand_on(fields: Sequence[TensorField], outputs: Sequence[Tensor]) -> None:
    """Let each of `outputs` carry its field."""
    for tensor, field in zip(outputs, fields, strict=True):
        if field is not None:
            setattr(tensor, FIELD_ATTRIBUTE, field)
