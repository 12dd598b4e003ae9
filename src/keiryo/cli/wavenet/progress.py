"""The progress of a WaveNet's training: plain lines, and a live bar on a terminal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.progress import Progress

from keiryo.audio.run import WaveNetListener
from keiryo.cli.live.terminal import Terminal, open_progress, watch_silence
from keiryo.records.wavenet import (
    NetworkSummary,
    RecordingsSummary,
    Sound,
    WaveNetEpoch,
    WaveNetTraining,
)
from keiryo.report import words
from keiryo.train.listener import TrainingProgress


class TerminalWaveNetListener(Terminal, WaveNetListener):
    """Writes a line for each finished event; the bar shows decoding, then the training.

    An interrupt makes it ask for a stop.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._stops = False
        self._held_out = ""

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first asks to save and end, a second does not wait for that."""
        if self._stops:
            raise KeyboardInterrupt
        self._stops = True
        self.stopping()

    def wants_stop(self) -> bool:
        return self._stops

    def packing(self, done: int, total: int) -> None:
        self.show_bar("decoding", done / total, f"{done} of {total} recordings")

    def began(self, data: RecordingsSummary, network: NetworkSummary) -> None:
        self.clear_bar()
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
            f"{words.number(network.parameters)} parameters; receptive field "
            f"{network.receptive_field_samples} samples ({network.receptive_field_ms:.0f} ms)"
        )

    def progressed(self, progress: TrainingProgress) -> None:
        self.show_bar(
            f"epoch {progress.epoch}",
            progress.share,
            f"{words.duration(progress.seconds_left)} left · "
            f"{words.number(progress.examples_per_second)} samples/s{self._held_out}",
        )

    def epoch_ended(self, epoch: WaveNetEpoch, sound: Sound | None) -> None:
        self._held_out = f" · {epoch.val_bits_per_sample:.3f} bits per sample held out"
        listen = "" if sound is None else f", {sound.file}"
        self.say(
            f"  epoch {epoch.epoch}: {epoch.train_bits_per_sample:.3f} bits per sample training, "
            f"{epoch.val_bits_per_sample:.3f} held out, {words.duration(epoch.seconds)}{listen}"
        )

    def finished(self, training: WaveNetTraining) -> None:
        self.clear_bar()
        if training.status == "done":
            self.say(
                f"  {training.val_bits_per_sample:.3f} bits per sample on held-out recordings "
                f"(by each code's frequency alone: {training.guessing_bits_per_sample:.3f}) after "
                f"{words.duration(training.train_seconds)} of training"
            )
        elif training.error:
            self.say(f"  {training.status}: {training.error}")
        for finding in training.diagnosis:
            self.say_finding(finding)


@contextmanager
def show_wavenet_progress() -> Iterator[TerminalWaveNetListener]:
    """Yield a listener that shows the progress on standard error; interrupts ask it to stop."""
    with open_progress() as progress:
        listener = TerminalWaveNetListener(progress)
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, listener.stop) for number in numbers]
        try:
            with watch_silence(listener):
                yield listener
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
