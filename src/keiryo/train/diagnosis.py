"""Why a training went wrong, from what its history shows."""

import math

from keiryo.results import Epoch, Finding

CHANCE_MARGIN = 0.03  # a loss within 3 % of ln(classes) knows no more than the class shares
EPOCHS_BEFORE_VERDICT = 5
OVERFITTING_GAP = 0.15
STATISTICS_GAP = 0.15


def diagnose(
    history: list[Epoch], *, classes: int, train_accuracy: float, val_accuracy: float
) -> list[Finding]:
    """Return what stands out in a finished training.

    `train_accuracy` and `val_accuracy` are those of the final weights in inference
    mode. Codes: `too_short`, `stuck_at_chance`, `statistics_lag` (batch norm's running statistics
    do not fit the weights yet), `overfitting`.
    """
    if not history:
        return []
    last = history[-1]
    chance_loss = math.log(classes)
    if last.train_loss > (1 - CHANCE_MARGIN) * chance_loss:
        evidence = (
            f"after {last.epoch} epoch{'s' * (last.epoch > 1)} the training loss is "
            f"{last.train_loss:.3f}; guessing gives ln {classes} = {chance_loss:.3f}"
        )
        if last.epoch < EPOCHS_BEFORE_VERDICT:
            return [
                Finding(
                    code="too_short",
                    severity="warning",
                    evidence=evidence,
                    advice="It has hardly begun to learn: give it more --minutes or --epochs "
                    "before judging it, or smaller pictures by --size.",
                )
            ]
        return [
            Finding(
                code="stuck_at_chance",
                severity="error",
                evidence=evidence,
                advice="The signal does not get through. Use --recipe keiryo if it was not, "
                "or a variant with normalisation, such as norm=batch.",
            )
        ]
    findings = []
    if last.train_accuracy - train_accuracy > STATISTICS_GAP:
        findings.append(
            Finding(
                code="statistics_lag",
                severity="warning",
                evidence=f"the same pictures are told apart at {last.train_accuracy:.1%} while "
                f"training, but at {train_accuracy:.1%} in inference mode",
                advice="Batch norm's running statistics do not fit the weights: train for more "
                "epochs, with a smaller --batch, or with norm=group.",
            )
        )
    if train_accuracy - val_accuracy > OVERFITTING_GAP:
        findings.append(
            Finding(
                code="overfitting",
                severity="warning",
                evidence=f"{train_accuracy:.1%} on training pictures, "
                f"{val_accuracy:.1%} on held-out ones",
                advice="Use --recipe keiryo for its augmentation, more pictures, "
                "or a smaller model.",
            )
        )
    return findings


def not_a_number(message: str) -> Finding:
    """Return the finding for a training whose loss ceased to be a number."""
    return Finding(
        code="non_finite",
        severity="error",
        evidence=message,
        advice="The steps were too large: use --recipe keiryo, or a variant with a norm.",
    )
