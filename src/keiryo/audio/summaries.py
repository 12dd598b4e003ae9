"""Summaries of a network, of recordings and of an epoch, as records."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from keiryo.audio.training.objective import NATS_PER_BIT
from keiryo.models.meta import without_weights
from keiryo.models.wavenet import WaveNet, WaveNetConfiguration
from keiryo.recordings.audit import audit_recordings
from keiryo.recordings.pack import RecordingPack
from keiryo.recordings.split import RecordingSplits
from keiryo.records.base import Finding
from keiryo.records.training import Epoch
from keiryo.records.wavenet import (
    ConditionValues,
    NetworkSummary,
    RecordingsSummary,
    WaveNetEpoch,
)


def summary_of_network(configuration: WaveNetConfiguration, rate: int) -> NetworkSummary:
    """Return the record of a network for recordings of `rate` samples a second."""
    with without_weights():
        network = WaveNet(configuration)
    field = configuration.receptive_field
    return NetworkSummary(
        stacks=configuration.stacks,
        layers_per_stack=configuration.layers_per_stack,
        kernel_size=configuration.kernel_size,
        dilated=configuration.dilated,
        residual_channels=configuration.residual_channels,
        skip_channels=configuration.skip_channels,
        output=configuration.output,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        macs_per_sample=_macs_per_sample(configuration),
        receptive_field_samples=field,
        receptive_field_ms=1000 * field / rate,
    )


def summary_of_recordings(
    whole: RecordingPack,
    splits: RecordingSplits,
    receptive_field: int,
    findings: Sequence[Finding] = (),
) -> RecordingsSummary:
    """Return the record of what is trained on, with all that was found about it, and `findings`.

    `whole` is the pack before long recordings were cut into pieces.
    """
    pack = splits.pack
    return RecordingsSummary(
        name=pack.name,
        rate_hz=pack.rate,
        conditions=[
            ConditionValues(name=category.name, values=category.values)
            for category in pack.categories
        ],
        train_recordings=len(splits.train),
        val_recordings=len(splits.val),
        train_seconds=int(pack.counts[splits.train].sum()) / pack.rate,
        val_seconds=int(pack.counts[splits.val].sum()) / pack.rate,
        trained_conditions=_commonest_conditions(pack, splits.train),
        findings=[
            *findings,
            *audit_recordings(whole, receptive_field=receptive_field, pieces=pack),
            *splits.findings,
        ],
    )


def _commonest_conditions(pack: RecordingPack, rows: np.ndarray) -> dict[str, str]:
    """Return the conditions that most of the recordings `rows` have together; the first of ties."""
    combinations = Counter(map(tuple, pack.labels[rows].tolist()))
    labels, _ = min(combinations.items(), key=lambda item: (-item[1], item[0]))
    return {
        category.name: category.values[label]
        for category, label in zip(pack.categories, labels, strict=True)
    }


def _macs_per_sample(c: WaveNetConfiguration) -> int:
    """Return the multiply-accumulates of one generated sample; a code's column is looked up."""
    layer = c.kernel_size * c.residual_channels * 2 * c.gate_channels
    layer += c.gate_channels * (c.residual_channels + c.skip_channels)
    total = len(c.dilations) * layer - c.gate_channels * c.residual_channels
    total += c.skip_channels * (c.skip_channels + c.output_channels)
    if c.output == "logistics":
        total += c.kernel_size * c.residual_channels
    return total


def summary_of_epoch(epoch: Epoch, *, steps: int) -> WaveNetEpoch:
    """Return `epoch`, whose losses are in nats, in bits; `steps` were made by its end."""
    return WaveNetEpoch(
        epoch=epoch.epoch,
        steps=steps,
        train_bits_per_sample=epoch.train_loss / NATS_PER_BIT,
        val_bits_per_sample=epoch.val_loss / NATS_PER_BIT,
        learning_rate=epoch.learning_rate,
        seconds=epoch.seconds,
    )
