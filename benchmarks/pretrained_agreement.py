"""Whether keiryo's networks with torchvision's and timm's weights give their logits.

    .venv-weighing/bin/python benchmarks/pretrained_agreement.py
    .venv-weighing/bin/python benchmarks/pretrained_agreement.py --record tests/models/published

Run in an environment of its own, as `benchmarks/weighing.py` is. Nothing is downloaded: each
published architecture is built, its state is filled with numbers that hang on each tensor's
name, saved, read by keiryo, and both networks look at the same image in inference mode.
`--record` writes, for the tests, what each small architecture's state holds and the logits.
"""

import argparse
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import keiryo
from keiryo.models.spec import parse_spec
from keiryo.models.weights.matching import fit_weights, load_fitted
from keiryo.models.weights.weight_file import read_weights
from weighing import declare_torchvision_operators

CLASSES = 1000
LARGEST_FILLED = 1 << 24
# keiryo's name, and those of the published networks of the same architecture.
PUBLISHED = {
    "mobilenet_v1": ["timm/mobilenetv1_100"],
    "mobilenet_v1:width=1.25": ["timm/mobilenetv1_125"],
    "mobilenet_v2": ["torchvision/mobilenet_v2", "timm/mobilenetv2_100"],
    "mobilenet_v2:width=0.35": ["timm/mobilenetv2_035"],
    "mobilenet_v2:width=0.5": ["timm/mobilenetv2_050"],
    "mobilenet_v2:width=0.75": ["timm/mobilenetv2_075"],
    "mobilenet_v2:width=1.4": ["timm/mobilenetv2_140"],
    "mobilenet_v3_small": ["torchvision/mobilenet_v3_small", "timm/mobilenetv3_small_100"],
    "mobilenet_v3_small:width=0.5": ["timm/mobilenetv3_small_050"],
    "mobilenet_v3_small:width=0.75": ["timm/mobilenetv3_small_075"],
    "mobilenet_v3_large": ["torchvision/mobilenet_v3_large", "timm/mobilenetv3_large_100"],
    "mobilenet_v3_large:width=0.75": ["timm/mobilenetv3_large_075"],
    "mobilenet_v4_conv_small": ["timm/mobilenetv4_conv_small"],
    "mobilenet_v4_conv_small:width=0.5": ["timm/mobilenetv4_conv_small_050"],
    "mobilenet_v4_conv_medium": ["timm/mobilenetv4_conv_medium"],
    "efficientnet_b0": ["torchvision/efficientnet_b0", "timm/efficientnet_b0"],
    "efficientnet_lite0": ["timm/efficientnet_lite0"],
    "shufflenet_v2:width=0.5": ["torchvision/shufflenet_v2_x0_5"],
    "shufflenet_v2": ["torchvision/shufflenet_v2_x1_0"],
    "shufflenet_v2:width=1.5": ["torchvision/shufflenet_v2_x1_5"],
    "shufflenet_v2:width=2.0": ["torchvision/shufflenet_v2_x2_0"],
    **{
        f"{family}{depth}": [f"torchvision/{family}{depth}", f"timm/{family}{depth}"]
        for family, depths in (
            ("vgg", (11, 13, 16, 19)),
            ("resnet", (18, 34, 50)),
            ("densenet", (121, 169, 201)),
        )
        for depth in depths
    },
    **{
        f"vgg{depth}:norm=batch": [f"torchvision/vgg{depth}_bn", f"timm/vgg{depth}_bn"]
        for depth in (11, 13, 16, 19)
    },
}
RECORDED = (
    "timm/mobilenetv1_100",
    "torchvision/mobilenet_v2",
    "timm/mobilenetv2_050",
    "timm/mobilenetv3_small_050",
    "torchvision/mobilenet_v3_small",
    "timm/mobilenetv4_conv_small",
    "timm/mobilenetv4_conv_medium",
    "timm/efficientnet_b0",
    "torchvision/efficientnet_b0",
    "timm/efficientnet_lite0",
    "torchvision/shufflenet_v2_x0_5",
    "timm/vgg11_bn",
    "torchvision/vgg11",
    "torchvision/resnet18",
    "torchvision/resnet50",
    "torchvision/densenet121",
)
LOGITS_RECORDED = 4


