"""A process that reads parts of a source: `python -m keiryo.data.survey.reading_process`.

It reads jobs from its standard input: the pickled arguments of `read_part`. It writes the result of
each, or its exception, to its standard output. It ends with its input, so that it does not outlive
a killed parent.
"""

import os
import pickle
import signal
import sys
import traceback

import cv2

from keiryo.data.survey.reading import keep_freed_memory, read_part


def main() -> None:
    """Answer jobs until there are no more."""
    # Ctrl-C reaches each process of the terminal, but the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Output that a library prints must not get between the answers, and libjpeg's remarks about
    # damaged files not into the progress. Exceptions are answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    cv2.setNumThreads(1)
    keep_freed_memory()
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = read_part(*job)
        except Exception as error:  # any exception is raised by the parent
            error.add_note(traceback.format_exc())
            answer = error
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:
            os._exit(1)  # the parent is gone


if __name__ == "__main__":
    main()
