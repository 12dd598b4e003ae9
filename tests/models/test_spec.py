import sys
from pathlib import Path
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from keiryo.errors import InputError
from keiryo.models.meta import build_weightless
from keiryo.models.spec import build, fit_to_size, parse_spec, parse_specs
from keiryo.nn.normalization import Norm


@given(
    width=st.floats(0.1, 2.0).map(lambda width: round(width, 3)),
    norm=st.sampled_from(get_args(Norm)),
)
def test_a_spec_reads_back_as_itself(width: float, norm: str) -> None:
    spec = parse_spec(f"mobilenet_v2:norm={norm},width={width}")
    assert parse_spec(str(spec)) == spec
    assert dict(spec.options) == {"width": width, "norm": norm}


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(1, 40))
def test_layers_and_growth(layers: list[int], growth: int) -> None:
    text = f"densenet:layers={'-'.join(map(str, layers))},growth={growth}"
    assert dict(parse_spec(text).options) == {"layers": tuple(layers), "growth": growth}


def test_a_list_of_models_keeps_their_options_apart() -> None:
    specs = parse_specs("mobilenet_v2:width=0.5,norm=group, vgg16,densenet:layers=2-2,growth=4")
    assert [str(spec) for spec in specs] == [
        "mobilenet_v2:width=0.5,norm=group",
        "vgg16",
        "densenet:layers=2-2,growth=4",
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("mobilnet_v2", "mobilenet_v2"),
        ("resnet19", "resnet18"),
        ("vgg16:norm=bach", "batch"),
        ("mobilenet_v2:alpha=0.5", "width"),
        ("mobilenet_v2:width=-1", "positive"),
        ("mobilenet_v2:width=wide", "positive"),
        ("mobilenet_v2:width=0.5,width=1", "twice"),
        ("densenet:layers=", "positive"),
        ("densenet:stem=3", "1, 2, 4, 8"),
        ("shufflenet_v2:width=0.7", "0.5, 1.0, 1.5, 2.0"),
        ("densenet:layers=4-x", "positive"),
        ("no_such_package_here:make", "unknown model"),
        ("nowhere.py:make", "no such file"),
        ("", "unknown model"),
    ],
)
def test_what_names_no_model_says_what_would(text: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        build(text, classes=3)


def test_the_same_model_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        parse_specs("vgg16,vgg16")


@pytest.mark.parametrize(
    ("given", "size", "fitted"),
    [
        ("densenet", 32, "densenet"),
        ("densenet", 8, "densenet"),
        ("densenet", 64, "densenet:stem=2"),
        ("densenet:norm=group,growth=4", 127, "densenet:growth=4,stem=2,norm=group"),
        ("densenet", 224, "densenet:stem=4"),
        ("densenet", 2048, "densenet:stem=8"),
        ("densenet:stem=1", 224, "densenet:stem=1"),
        ("resnet18", 224, "resnet18"),
        ("my.py:net", 224, "my.py:net"),
    ],
)
def test_a_stem_fits_the_size_of_images(given: str, size: int, fitted: str) -> None:
    assert str(fit_to_size(parse_spec(given), size)) == fitted


@settings(max_examples=12)
@given(st.sampled_from((1, 2, 4, 8)), st.integers(8, 80))
def test_a_stem_reduces_the_image_by_its_factor(stem: int, size: int) -> None:
    network = build_weightless(parse_spec(f"densenet:layers=1,growth=4,stem={stem}"), classes=2)
    maps = network.get_submodule("features.0")(torch.empty(1, 3, size, size, device="meta"))
    assert maps.shape[2:] == (-(-size // stem), -(-size // stem))


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_a_width_that_leaves_no_channels_is_refused() -> None:
    with pytest.raises(InputError, match="width=0"):
        build("mobilenet_v1:width=0.001", classes=3)


def test_the_users_own_module(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from torch import nn\n"
        "def make(classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))\n"
        "def wrong(classes):\n"
        "    return 'no network'\n"
        "def broken(classes):\n"
        "    raise KeyError('oh')\n"
    )
    assert isinstance(build(f"{file}:make", classes=3), nn.Sequential)
    for factory in ("absent", "wrong", "broken"):
        with pytest.raises(InputError, match="mine"):
            build(f"{file}:{factory}", classes=3)


def test_timms_networks_need_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert str(parse_spec("timm/resnet18")) == "timm/resnet18"
    with pytest.raises(InputError, match=r"pip install 'keiryo\[timm\]' 'torch=="):
        build("timm/resnet18", classes=5)
    with pytest.raises(InputError, match="takes no options"):
        parse_spec("timm/resnet18:norm=batch")
