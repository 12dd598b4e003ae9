"""Weigh every architecture of timm and torchvision, and networks of transformers and diffusers.

    pip install --no-deps -r benchmarks/weighing-requirements.txt
    pip install transformers diffusers
    python benchmarks/weighing_everything.py [timm] [torchvision] [transformers] [diffusers]

Networks are built from their configuration alone, without weights where that is possible, so
nothing is downloaded. Each is weighed, then counted by PyTorch's own FlopCounterMode. Refusals,
totals that are withheld and totals that differ are listed.
"""

import argparse
import contextlib
import logging
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import keiryo
from keiryo.cost.inputs import read_inputs
from keiryo.cost.running.meta_copy import NeedsValuesError
from keiryo.errors import InputError
from keiryo.models.meta import without_weights
from keiryo.records.costs import Weighing
from torchvision_operators import declare_torchvision_operators

Builder = Callable[[], tuple[nn.Module, Any]]
TOKENS = 32
# Classes of transformers and what their configuration must have to be small; encoders and decoders.
SMALL = {
    "hidden_size": 64,
    "d_model": 64,
    "n_embd": 64,
    "dim": 64,
    "embedding_size": 64,
    "num_hidden_layers": 2,
    "num_layers": 2,
    "n_layer": 2,
    "n_layers": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "num_decoder_layers": 2,
    "num_attention_heads": 4,
    "n_head": 4,
    "n_heads": 4,
    "num_heads": 4,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "d_kv": 16,
    "intermediate_size": 128,
    "moe_intermediate_size": 64,
    "shared_expert_intermediate_size": 64,
    "d_ff": 128,
    "hidden_dim": 128,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "vocab_size": 512,
    "pad_token_id": 0,
}
TEXT = [
    "Bert",
    "Roberta",
    "DistilBert",
    "Albert",
    "Electra",
    "DebertaV2",
    "MPNet",
    "XLNet",
    "ModernBert",
    "GPT2",
    "GPTNeoX",
    "OPT",
    "Bloom",
    "Llama",
    "Mistral",
    "Qwen2",
    "Qwen2Moe",
    "Gemma",
    "Phi",
    "Mixtral",
]
TWO_SIDED = ("T5", "Bart")
IMAGES = ("ViT", "Swin", "ConvNextV2", "Dinov2", "Segformer", "Beit")


@dataclass
class Outcome:
    """What became of one network."""

    name: str
    kind: str  # equal, differs, withheld, refused, failed, not built, too long, not counted
    detail: str = ""
    seconds: float = 0.0


def main() -> None:
    """Weigh all networks of the named libraries, and list what did not go well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", nargs="*", default=list(LIBRARIES), metavar="LIBRARY")
    parser.add_argument("--every", type=int, default=1, help="take every Nth network alone")
    parser.add_argument("--start", type=int, default=0, help="leave so many networks out first")
    parser.add_argument("--match", default="", help="take names alone that contain this")
    parser.add_argument("--seconds", type=int, default=120, help="longest time for one network")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    declare_torchvision_operators()
    outcomes = []
    for library in options.libraries:
        networks = [item for item in LIBRARIES[library]() if options.match in item[0]]
        for name, build in networks[options.start :: options.every]:
            outcomes.append(try_one(f"{library}/{name}", build, options.seconds))
            last = outcomes[-1]
            print(f"{last.name}: {last.kind} {last.detail}", file=sys.stderr, flush=True)
    report(outcomes)


def try_one(name: str, build: Builder, limit: int) -> Outcome:
    """Build, weigh and count one network."""
    try:
        with at_most(limit):
            network, inputs = build()
            network.eval()
    except Exception as error:
        return Outcome(name, "not built", first_line(error))
    started = time.perf_counter()
    try:
        with at_most(limit):
            weighing, network = weigh(network, build, inputs)
    except InputError as error:
        return Outcome(name, "refused", " ".join(str(error).split())[:300])
    except TimeoutError:
        return Outcome(name, "too long")
    except Exception as error:
        return Outcome(name, "failed", f"{type(error).__name__}: {first_line(error)}")
    seconds = time.perf_counter() - started
    if weighing.macs is None:
        return Outcome(name, "withheld", ", ".join(weighing.unknown_operators)[:300], seconds)
    try:
        with at_most(limit):
            counted = count(network, inputs)
    except Exception as error:
        return Outcome(name, "not counted", first_line(error), seconds)
    if counted == weighing.macs:
        return Outcome(name, "equal", "", seconds)
    detail = f"keiryo {weighing.macs:,}, PyTorch {counted:,}"
    return Outcome(name, "differs", detail, seconds)


def weigh(network: nn.Module, build: Builder, inputs: Any) -> tuple[Weighing, nn.Module]:
    """Weigh `network`; if its forward needs values, build it again with weights."""
    try:
        return keiryo.weigh(network, inputs), network
    except NeedsValuesError:
        with unchanged_devices():
            network = build()[0].eval()
        return keiryo.weigh(network, inputs), network


def count(network: nn.Module, inputs: Any) -> int:
    """Return PyTorch's own count in multiply-accumulates."""
    device = "meta" if any(p.is_meta for p in network.parameters()) else "cpu"
    examples = read_inputs(inputs).examples(device, like=network)
    counter = FlopCounterMode(display=False)
    # It does not know the processor's fused attention, and fails on some networks under no_grad.
    with sdpa_kernel(SDPBackend.MATH), counter:
        network(*examples.positional, **examples.named)
    return counter.get_total_flops() // 2


