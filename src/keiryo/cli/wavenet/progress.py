"""The progress of a WaveNet's training: a live bar on a terminal, plain lines elsewhere."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from keiryo.audio.run import WaveNetListener
from keiryo.cli.progress import Bar, Lines, open_terminal
from keiryo.records.wavenet import (
    NetworkSummary,
    RecordingsSummary,
    Sound,
    WaveNetEpoch,
    WaveNetTraining,
)
from keiryo.report import words
from keiryo.train.listener import TrainingProgress


class PlainWaveNetListener(Lines, WaveNetListener):
    """Writes a line for each finished event; an interrupt makes it ask for a stop."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._stops = False

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first asks to save and end, a second does not wait for that."""
        if self._stops:
            raise KeyboardInterrupt
        self._stops = True

    def wants_stop(self) -> bool:
        return self._stops

    def began(self, data: RecordingsSummary, network: NetworkSummary) -> None:
        self.say(
            f"{data.name}: {data.train_recordings} training recordings "
            f"({words.duration(data.train_seconds)}) and {data.val_recordings} held-out ones "
            f"({words.duration(data.val_seconds)}), {data.rate_hz} Hz"
        )
        for condition in data.conditions:
            shown = ", ".join(condition.values[:20])
            more = ", ..." if condition.values[20:] else ""
            self.say(f"  {condition.name}: {shown}{more}")
        for finding in data.findings:
            self.say_finding(finding)
        kind = "dilated" if network.dilated else "ordinary"
        self.say(
            f"WaveNet of {network.stacks * network.layers_per_stack} {kind} layers, "
            f"{words.number(network.parameters)} parameters; it hears "
            f"{network.receptive_field_samples} samples "
            f"({network.receptive_field_ms:.0f} ms) back"
        )

    def epoch_ended(self, epoch: WaveNetEpoch, sound: Sound | None) -> None:
        listen = "" if sound is None else f", {sound.file}"
        self.say(
            f"  epoch {epoch.epoch}: {epoch.train_bits_per_sample:.3f} bits per sample training, "
            f"{epoch.val_bits_per_sample:.3f} held out, {words.duration(epoch.seconds)}{listen}"
        )

    def finished(self, training: WaveNetTraining) -> None:
        if training.status == "done":
            self.say(
                f"  {training.val_bits_per_sample:.3f} bits per sample on held-out recordings "
                f"(guessing: {training.guessing_bits_per_sample:.3f}) after "
                f"{words.duration(training.train_seconds)}"
            )
        elif training.error:
            self.say(f"  {training.status}: {training.error}")
        for finding in training.diagnosis:
            self.say_finding(finding)


class LiveWaveNetListener(PlainWaveNetListener):
    """Keeps a bar at the foot of the terminal: decoding, then the training."""

    def __init__(self, console: Console, bar: Bar) -> None:
        super().__init__(console)
        self._bar = bar
        self._held_out = ""

    def packing(self, done: int, total: int) -> None:
        self._bar.show("decoding", done / total, f"{done} of {total} recordings")

    def began(self, data: RecordingsSummary, network: NetworkSummary) -> None:
        self._bar.clear()
        super().began(data, network)

    def progressed(self, progress: TrainingProgress) -> None:
        self._bar.show(
            f"epoch {progress.epoch}",
            progress.share,
            f"{words.duration(progress.seconds_left)} left · "
            f"{words.number(progress.examples_per_second)} samples/s{self._held_out}",
        )

    def epoch_ended(self, epoch: WaveNetEpoch, sound: Sound | None) -> None:
        self._held_out = f" · {epoch.val_bits_per_sample:.3f} bits held out"
        super().epoch_ended(epoch, sound)

    def finished(self, training: WaveNetTraining) -> None:
        self._bar.clear()
        super().finished(training)


@contextmanager
def show_wavenet_progress() -> Iterator[PlainWaveNetListener]:
    """Yield the listener that suits standard error; interrupts ask it to stop."""
    with open_terminal() as (console, bar):
        plain = PlainWaveNetListener(console)
        with _interrupts_to(
            plain if bar is None else LiveWaveNetListener(console, bar)
        ) as listener:
            yield listener


@contextmanager
def _interrupts_to(listener: PlainWaveNetListener) -> Iterator[PlainWaveNetListener]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, listener.stop) for number in numbers]
    try:
        yield listener
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
