"""Image classification as a task of the training loop: batches, loss, evaluation."""
