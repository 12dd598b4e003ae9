"""Weights to begin with: how they are named, had, checked, and gone on with."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file

from conftest import Finished, run_command
from keiryo.comparison.images.splitting import split_of_plan
from keiryo.comparison.plan import Plan, comparison_folder, make_plan, resume_plan
from keiryo.comparison.pretrained.pretrained import (
    check_pretrained,
    places_of_weights,
    start_of_trial,
)
from keiryo.comparison.pretrained.pretrained_download import (
    fetch_published_weights,
    fetch_weights,
)
from keiryo.comparison.pretrained_option import places_of
from keiryo.data.survey.identity import encode_marks, mark_of
from keiryo.errors import InputError
from keiryo.models.saved import Preprocessing, SavedModel, read_description, save_model
from keiryo.models.spec import build, parse_spec
from keiryo.models.tensor_file import read_tensors, read_text, write_tensors
from keiryo.models.weights.foreign_names import (
    IMAGENET_MEAN,
    INCEPTION_MEAN,
    INCEPTION_STD,
    foreign_namings,
)
from keiryo.models.weights.imagenet_weights import (
    PUBLISHED_WEIGHTS,
    PublishedWeights,
    published_weights,
    weights_at,
)
from keiryo.records.comparison import Comparison
from surveys import survey_of

MODEL = "mobilenet_v2:width=0.35"
CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("text", "models", "places"),
    [
        ("a,b=c.pth", ["vgg16"], {"vgg16": "a,b=c.pth"}),
        ("x.pth", ["vgg16", "resnet18"], {"vgg16": "x.pth", "resnet18": "x.pth"}),
        ("resnet18=x.pth", ["vgg16", "resnet18"], {"resnet18": "x.pth"}),
        (
            f"{MODEL}=a=b,c.pth, {MODEL},norm=group=http://host/x#sha256=00",
            [MODEL, f"{MODEL},norm=group"],
            {MODEL: "a=b,c.pth", f"{MODEL},norm=group": "http://host/x#sha256=00"},
        ),
        ("my.py:net=x.pth", ["my.py:net"], {"my.py:net": "x.pth"}),
    ],
)
def test_places(text: str, models: list[str], places: dict[str, str]) -> None:
    assert places_of(text, models) == places


@pytest.mark.parametrize("text", ["", "vgg16=", "vgg16=a,vgg16=b"])
def test_what_are_no_places(text: str) -> None:
    with pytest.raises(InputError, match="--pretrained"):
        places_of(text, ["vgg16"])


def test_a_plan_holds_places_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"data": "digits", "models": ["my.py:net", "vgg16"], "pretrained": "my.py:net=x.pth"}
    plan = make_plan(given)
    assert plan.pretrained == f"{tmp_path}/my.py:net={tmp_path}/x.pth"
    assert plan.fine_tune == "two-stage"
    comparison_folder(tmp_path).write_plan(plan)
    assert resume_plan({"pretrained": "my.py:net=x.pth", "models": given["models"]}, tmp_path)
    assert resume_plan({"pretrained": plan.pretrained}, tmp_path) == plan
    assert resume_plan({"fine_tune": "two-stage"}, tmp_path) == plan
    with pytest.raises(InputError, match=r"--fine-tune head: .* begun with two-stage"):
        resume_plan({"fine_tune": "head"}, tmp_path)
    with pytest.raises(InputError, match="--fine-tune head: needs the weights"):
        make_plan({"data": "digits", "fine_tune": "head"})


def test_published_weights_by_the_word_imagenet(tmp_path: Path) -> None:
    given = {"data": "digits", "pretrained": "imagenet"}
    plan = make_plan({**given, "models": ["resnet18", "mobilenet_v2:width=0.5"]})
    assert plan.pretrained == "imagenet"
    assert places_of_weights(plan) == [
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights/"
        "mobilenetv2_050-3d30d450.pth",
    ]
    # Of the models that keiryo chooses itself, those that have some.
    assert all(published_weights(parse_spec(model)) for model in make_plan(given).models)
    with pytest.raises(InputError, match="give --pretrained resnet18=imagenet, or name another"):
        make_plan({**given, "models": ["resnet18", "densenet"]})
    mixed = {**given, "models": ["resnet18", "vgg16"], "pretrained": "resnet18=imagenet,vgg16=x"}
    assert make_plan(mixed).pretrained == f"resnet18=imagenet,vgg16={Path('x').resolve()}"


@pytest.mark.parametrize("weights", PUBLISHED_WEIGHTS, ids=lambda weights: weights.model)
def test_each_row_is_of_a_network_and_of_a_file_that_can_be_verified(
    weights: PublishedWeights,
) -> None:
    spec = parse_spec(weights.model)
    assert published_weights(spec) == weights
    assert foreign_namings(spec)
    assert weights_at(weights.url) == weights
    if weights.pointer_url is None:
        assert weights.file_name.endswith(f"-{weights.sha256}.pth")
    else:
        assert weights.file_name.endswith("_in1k.safetensors")


class Handler(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        if self.path in self.files:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.files[self.path])
            return
        if self.path.startswith("/timm/net/raw/"):
            self.send_response(200)
            self.end_headers()
            digest = SHA256 if self.path.endswith("model.safetensors") else "f" * 64
            self.wfile.write(f"version x\noid sha256:{digest}\nsize {len(CONTENT)}\n".encode())
            return
        if self.path.startswith("/timm/") and not self.path.startswith("/timm/net/"):
            self.send_error(404)
            return
        if (given := self.headers.get("Range")) is not None:
            start = int(given.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            self.wfile.write(CONTENT[start:])
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_url_is_fetched_once(host: str, tmp_path: Path) -> None:
    for url in (
        f"{host}/a/model.safetensors",
        f"{host}/b/model.safetensors?download=1",
        f"{host}/c/model.safetensors#sha256={SHA256}",
        f"{host}/net-{SHA256[:8]}.pth",
    ):
        path = fetch_weights(url, cache=tmp_path)
        assert path.read_bytes() == CONTENT
        path.touch()
        before = path.stat().st_mtime_ns
        assert fetch_weights(url, cache=tmp_path) == path
        assert path.stat().st_mtime_ns == before
    assert len(list(tmp_path.rglob("model.safetensors"))) == 3


@pytest.mark.parametrize("end", ["net-01234567.pth", f"net-{SHA256[:8]}.pth#sha256={'0' * 64}"])
def test_another_file_than_the_published_one(end: str, host: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the published file"):
        fetch_weights(f"{host}/{end}", cache=tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_published_files_are_verified_and_resumed(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"net-{SHA256[:8]}.pth"
    first = PublishedWeights("vgg16", f"{host}/models/{name}", SHA256[:8])
    folder = tmp_path / "weights" / "imagenet"
    folder.mkdir(parents=True)
    (folder / f"{name}.part").write_bytes(CONTENT[:99])
    told: list[int] = []
    path = fetch_published_weights(
        first, cache=tmp_path, progress=lambda done, total: told.append(done)
    )
    assert path == folder / name
    assert path.read_bytes() == CONTENT
    assert (told[0], told[-1]) == (99, len(CONTENT))

    second = PublishedWeights("vgg16", f"{host}/timm/net/resolve/main/model.safetensors")
    assert fetch_published_weights(second, cache=tmp_path) == folder / "net.safetensors"
    assert (folder / "net.safetensors").read_bytes() == CONTENT
    other = PublishedWeights("vgg16", f"{host}/timm/net/resolve/main/other.safetensors")
    (folder / "net.safetensors").unlink()
    with pytest.raises(InputError, match="not the published file"):
        fetch_published_weights(other, cache=tmp_path)
    absent = PublishedWeights("vgg16", f"{host}/timm/absent/resolve/main/model.safetensors")
    with pytest.raises(InputError, match=r"404 .*put it at .*/imagenet/absent.safetensors$"):
        fetch_published_weights(absent, cache=tmp_path)
    # A file that was put there by hand needs no publisher.
    (folder / "absent.safetensors").write_bytes(CONTENT)
    assert fetch_published_weights(absent, cache=tmp_path).read_bytes() == CONTENT
    assert sorted(file.suffix for file in folder.iterdir()) == [".pth", ".safetensors"]

    monkeypatch.setenv("KEIRYO_MIRROR", f"{host}/mirror/")
    elsewhere = PublishedWeights("vgg16", f"http://127.0.0.1:9/x/{name}", SHA256[:8])
    assert fetch_published_weights(elsewhere, cache=tmp_path / "2").read_bytes() == CONTENT


def test_a_trial_begins_with_the_publishers_weights_and_their_normalization(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = "mobilenet_v4_conv_small:width=0.5"
    published = published_weights(parse_spec(model))
    assert published is not None
    torch.manual_seed(1)
    trained = build(model, classes=9).state_dict()
    (naming,) = foreign_namings(parse_spec(model))
    content = save(
        {
            f"{naming.modules[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor
            for name, tensor in trained.items()
        }
    )
    monkeypatch.setitem(Handler.files, f"/{published.file_name}", content)
    monkeypatch.setenv("KEIRYO_MIRROR", host)
    monkeypatch.setenv("KEIRYO_CACHE", str(tmp_path))
    plan = make_plan({"data": "digits", "models": [model], "pretrained": "imagenet"})
    plan = check_pretrained(plan, 3)
    monkeypatch.setenv("KEIRYO_MIRROR", "http://127.0.0.1:9")  # it is in the cache
    network = build(model, classes=3)
    own = Preprocessing(size=32, mean=(0.1,) * 3, std=(0.2,) * 3)
    start = start_of_trial(plan, model, network, own, classes=3)
    assert start.preprocessing == Preprocessing(size=32, mean=INCEPTION_MEAN, std=INCEPTION_STD)
    assert start.pretrained == published.url
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, trained[name]) is not name.startswith("classifier.")


def test_what_is_left_of_a_file_without_a_checksum_is_not_gone_on_with(
    host: str, tmp_path: Path
) -> None:
    path = fetch_weights(f"{host}/net.pth", cache=tmp_path)
    path.rename(path.with_name("net.pth.part"))
    path.with_name("net.pth.part").write_bytes(b"another file")
    assert fetch_weights(f"{host}/net.pth", cache=tmp_path).read_bytes() == CONTENT


def test_an_address_that_cannot_be_checked_or_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(InputError, match="sha256= and its 64 digits"):
        fetch_weights("http://127.0.0.1/x#md5=00", cache=tmp_path)
    with pytest.raises(InputError, match="connect to the internet"):
        fetch_weights("http://127.0.0.1:9/x", cache=tmp_path)
    with pytest.raises(InputError, match="not an http"):
        fetch_weights("ftp://127.0.0.1/x", cache=tmp_path)


SMALL = ["--size", 32, "--batch", 8, "--threads", 1, "--epochs", 1, "--wait-for-quiet", 0]
SMALL += ["--engine", "torch"]


@pytest.fixture(scope="module")
def fine_tuned(
    tmp_path_factory: pytest.TempPathFactory, flower_folder: Path
) -> tuple[Path, Path, Comparison]:
    """Weights, the folder of a comparison that began with them in two folds, and the comparison."""
    root = tmp_path_factory.mktemp("fine_tuned")
    weights, out = root / "w.pth", root / "out"
    torch.manual_seed(0)
    torch.save(build(MODEL, classes=9).state_dict(), weights)
    finished = run_command(
        "train", MODEL, flower_folder, *SMALL, "--folds", 2, "--pretrained", weights,
        "--fine-tune", "head", "--out", out, "--json",
    )  # fmt: skip
    assert finished.status == 0, finished.err
    return weights, out, Comparison.model_validate_json(finished.out)


def test_a_comparison_begins_with_the_weights_and_only_with_them(
    fine_tuned: tuple[Path, Path, Comparison],
    flower_folder: Path,
    tmp_path: Path,
    keiryo: Callable[..., Finished],
) -> None:
    weights, out, comparison = fine_tuned
    assert comparison.fine_tune == "head"
    state = torch.load(weights)
    for trial in comparison.trials:
        assert trial.pretrained == "w.pth"
        trained = load_file(out / trial.folder / "model.safetensors")
        differing = [name for name in state if not torch.equal(state[name], trained[name])]
        assert differing == ["classifier.weight", "classifier.bias"]
        description = read_description(out / trial.folder / "model.safetensors")
        assert description.preprocessing.mean == IMAGENET_MEAN
    assert "fine-tuned (head)" in (out / "report.html").read_text()

    weights.write_bytes(weights.read_bytes() + b"\0")
    resumed = keiryo("train", MODEL, flower_folder, "--resume", "--out", out)
    assert resumed.status == 2
    assert "w.pth: has changed since the comparison was begun" in resumed.err


def test_each_fold_holds_out_other_images(fine_tuned: tuple[Path, Path, Comparison]) -> None:
    _, _, comparison = fine_tuned
    assert [trial.fold for trial in comparison.trials] == [1, 2]
    held_out = sum(trial.val_images or 0 for trial in comparison.trials)
    assert comparison.suspects_among == held_out > 0


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (["--pretrained", "absent.pth"], "absent.pth: no such file"),
        (["--pretrained", "resnet19=absent.pth"], "models of the comparison (mobilenet_v2"),
        (["--pretrained", "{here}"], "a folder"),
        (["--pretrained", "{here}/page.pth"], "page.pth: a web page"),
        (["--pretrained", "{here}/half.safetensors"], "resnet18 has 64x3x7x7"),
        (["--pretrained", "http://127.0.0.1:9/x.pth"], "connect to the internet"),
        (["--pretrained", "imagenet"], "give --pretrained resnet18=imagenet, or name another"),
        (["--fine-tune", "all"], "--fine-tune all: needs the weights"),
        (["--pretrained", "{here}/page.pth", "--fine-tune", "some"], "--fine-tune"),
    ],
)
def test_wrong_weights_are_known_before_any_training(
    given: list[str],
    hint: str,
    flower_folder: Path,
    tmp_path: Path,
    keiryo: Callable[..., Finished],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("KEIRYO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "page.pth").write_text("<html>")
    save_file(build(MODEL, classes=3).state_dict(), tmp_path / "half.safetensors")
    given = [argument.format(here=tmp_path) for argument in given]
    out = tmp_path / "out"
    finished = keiryo(
        "compare", flower_folder, "--models", f"{MODEL},resnet18", *SMALL, *given, "--out", out
    )
    assert finished.status == 2
    assert finished.out == ""
    assert len(finished.err.strip().splitlines()) <= 2
    assert hint in finished.err
    assert not out.exists()


def test_a_split_leaves_out_what_the_weights_have_seen(tmp_path: Path) -> None:
    survey = survey_of([(row % 2, f"{row:012x}", None) for row in range(60)], classes=2)
    given = {"data": "digits", "models": [MODEL], "seed": 1}
    held_out = split_of_plan(make_plan(given), survey).val
    weights = tmp_path / "model.safetensors"

    def save(trained_on: str | None) -> Plan:
        description = SavedModel(
            keiryo_version="1",
            model=MODEL,
            classes=["a", "b"],
            preprocessing=Preprocessing(size=32, mean=(0.5,) * 3, std=(0.5,) * 3),
            trained_on=trained_on,
        )
        save_model(weights, build(MODEL, classes=2), description)
        return make_plan({**given, "pretrained": str(weights)})

    marks = {mark_of(survey.images[row]) for row in held_out[:3]}
    splits = split_of_plan(save(encode_marks(marks)), survey)
    assert splits.seen.tolist() == held_out[:3].tolist()
    assert splits.val.tolist() == held_out[3:].tolist()
    splits = split_of_plan(save(None), survey)
    assert np.array_equal(splits.val, held_out)
    assert [finding.code for finding in splits.findings] == ["start_unknown"]
    with pytest.raises(InputError, match="what it was trained on cannot be read"):
        split_of_plan(save("AAA"), survey)
    # Weights of other programs do not say it, and need no warning each time.
    save_file({"a": torch.zeros(1)}, weights)
    assert split_of_plan(make_plan({**given, "pretrained": str(weights)}), survey).findings == []


def test_weights_are_read_from_a_folder_whose_name_is_not_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")) / "model.safetensors"
    path.parent.mkdir()
    write_tensors(path, {"a": torch.ones(2)}, "{}")
    assert read_text(path) == "{}"
    assert read_tensors(path)["a"].tolist() == [1.0, 1.0]
