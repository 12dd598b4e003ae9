"""The diagnosis of a WaveNet's training: checks shared with images, and its own."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keiryo.audio.training.objective import NATS_PER_BIT
from keiryo.recordings.mu_law import CODES
from keiryo.records.base import Finding
from keiryo.records.findings import gravest_first
from keiryo.records.wavenet import Sound, WaveNetTraining
from keiryo.train.checkpoint import Position
from keiryo.train.diagnosis import gradients, learning, steps
from keiryo.train.diagnosis.evidence import Evidence

OVERFITTING_BITS = 0.25
FEWEST_EPOCHS_TO_MEMORISE = 3
CONFIDENT_ERRORS = 2.0  # standard errors, for a confidence of 95 %
PAST_BEST_BITS = 0.01
STILL_FALLING_BITS = 0.05
CONDITIONS_MATTER_BITS = 0.002
SILENT_DB = 25.0  # below the recording of the pair
SILENT_SHARE = 0.25  # of the pairs
LARGE_STEP = "Give a smaller --learning-rate."


@dataclass(frozen=True)
class SoundEvidence(Evidence):
    """A WaveNet's training: losses in nats per sample, and what was measured at its end.

    `guessing` is the loss of guessing by the share of each code. `train_bits` and `val_bits` are of
    the averaged weights, and `gap_error_bits` is the standard error of their difference, over
    recordings; None: not known. `conditions_save_bits` is the rise in held-out bits per sample
    when each recording is given another's conditions.
    """

    guessing: float = 0.0
    train_bits: float | None = None
    val_bits: float | None = None
    gap_error_bits: float | None = None
    conditions_save_bits: float | None = None
    sounds: Sequence[Sound] = ()
    is_whole: bool = True

    @property
    def chance_loss(self) -> float:
        return self.guessing


def evidence_of(position: Position, record: WaveNetTraining) -> SoundEvidence:
    """Return the evidence of the training `record`, whose loop ended at `position`."""
    return SoundEvidence(
        classes=CODES,
        batch=record.batch,
        history=position.history,
        snapshots=position.snapshots,
        failure=record.error if record.status == "failed" else None,
        guessing=record.guessing_bits_per_sample * NATS_PER_BIT,
        train_bits=record.train_bits_per_sample,
        val_bits=record.val_bits_per_sample,
        gap_error_bits=_gap_error(record),
        conditions_save_bits=record.conditions_save_bits_per_sample,
        sounds=record.sounds,
        is_whole=record.status == "done",
    )


# Checks of images, with advice for a WaveNet.
SHARED_CHECKS: tuple[tuple[Callable[[Evidence], Finding | None], str], ...] = (
    (learning.non_finite, LARGE_STEP),
    (
        gradients.vanishing_gradients,
        "Use fewer --layers or --stacks, or a larger --learning-rate.",
    ),
    (gradients.exploding_gradients, LARGE_STEP),
    (steps.step_too_large, LARGE_STEP),
)


def diagnose_wavenet(evidence: SoundEvidence) -> list[Finding]:
    """Return the findings about a training, the gravest first."""
    findings = [
        found.model_copy(update={"advice": advice})
        for check, advice in SHARED_CHECKS
        if (found := check(evidence)) is not None
    ]
    if (small := steps.step_too_small(evidence)) is not None:
        findings.append(small)  # its advice is the rate that would do
    findings += [found for check in OWN_CHECKS if (found := check(evidence)) is not None]
    return gravest_first(findings)


def learns_no_past(evidence: SoundEvidence) -> Finding | None:
    """Find a network that does not use the past of a sample after enough steps."""
    if not evidence.at_chance or not evidence.is_long_enough:
        return None
    last = evidence.history[-1]
    return Finding(
        code="stuck_at_chance",
        severity="error",
        evidence=f"after {last.epoch} epochs the training loss is "
        f"{last.train_loss / NATS_PER_BIT:.2f} bits per sample; guessing by the share of each code "
        f"gives {evidence.guessing / NATS_PER_BIT:.2f}",
        advice="Listen to the recordings: noise cannot be predicted. Other findings may say why "
        "it does not learn; if none does, try another --learning-rate.",
    )


def memorises(evidence: SoundEvidence) -> Finding | None:
    """Find a network that predicts training recordings far better than held-out ones.

    In its first epochs a network cannot have learnt recordings by heart, and few recordings may
    differ from others by chance.
    """
    train, val = evidence.train_bits, evidence.val_bits
    if train is None or val is None or len(evidence.history) < FEWEST_EPOCHS_TO_MEMORISE:
        return None
    by_chance = CONFIDENT_ERRORS * (evidence.gap_error_bits or 0.0)
    if val - train < max(OVERFITTING_BITS, by_chance):
        return None
    losses = [epoch.val_loss for epoch in evidence.history]
    # Fewer epochs help only where the held-out loss was lower before.
    is_past_best = losses[-1] - min(losses) > PAST_BEST_BITS * NATS_PER_BIT
    fewer = "fewer --epochs or --minutes, " if is_past_best else ""
    return Finding(
        code="overfitting",
        severity="warning",
        evidence=f"{train:.2f} bits per sample on training recordings, {val:.2f} on held-out ones",
        advice=f"Give more recordings, {fewer}or a smaller network (--residual, --skip).",
    )


def held_out_rose(evidence: SoundEvidence) -> Finding | None:
    """Find a training whose best epoch on held-out recordings is long past."""
    losses = [epoch.val_loss / NATS_PER_BIT for epoch in evidence.history]
    if len(losses) < 4 or losses[-1] - min(losses) < STILL_FALLING_BITS:
        return None
    best = losses.index(min(losses)) + 1
    return Finding(
        code="held_out_rose",
        severity="warning",
        evidence=f"on held-out recordings it had {min(losses):.2f} bits per sample after epoch "
        f"{best}, and {losses[-1]:.2f} at the end",
        advice=f"Train for about {best} epochs, or give more recordings.",
    )


def still_falling(evidence: SoundEvidence) -> Finding | None:
    """Find a training that ended while its loss still fell fast."""
    losses = [epoch.val_loss / NATS_PER_BIT for epoch in evidence.history]
    if not evidence.is_whole or len(losses) < 2:
        return None
    back = max(1, len(losses) // 4)
    fall = losses[-1 - back] - losses[-1]
    if fall < STILL_FALLING_BITS:
        return None
    when = "in the last" if back == 1 else f"over the last {back}"
    return Finding(
        code="too_short",
        severity="info",
        evidence=f"held-out bits per sample still fell from {losses[-1 - back]:.2f} to "
        f"{losses[-1]:.2f} {when} of {len(losses)} epochs",
        advice="Give it more --minutes or --epochs.",
    )


def hardly_an_epoch(evidence: SoundEvidence) -> Finding | None:
    """Find a training of one epoch or less."""
    if not evidence.is_whole or len(evidence.history) != 1 or evidence.failure is not None:
        return None
    return Finding(
        code="too_short",
        severity="info",
        evidence="the training used the recordings once, or not all of them",
        advice="Give it more --minutes or --epochs, or a smaller network.",
    )


def ignores_conditions(evidence: SoundEvidence) -> Finding | None:
    """Find a network that ignores its conditions."""
    saved = evidence.conditions_save_bits
    if saved is None or saved >= CONDITIONS_MATTER_BITS:
        return None
    return Finding(
        code="conditions_ignored",
        severity="warning",
        evidence=f"with the conditions of other recordings, held-out ones take {saved:+.4f} bits "
        "per sample: the network does not use the conditions yet",
        advice="Give it more --minutes or --epochs; see whether the conditions are those of the "
        "recordings.",
    )


def generates_silence(evidence: SoundEvidence) -> Finding | None:
    """Find generated sounds that are far softer than the recordings of the same conditions."""
    pairs = _pairs_of_levels(evidence.sounds)
    soft = sum(made < real - SILENT_DB for real, made in pairs)
    if soft < max(1, SILENT_SHARE * len(pairs)):
        return None
    return Finding(
        code="generates_silence",
        severity="warning",
        evidence=f"{soft} of {len(pairs)} generated sounds are more than {SILENT_DB:.0f} dB "
        "softer than the recording beside them",
        advice="Train for longer; cut silence off the recordings' ends (--trim-db 40); generate "
        "with a higher --temperature, or --prime a recording.",
    )


OWN_CHECKS = (
    learns_no_past,
    memorises,
    held_out_rose,
    ignores_conditions,
    generates_silence,
    still_falling,
    hardly_an_epoch,
)


def _pairs_of_levels(sounds: Sequence[Sound]) -> list[tuple[float, float]]:
    """Return the levels of each recording and of each sound that was generated like it."""
    pairs: list[tuple[float, float]] = []
    real: float | None = None
    for sound in sounds:
        level = -200.0 if sound.level_db is None else sound.level_db
        if sound.kind == "recording":
            real = level
        elif sound.epoch is None and real is not None:
            pairs.append((real, level))
    return pairs


def _gap_error(record: WaveNetTraining) -> float | None:
    """Return the standard error of the difference between held-out and training bits."""
    val, train = record.val_bits_standard_error, record.train_bits_standard_error
    return None if val is None or train is None else math.hypot(val, train)