def report(outcomes: list[Outcome]) -> None:
    """Print the number of networks of each outcome, and those that did not go well."""
    kinds = sorted({outcome.kind for outcome in outcomes})
    print("| library | " + " | ".join(kinds) + " |")
    print("| --- |" + " --- |" * len(kinds))
    for library in dict.fromkeys(outcome.name.partition("/")[0] for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.name.startswith(f"{library}/")]
        counts = [sum(outcome.kind == kind for outcome in own) for kind in kinds]
        print(f"| {library} | " + " | ".join(map(str, counts)) + " |")
    for outcome in outcomes:
        if outcome.kind != "equal":
            print(f"- {outcome.name}: {outcome.kind} {outcome.detail}")


@contextlib.contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Raise TimeoutError if the block takes longer."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


keeps_weights = False


@contextlib.contextmanager
def unchanged_devices() -> Iterator[None]:
    """Let `weightless` build with weights in this block."""
    global keeps_weights
    keeps_weights = True
    try:
        yield
    finally:
        keeps_weights = False


def weightless(build: Callable[[], nn.Module]) -> nn.Module:
    """Build without weights, or with them where that fails."""
    if keeps_weights:
        return build()
    try:
        with without_weights():
            return build()
    except TimeoutError:
        raise
    except Exception:
        return build()


def first_line(error: Exception) -> str:
    """Return the first line of an error's text."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def timm_networks() -> Iterator[tuple[str, Builder]]:
    """Yield all of timm's architectures."""
    import timm

    def builder(name: str) -> Builder:
        def build() -> tuple[nn.Module, Any]:
            network = weightless(lambda: timm.create_model(name, pretrained=False))
            return network, tuple(network.pretrained_cfg["input_size"])

        return build

    for name in timm.list_models():
        yield name, builder(name)


def torchvision_networks() -> Iterator[tuple[str, Builder]]:
    """Yield all of torchvision's architectures; those for video get 16 frames."""
    from torchvision import models

    def builder(name: str) -> Builder:
        def build() -> tuple[nn.Module, Any]:
            network = weightless(lambda: models.get_model(name, weights=None, **no_backbone(name)))
            kind = models.get_model_builder(name).__module__
            if "optical_flow" in kind:
                return network, [(3, 128, 128), (3, 128, 128)]
            if "detection" in kind:
                return network, [[torch.rand(3, 320, 320)]]
            if "video" in kind:
                return network, (3, 16, 224, 224)
            return network, (3, 299, 299) if name == "inception_v3" else (3, 224, 224)

        return build

    def no_backbone(name: str) -> dict[str, Any]:
        has_one = any(
            part in name for part in ("rcnn", "fcn", "deeplab", "lraspp", "retina", "ssd", "fcos")
        )
        return {"weights_backbone": None} if has_one else {}

    for name in models.list_models():
        if not name.startswith("quantized"):
            yield name, builder(name)


