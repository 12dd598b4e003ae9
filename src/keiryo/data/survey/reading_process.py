"""A process that reads parts of a source: `python -m keiryo.data.survey.reading_process`.

It takes jobs, the arguments of `read_part`, pickled, on its standard input, and answers each
on its standard output with what came of it, or with the exception. It ends when its input
does, so that none outlives a parent that was killed.
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
    # A Ctrl-C reaches every process of the terminal, and is for the parent to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    cv2.setNumThreads(1)
    keep_freed_memory()
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = read_part(*job)
        except Exception as error:  # whatever it is, the parent raises it
            error.add_note(traceback.format_exc())
            answer = error
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:
            os._exit(1)  # the parent is gone


if __name__ == "__main__":
    main()
