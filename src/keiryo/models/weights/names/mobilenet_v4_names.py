"""The names of the modules of MobileNetV4."""

from keiryo.models.families.mobilenet_v4 import Conv, Fused, Row
from keiryo.models.weights.names.convolution_names import Names, convolution_with_norm

UNIVERSAL_STEPS = {
    "first": "dw_start",
    "expand": "pw_exp",
    "second": "dw_mid",
    "project": "pw_proj",
}


def timm_mobilenet_v4(rows: tuple[Row, ...]) -> Names:
    """Yield timm's names for mobilenetv4_conv_*: a stage begins at each row with a stride."""
    yield from convolution_with_norm("features.0", "conv_stem", "bn1")
    stage, repeat = -1, 0
    for number, row in enumerate(rows, 1):
        stage, repeat = (stage + 1, 0) if row.stride > 1 else (stage, repeat + 1)
        ours, theirs = f"features.{number}", f"blocks.{stage}.{repeat}"
        match row:
            case Conv():
                yield from convolution_with_norm(ours, f"{theirs}.conv", f"{theirs}.bn1")
            case Fused():
                yield from convolution_with_norm(
                    f"{ours}.branch.expand", f"{theirs}.conv_exp", f"{theirs}.bn1"
                )
                yield from convolution_with_norm(
                    f"{ours}.branch.project", f"{theirs}.conv_pwl", f"{theirs}.bn2"
                )
            case _:
                for step, name in UNIVERSAL_STEPS.items():
                    yield from convolution_with_norm(
                        f"{ours}.branch.{step}", f"{theirs}.{name}.conv", f"{theirs}.{name}.bn"
                    )
    last = f"blocks.{stage + 1}.0"
    yield from convolution_with_norm(f"features.{len(rows) + 1}", f"{last}.conv", f"{last}.bn1")
    yield from convolution_with_norm("head", "conv_head", "norm_head")
    yield "classifier", "classifier"