def transformers_networks() -> Iterator[tuple[str, Builder]]:
    """Yield encoders, decoders and vision networks of transformers, small, by configuration."""
    import transformers

    def configured(name: str) -> Any:
        kind = getattr(transformers, f"{name}Config")
        default = kind()
        given = {key: value for key, value in SMALL.items() if hasattr(default, key)}
        try:
            return kind(**given)
        except Exception:
            return default

    def builder(name: str, inputs: Any, *, is_small: bool = True) -> Builder:
        def build() -> tuple[nn.Module, Any]:
            config = configured(name) if is_small else getattr(transformers, f"{name}Config")()
            kind = getattr(transformers, f"{name}Model")
            return weightless(lambda: kind(config)), inputs

        return build

    tokens = f"{TOKENS}:int64"
    for name in TEXT:
        yield name, builder(name, {"input_ids": tokens})
    for name in TWO_SIDED:
        yield name, builder(name, {"input_ids": tokens, "decoder_input_ids": "8:int64"})
    for name in IMAGES:
        yield name, builder(name, {"pixel_values": (3, 224, 224)}, is_small=False)
    yield (
        "Whisper",
        builder("Whisper", {"input_features": (80, 3000), "decoder_input_ids": "8:int64"}),
    )
    yield "Wav2Vec2", builder("Wav2Vec2", {"input_values": (16000,)}, is_small=False)


def diffusers_networks() -> Iterator[tuple[str, Builder]]:
    """Yield networks of diffusers by their default or a small configuration."""
    import diffusers

    step = torch.zeros(1)
    text = {"encoder_hidden_states": torch.zeros(1, 8, 32)}
    small = {"block_out_channels": (32, 64), "layers_per_block": 1}
    cases: dict[str, tuple[dict[str, Any], Any]] = {
        "UNet2DModel": ({"sample_size": 32}, [(3, 32, 32), 1]),
        "UNet2DConditionModel": (
            small
            | {
                "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
                "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
                "cross_attention_dim": 32,
                "attention_head_dim": 8,
            },
            {"sample": (4, 32, 32), "timestep": step} | text,
        ),
        "UNet1DModel": ({"sample_size": 256, "extra_in_channels": 64}, [(2, 256), 1]),
        "UNet3DConditionModel": (
            {"cross_attention_dim": 32},
            {"sample": (4, 4, 32, 32), "timestep": step} | text,
        ),
        "AutoencoderKL": ({}, (3, 64, 64)),
        "VQModel": ({}, (3, 64, 64)),
        "AutoencoderTiny": ({}, (3, 64, 64)),
        "DiTTransformer2DModel": (
            {"num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 16},
            {"hidden_states": (4, 32, 32), "timestep": step, "class_labels": torch.zeros(1).long()},
        ),
        "Transformer2DModel": (
            {"in_channels": 32, "num_attention_heads": 2, "attention_head_dim": 16},
            (32, 16, 16),
        ),
        "PriorTransformer": (
            {
                "num_layers": 2,
                "num_attention_heads": 2,
                "attention_head_dim": 16,
                "embedding_dim": 32,
            },
            {"hidden_states": (32,), "timestep": step, "proj_embedding": (32,)}
            | {"encoder_hidden_states": torch.zeros(1, 77, 32)},
        ),
        "ControlNetModel": (
            small
            | {
                "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
                "cross_attention_dim": 32,
                "attention_head_dim": 8,
            },
            {"sample": (4, 32, 32), "timestep": step, "controlnet_cond": (3, 256, 256)} | text,
        ),
    }

    def builder(name: str, configuration: dict[str, Any], inputs: Any) -> Builder:
        def build() -> tuple[nn.Module, Any]:
            return weightless(lambda: getattr(diffusers, name)(**configuration)), inputs

        return build

    for name, (configuration, inputs) in cases.items():
        yield name, builder(name, configuration, inputs)


LIBRARIES: dict[str, Callable[[], Iterator[tuple[str, Builder]]]] = {
    "timm": timm_networks,
    "torchvision": torchvision_networks,
    "transformers": transformers_networks,
    "diffusers": diffusers_networks,
}

if __name__ == "__main__":
    main()
