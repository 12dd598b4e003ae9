"""A measurement in a process of its own."""

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any


def run(command: Sequence[str], *, keeps_memory: bool = False) -> Any:
    """Run `command` and return the JSON that it prints last.

    With `keeps_memory`, it keeps memory as keiryo's trials do.
    """
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    if keeps_memory:
        from keiryo.train.device import ALLOCATOR_SETTINGS

        environment |= ALLOCATOR_SETTINGS
    finished = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(finished.stdout.splitlines()[-1])
