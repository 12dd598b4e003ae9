"""The progress of a WaveNet's training: plain lines, and a live bar on a terminal."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.progress import Progress

from keiryo.audio.listener import WaveNetListener
from keiryo.cli.live.terminal import Terminal, open_progress, watch_silence
from keiryo.recordings.audit import LEFT_OUT_FINDINGS
from keiryo.records.wavenet import (
    NetworkSummary,
    RecordingsSummary,
    Sound,
    WaveNetEpoch,
    WaveNetTraining,
)
from keiryo.report import words
from keiryo.train.listener import TrainingProgress

# Without a terminal there is no bar but a line now and then: a log tells that work goes on.
SECONDS_BETWEEN_LINES = 30.0
# After these seconds of the training, the time that it takes is told.
SECONDS_BEFORE_ESTIMATE = 3.0
SHORTEST_ESTIMATE_SECONDS = 10.0
LONG_EVALUATION_SECONDS = 5.0
MOST_NAMES = 3


class TerminalWaveNetListener(Terminal, WaveNetListener):
    """Writes a line for each finished event; the bar shows decoding, then the training.

    Without a bar, a line says every half a minute what is going on. An interrupt makes it ask for
    a stop.
    """

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self._stops = False
        self._held_out = ""
        self._last_line = time.monotonic()
        self._share = 0.0
        self._first_step: float | None = None
        self._has_told_estimate = False

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first asks to save and end, a second does not wait for that."""
        if self._stops:
            raise KeyboardInterrupt
        self._stops = True
        self.stopping()

    def wants_stop(self) -> bool:
        return self._stops

    def packing(self, done: int, total: int) -> None:
        self._show("decoding", done / total, f"{done} of {total} recordings")

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
            if finding.code in LEFT_OUT_FINDINGS:
                for name in finding.files[:MOST_NAMES]:
                    self.say(f"    {name}")
                if (more := len(finding.files) - MOST_NAMES) > 0:
                    self.say(f"    and {more} more, listed in report.html")
        kind = "dilated" if network.dilated else "ordinary"
        self.say(
            f"WaveNet of {network.stacks * network.layers_per_stack} {kind} layers, "
            f"{words.number(network.parameters)} parameters; receptive field "
            f"{network.receptive_field_samples} samples ({network.receptive_field_ms:.0f} ms)"
        )

    def continued(self, steps: int, learning_rate: float) -> None:
        self.say(
            f"continues after {steps} steps at a learning rate of {learning_rate:.2g}, which the "
            "schedule of the whole training gives"
        )

    def progressed(self, progress: TrainingProgress) -> None:
        self._share = progress.share
        self._tell_estimate(progress.seconds_left)
        self._show(
            f"epoch {progress.epoch}",
            progress.share,
            f"{words.duration(progress.seconds_left)} left · "
            f"{words.number(progress.examples_per_second)} samples/s{self._held_out}",
        )

    def _tell_estimate(self, left: float) -> None:
        """Write once how long the training will take."""
        now = time.monotonic()
        if self._first_step is None:
            self._first_step = now
        elif not self._has_told_estimate and now - self._first_step >= SECONDS_BEFORE_ESTIMATE:
            self._has_told_estimate = True
            if left >= SHORTEST_ESTIMATE_SECONDS:
                self.say(f"  the training takes about {words.duration(left)} more")

    def evaluating(self, seconds: float) -> None:
        expected = f"some {words.duration(seconds)}" if seconds else ""
        self.show_bar("evaluating", self._share, expected)
        if not self.has_bar and seconds > LONG_EVALUATION_SECONDS:
            self.say(f"  evaluating on held-out recordings, {expected}")

    def compiling(self) -> None:
        self.say("compiling kernels, once per machine: some 15 s")

    def generating(self) -> None:
        self.show_bar("generating", 1.0, "sounds to listen to")
        if not self.has_bar:
            self.say("  generating sounds to listen to")

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
                f"(less is better; by each code's frequency alone: "
                f"{training.guessing_bits_per_sample:.3f}) after "
                f"{words.duration(training.train_seconds)} of training{_part(training)}"
            )
        elif training.error:
            self.say(f"  {training.status}: {training.error}")
        for finding in training.diagnosis:
            self.say_finding(finding)

    def _show(self, activity: str, share: float, figures: str) -> None:
        """Show the bar or, where there is none, write a line if the last one is long ago."""
        self.show_bar(activity, share, figures)
        now = time.monotonic()
        if not self.has_bar and now - self._last_line > SECONDS_BETWEEN_LINES:
            self.say(f"  {activity}: {words.percent(share)} done, {figures}")

    def say(self, text: str, style: str | None = None) -> None:
        self._last_line = time.monotonic()
        super().say(text, style)


def _part(training: WaveNetTraining) -> str:
    """Say what part of the held-out samples was evaluated, unless it was all of them."""
    held_out = training.held_out_samples
    if held_out is None or training.val_samples == held_out:
        return ""
    return (
        f"; on {training.val_samples:,} of {held_out:,} held-out samples, evenly over all "
        "conditions, since --minutes allowed no more"
    )


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