def main() -> None:
    """Compare every architecture and print a table; fail where one disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path, help="folder for what the tests need")
    parser.add_argument("--models", nargs="*", help="keiryo's names; all if left out")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    declare_torchvision_operators()
    print("| keiryo | published | largest logit | largest difference |")
    print("| --- | --- | ---: | ---: |")
    for spec in options.models or PUBLISHED:
        for name in PUBLISHED[spec]:
            network = build_published(name)
            logits = logits_of(network)
            difference = float((logits_of(mapped(spec, network)) - logits).abs().max())
            largest = float(logits.abs().max())
            print(f"| {spec} | {name} | {largest:.3g} | {difference:.2g} |", flush=True)
            assert difference <= 1e-4 * largest, f"{spec} and {name} disagree"
            if options.record is not None and name in RECORDED:
                record(options.record, name, spec, network, logits)


def build_published(name: str) -> nn.Module:
    """Return the architecture, its state filled, in inference mode."""
    library, _, model = name.partition("/")
    if library == "timm":
        import timm

        network = timm.create_model(model, pretrained=False)
    else:
        import torchvision

        network = getattr(torchvision.models, model)(weights=None)
    state = {key: filled(key, tuple(value.shape)) for key, value in network.state_dict().items()}
    network.load_state_dict(state)
    return network.eval()


def filled(name: str, shape: tuple[int, ...]) -> Tensor:
    """Return numbers that hang on `name` alone, of a size that keeps the signal alive."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1)
    random = np.random.RandomState(zlib.crc32(name.encode()))
    if len(shape) == 1:
        values = 0.1 * random.standard_normal(shape)
        # Scales and variances lie about one; a convolution's weight has more dimensions.
        values = 1 + values if name.endswith((".weight", "running_var")) else values
    elif np.prod(shape) > LARGEST_FILLED:
        # One row for all: its order is what there is to see, and it is quick. Lifted, so that
        # the ReLU behind it lets the signal through.
        inputs = np.prod(shape[1:])
        row = random.standard_normal(shape[1:]) / np.sqrt(inputs) + 16 / inputs
        values = np.broadcast_to(row, shape)
    else:
        values = random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def mapped(spec: str, published: nn.Module) -> nn.Module:
    """Return keiryo's network with the published one's weights, by way of a file."""
    network = keiryo.build(spec, classes=CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        torch.save(published.state_dict(), path)
        fitted = fit_weights(read_weights(path), parse_spec(spec), network, classes=CLASSES)
    load_fitted(network, fitted)
    return network.eval()


def image() -> Tensor:
    """Return the input (1, 3, 224, 224) that every network looks at."""
    values = np.random.RandomState(0).standard_normal((1, 3, 224, 224))
    return torch.from_numpy(values.astype(np.float32))


def logits_of(network: nn.Module) -> Tensor:
    """Return the logits (classes,) of the image."""
    with torch.inference_mode():
        return network(image())[0]


def record(folder: Path, name: str, spec: str, network: nn.Module, logits: Tensor) -> None:
    """Write what the state holds, a line a module, with the first logits at the head."""
    folder.mkdir(parents=True, exist_ok=True)
    modules: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, value in network.state_dict().items():
        module, _, tensor = key.rpartition(".")
        modules.setdefault(module, {})[tensor] = tuple(value.shape)
    lines = [f"{name} {spec} " + " ".join(f"{x:.6g}" for x in logits[:LOGITS_RECORDED].tolist())]
    for module, tensors in modules.items():
        kind = "norm" if "running_mean" in tensors else "bias" if "bias" in tensors else "plain"
        lines.append(f"{module} {kind} {'x'.join(map(str, tensors['weight']))}")
    (folder / f"{name.replace('/', '-')}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
