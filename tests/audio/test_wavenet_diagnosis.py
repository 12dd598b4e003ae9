"""Each finding about a WaveNet's training shows where its fault is planted, and only there."""

from dataclasses import replace

from keiryo.audio.training.diagnosis import SoundEvidence, diagnose_wavenet
from keiryo.records.training import Epoch, LayerSnapshot, Snapshot
from keiryo.records.wavenet import Sound


def epochs(*losses: float) -> list[Epoch]:
    return [
        Epoch(
            epoch=number, train_loss=loss, train_accuracy=0.0, val_loss=loss, val_accuracy=0.0,
            learning_rate=1e-3, seconds=1.0,
        )
        for number, loss in enumerate(losses, start=1)
    ]  # fmt: skip


def sound(kind: str, level_db: float | None) -> Sound:
    return Sound.model_validate(
        {"file": "a.wav", "kind": kind, "seconds": 1.0, "level_db": level_db}
    )


LAYER = LayerSnapshot(
    layer="input", kind="weights", weight_norm=1.0, gradient_norm=1.0, update_ratio=1e-3
)
HEALTHY = SoundEvidence(
    classes=256,
    batch=8,
    history=epochs(4.0, 2.2, 2.05, 2.02, 2.01, 2.0),
    snapshots=[Snapshot(epoch=6, step=500, loss=2.0, learning_rate=1e-3, gradient_norm=1.0,
                        layers=[LAYER])],
    guessing=4.0,
    train_bits=2.8,
    val_bits=2.9,
    conditions_save_bits=0.05,
    sounds=[sound("recording", -20.0), sound("generated", -25.0)],
)  # fmt: skip


def codes(evidence: SoundEvidence) -> list[str]:
    return [finding.code for finding in diagnose_wavenet(evidence)]


def test_a_healthy_training_has_none() -> None:
    assert codes(HEALTHY) == []


def test_each_fault_is_found() -> None:
    assert codes(replace(HEALTHY, history=epochs(*[3.95] * 6))) == ["stuck_at_chance"]
    assert codes(replace(HEALTHY, val_bits=3.2)) == ["overfitting"]
    assert codes(replace(HEALTHY, history=epochs(3.0, 2.0, 2.1, 2.2))) == ["held_out_rose"]
    assert codes(replace(HEALTHY, conditions_save_bits=0.0)) == ["conditions_ignored"]
    assert codes(replace(HEALTHY, history=epochs(4.0, 3.0, 2.5, 2.0))) == ["too_short"]
    assert codes(replace(HEALTHY, history=epochs(3.0))) == ["too_short"]
    for level in (-60.0, None):
        silent = [sound("recording", -20.0), sound("generated", level)]
        assert codes(replace(HEALTHY, sounds=silent)) == ["generates_silence"]


def test_findings_shared_with_images_give_advice_for_recordings() -> None:
    layer = LAYER.model_copy(update={"gradient_norm": 1e6, "update_ratio": 0.5})
    snapshots = [
        Snapshot(epoch=1, step=step, loss=loss, learning_rate=1.0, gradient_norm=norm,
                 layers=[layer])
        for step, loss, norm in ((0, 5.0, 1.0), (25, 400.0, 1e6))
    ]  # fmt: skip
    failed = replace(HEALTHY, failure="no number at step 26", snapshots=snapshots, history=[])
    findings = diagnose_wavenet(failed)
    assert [finding.code for finding in findings] == [
        "non_finite", "exploding_gradients", "step_too_large",
    ]  # fmt: skip
    assert {finding.advice for finding in findings} == {"Give a smaller --learning-rate."}


def test_nothing_is_learnt_by_heart_in_an_epoch_or_within_the_error() -> None:
    wide = replace(HEALTHY, train_bits=6.2, val_bits=7.0)
    assert "overfitting" in codes(wide)
    assert codes(replace(wide, history=epochs(7.0))) == ["too_short"]
    assert "overfitting" not in codes(replace(wide, gap_error_bits=0.5))
    assert "overfitting" in codes(replace(wide, gap_error_bits=0.1))


def test_fewer_epochs_are_advised_only_past_the_best_one() -> None:
    def advice(*losses: float) -> dict[str, str]:
        found = diagnose_wavenet(replace(HEALTHY, val_bits=3.2, history=epochs(*losses)))
        return {finding.code: finding.advice for finding in found}

    still = advice(4.0, 3.0, 2.5, 2.0)
    assert "--epochs" not in still["overfitting"]
    assert "--epochs" in still["too_short"]
    past = advice(4.0, 2.0, 2.1, 2.1)
    assert "fewer --epochs" in past["overfitting"]
    assert "too_short" not in past


def test_a_sound_is_compared_with_the_recording_beside_it() -> None:
    pairs = [sound("recording", -60.0), sound("generated", -62.0)]
    for level in (-38.0, -40.0, -41.0):
        pairs += [sound("recording", level), sound("generated", level - 28.0)]
    (finding,) = diagnose_wavenet(replace(HEALTHY, sounds=pairs))
    assert finding.code == "generates_silence"
    assert finding.evidence.startswith("3 of 4 ")
