"""The batch size that suits a number of training images."""

FEWEST_STEPS = 20  # of an epoch: a network learns little in fewer
SMALLEST_BATCH = 8  # the means of smaller ones are mostly noise


def largest_useful_batch(images: int) -> int:
    """Return the largest power of two that gives an epoch of `images` enough steps, at least 8."""
    batch = SMALLEST_BATCH
    while 2 * batch * FEWEST_STEPS <= images:
        batch *= 2
    return batch
