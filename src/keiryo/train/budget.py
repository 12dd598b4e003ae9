"""The budget of a training, and the share of it that is used up."""

from dataclasses import dataclass

from keiryo.train.checkpoint import Position


@dataclass(frozen=True)
class Budget:
    """A number of epochs, or seconds: of wall time or, with `threads`, of processor time.

    Processor time is divided by the number of `threads`, so that it equals wall time on a quiet
    machine whose cores are all busy with the training.
    """

    epochs: int | None = None
    seconds: float | None = None
    threads: int | None = None

    def share(self, position: Position, steps_per_epoch: int) -> float:
        """Return the share of the budget that is used up, from 0 to 1.

        A budget of seconds reserves the expected time of the last evaluation. Training stops at
        the step that ends nearest to the end of the rest.
        """
        if self.epochs is not None:
            done = position.epoch * steps_per_epoch + position.step
            return done / (self.epochs * steps_per_epoch)
        assert self.seconds is not None
        for_training = self.seconds - position.last_evaluation_seconds
        half_a_step = position.last_step_seconds / 2
        used = position.seconds
        if self.threads is not None:
            used = position.processor_seconds / self.threads
        if for_training <= used + half_a_step:
            return 1.0
        return used / for_training
