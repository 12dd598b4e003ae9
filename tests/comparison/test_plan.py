import os
from pathlib import Path

import pytest
import torch

from keiryo.comparison.images.smallest_batch import check_batches, smallest_part
from keiryo.comparison.images.splitting import check_folds
from keiryo.comparison.plan import (
    PLAN_FILE,
    comparison_folder,
    fit_models,
    make_plan,
    read_plan,
    resume_plan,
)
from keiryo.data.batches.device_batches import DeviceBatch
from keiryo.errors import InputError
from surveys import Described, survey_of


def test_without_data_it_is_the_demonstration() -> None:
    plan = make_plan({})
    assert plan.data.startswith("petals")
    # Its figures must not depend on how fast the machine is.
    assert plan.epochs is not None
    assert plan.minutes is None
    assert len(plan.models) >= 3
    assert "mobilenet_v2:width=0.5" in plan.models


def test_with_data_the_defaults_are_those_of_the_experiment() -> None:
    plan = make_plan({"data": "digits"})
    assert (plan.size, plan.batch, plan.minutes) == (224, 128, None)
    assert make_plan({"data": "digits", "minutes": 2.0}).epochs is None


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"epochs": 0}, "--epochs"),
        ({"minutes": -1.0}, "--minutes"),
        ({"epochs": 1, "minutes": 1.0}, "one of the two"),
        ({"size": 2}, "--size"),
        ({"budget": "processor"}, "add --minutes"),
        ({"metric": "luck"}, "--metric"),
        ({"seeds": 0}, "--seeds"),
        ({"seed": -1}, "--seed"),
        ({"recipe": "secret"}, "--recipe"),
        ({"recipe": "plain,plain"}, "named twice"),
        ({"learning_rate": 0.0}, "--learning-rate"),
        ({"models": []}, "--models"),
        ({"models": ["vgg17"]}, "vgg19"),
        ({"max_params": 0}, "--max-params"),
        ({"nonsense": 1}, "--nonsense"),
    ],
)
def test_what_is_not_possible_names_its_option(given: dict[str, object], hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        make_plan({"data": "digits", **given})


def test_the_experiment_runs_as_reported_and_as_keiryo_does_it() -> None:
    plan = make_plan({"data": "digits", "size": 64}, preset="course")
    assert (plan.epochs, plan.batch, plan.size) == (40, 128, 64)
    trials = plan.trials()
    assert [(t.model, t.recipe) for t in trials] == [
        ("mobilenet_v2:width=0.5", "reported"), ("vgg16", "reported"),
        ("mobilenet_v2:width=0.5", "keiryo"), ("vgg16", "keiryo"),
    ]  # fmt: skip
    assert len({t.folder for t in trials}) == 4
    assert trials[0].record.candidate == "mobilenet_v2:width=0.5 by reported"
    assert make_plan({"data": "digits", "minutes": 3.0}, preset="course").epochs is None
    with pytest.raises(InputError, match="--preset sourdough: give course"):
        make_plan({"data": "digits"}, preset="sourdough")


def test_models_fit_the_size_and_a_resume_knows_them_by_either_name(tmp_path: Path) -> None:
    plan = make_plan({"data": "digits", "models": ["densenet", "resnet18"], "size": 64})
    assert plan.models == ["densenet:stem=2", "resnet18"]
    comparison_folder(tmp_path).write_plan(plan)
    assert resume_plan({"models": ["densenet", "resnet18"]}, tmp_path) == plan
    assert resume_plan({"models": plan.models}, tmp_path) == plan
    # Weights are found by the new name.
    weights = str(tmp_path / "x.pth")
    given = {"data": "digits", "models": ["densenet", "resnet18"], "size": 64}
    named = make_plan({**given, "pretrained": f"densenet={weights}"})
    assert named.pretrained == f"densenet:stem=2={weights}"
    assert fit_models(named) == named
    with pytest.raises(InputError, match="densenet:stem=2 is named twice"):
        make_plan({"data": "digits", "models": ["densenet", "densenet:stem=2"], "size": 64})


def test_every_model_runs_once_with_each_seed_in_a_folder_of_its_own() -> None:
    plan = make_plan(
        {"data": "digits", "models": ["vgg16", "densenet:stem=1"], "seeds": 3, "seed": 5}
    )
    trials = plan.trials()
    assert [(t.model, t.seed) for t in trials[:3]] == [
        ("vgg16", 5), ("densenet:stem=1", 5), ("vgg16", 6),
    ]  # fmt: skip
    assert len({t.folder for t in trials}) == 6
    assert all(set(t.folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-=./") for t in trials)


def test_a_plan_reads_back_and_is_gone_on_with_only_as_it_was(tmp_path: Path) -> None:
    plan = make_plan({"data": "digits", "epochs": 4, "models": ["vgg16"]})
    comparison_folder(tmp_path).write_plan(plan)
    assert read_plan(tmp_path) == plan
    assert resume_plan({}, tmp_path) == plan
    assert resume_plan({"epochs": 4, "models": ["vgg16"], "data": "digits"}, tmp_path) == plan
    for given, hint in (
        ({"epochs": 5}, "--epochs 5"),
        ({"models": ["vgg11"]}, "--models vgg11"),
        ({"data": "petals"}, "--data petals"),
    ):
        with pytest.raises(InputError, match=hint):
            resume_plan(given, tmp_path)
    with pytest.raises(InputError, match="no comparison"):
        resume_plan({}, tmp_path / "absent")


def test_what_changes_no_training_may_be_given_anew(tmp_path: Path) -> None:
    models = ["vgg16", "vgg11"]
    comparison_folder(tmp_path).write_plan(make_plan({"data": "digits", "models": models}))
    given = {"max_latency_ms": 5.0, "max_size_mb": 3.0, "max_params": 7, "threads": 1}
    plan = resume_plan({**given, "wait_for_quiet": 0.0}, tmp_path)
    assert {key: getattr(plan, key) for key in given} == given
    # These decide what the other trainings are compared with, or how long one takes.
    for begun, anew in (
        ({"stop_early": True}, {"max_params": 7}),
        ({"minutes": 1.0, "budget": "processor", "threads": 2}, {"threads": 1}),
    ):
        comparison_folder(tmp_path).write_plan(
            make_plan({"data": "digits", "models": models, **begun})
        )
        with pytest.raises(InputError, match="was begun with"):
            resume_plan(anew, tmp_path)


def test_a_preset_given_again_is_the_same_as_then(tmp_path: Path) -> None:
    begun = make_plan({"data": "digits", "epochs": 3}, preset="course")
    comparison_folder(tmp_path / "course").write_plan(begun)
    assert resume_plan({}, tmp_path / "course") == begun
    assert resume_plan({"epochs": 3}, tmp_path / "course", preset="course") == begun
    comparison_folder(tmp_path / "plain").write_plan(
        make_plan({"data": "digits", "models": ["vgg16"]})
    )
    with pytest.raises(InputError, match=r"--preset course: .* was begun without it"):
        resume_plan({}, tmp_path / "plain", preset="course")
    with pytest.raises(InputError, match="--preset sourdough: give course"):
        resume_plan({}, tmp_path / "course", preset="sourdough")


def test_stopping_early_is_for_two_candidates_at_least(tmp_path: Path) -> None:
    one = {"data": "digits", "models": ["vgg16"], "stop_early": True}
    with pytest.raises(InputError, match="--stop-early"):
        make_plan(one)
    plan = make_plan({**one, "recipe": "keiryo,plain"})
    assert plan.candidates == 2
    comparison_folder(tmp_path / "early").write_plan(plan)
    assert resume_plan({"stop_early": True}, tmp_path / "early") == plan
    comparison_folder(tmp_path / "late").write_plan(make_plan({"data": "digits"}))
    with pytest.raises(InputError, match=r"^--stop-early: .* was begun without it"):
        resume_plan({"stop_early": True}, tmp_path / "late")


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    plan = make_plan({"data": "digits"})
    out = tmp_path / "out"
    comparison_folder(out).claim(plan, force=False)
    with pytest.raises(InputError, match="--resume"):
        comparison_folder(out).claim(plan, force=False)
    (out / "mine.txt").write_text("mine")
    comparison_folder(out).claim(plan, force=True)
    assert (out / "mine.txt").read_text() == "mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    for force in (False, True):
        with pytest.raises(InputError, match="not a comparison"):
            comparison_folder(other).claim(plan, force=force)
    with pytest.raises(InputError, match="not a comparison"):
        comparison_folder(other / "thesis.tex").claim(plan, force=True)


def test_one_run_at_a_time_is_in_a_folder(tmp_path: Path) -> None:
    folder = comparison_folder(tmp_path / "out")
    with folder.occupy():
        folder.claim(make_plan({"data": "digits"}), force=False)
        for again in (folder, comparison_folder(tmp_path / "out")):
            with pytest.raises(InputError, match="another keiryo is running in it"), again.occupy():
                pass
        assert folder.has_plan
    with folder.occupy():
        pass
    assert [path.name for path in (tmp_path / "out").iterdir()] == [PLAN_FILE]
    with pytest.raises(KeyboardInterrupt), comparison_folder(tmp_path / "new").occupy():
        raise KeyboardInterrupt
    assert not (tmp_path / "new").exists()


def test_force_never_removes_what_is_needed(tmp_path: Path) -> None:
    folder = comparison_folder(tmp_path / "out")
    weights = tmp_path / "out" / "trials" / "vgg16-seed0"
    weights.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "out")
    for needed in (weights, weights / "model.safetensors", link / "curves" / "a.png"):
        with pytest.raises(InputError, match=r"--force: would remove .*; name another --out"):
            folder.check_kept([tmp_path / "mine.jpg", needed])
    folder.check_kept([tmp_path / "out" / "pack", tmp_path, tmp_path / "trials" / "a.jpg"])


def test_a_folder_that_is_a_link_is_replaced_and_what_it_links_to_is_kept(tmp_path: Path) -> None:
    plan = make_plan({"data": "digits"})
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    comparison_folder(out).claim(plan, force=False)
    elsewhere.mkdir()
    (elsewhere / "old.txt").write_text("old")
    (out / "trials").symlink_to(elsewhere)
    comparison_folder(out).claim(plan, force=True)
    assert not (out / "trials").exists()
    assert (elsewhere / "old.txt").read_text() == "old"


def test_leftovers_of_a_kill_are_removed(tmp_path: Path) -> None:
    trial = tmp_path / "trials" / "x-seed0"
    trial.mkdir(parents=True)
    (tmp_path / ".pack.abc.tmp").mkdir()
    (trial / ".checkpoint.safetensors.abc.tmp").write_bytes(b"half")
    (trial / "log.txt").write_text("kept")
    (tmp_path / PLAN_FILE).write_text("kept")
    comparison_folder(tmp_path).clear_leftovers()
    assert {path.name for path in tmp_path.rglob("*")} == {
        "trials", "x-seed0", "log.txt", PLAN_FILE,
    }  # fmt: skip


def test_classes_that_a_fold_does_not_hold_out_are_named() -> None:
    images: list[Described] = [(0, f"a{row}", None) for row in range(3)]
    survey = survey_of([*images, *((1, f"b{row}", None) for row in range(9))], classes=2)
    plan = make_plan({"data": "digits", "folds": 5})
    (finding,) = check_folds(plan, survey)
    assert finding.code == "class_not_in_fold"
    assert finding.evidence.endswith("folds: class0")
    assert check_folds(plan.model_copy(update={"folds": 3}), survey) == []


@pytest.mark.parametrize(
    ("batch", "parts", "smallest"),
    [(1, 1, 1), (2, 1, 2), (2, 2, 1), (5, 2, 2), (5, 4, 1), (9, 4, 3), (128, 3, 42)],
)
def test_the_smallest_part_of_a_batch_is_that_of_the_training(
    batch: int, parts: int, smallest: int
) -> None:
    whole = DeviceBatch(torch.zeros(batch, 3, 2, 2), torch.zeros(batch, dtype=torch.int64))
    assert min(len(part.labels) for part in whole.parts(parts)) == smallest
    assert smallest_part(batch, parts) == smallest


def test_batch_norm_gets_no_batch_of_one_image() -> None:
    both = {"data": "digits", "models": ["vgg16", "mobilenet_v1:width=0.25"]}
    with pytest.raises(InputError, match=r"^--batch 1: mobilenet_v1.* has batch norm.* --batch 2"):
        check_batches(make_plan({**both, "batch": 1}), 2)
    with pytest.raises(InputError, match=r"^--batch 2 --accumulate 2: .* a part of one"):
        check_batches(make_plan({**both, "batch": 2, "accumulate": 2}), 2)
    with pytest.raises(InputError, match="a batch of 3 training images has a part of one"):
        check_batches(make_plan({**both, "batch": 8, "accumulate": 2}), 2, train_images=3)
    check_batches(make_plan({**both, "batch": 2}), 2)
    check_batches(make_plan({"data": "digits", "models": ["vgg16"], "batch": 1}), 2)


def test_a_plan_keeps_a_path_that_is_not_utf8(tmp_path: Path) -> None:
    data = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    plan = make_plan({"data": data, "models": ["vgg16"]})
    comparison_folder(tmp_path / "out").write_plan(plan)
    assert read_plan(tmp_path / "out") == plan
    assert plan.data == data


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", '{"data": 1}', "[" * 100_000])
def test_a_damaged_plan_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / PLAN_FILE).write_text(text)
    with pytest.raises(InputError, match=r"plan\.json: damaged"):
        read_plan(tmp_path)
