"""The environment of keiryo's command line and of the processes that it starts."""

import os
from collections.abc import Mapping

# Threads sleep while they wait for each other. By default they spin, and beside other work each
# then spins on a core that the thread it waits for could use: a training step took ten times as
# long beside two busy processes. Libraries read these when they are loaded.
SLEEPING_THREADS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN": "0",
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "0",
}


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with sleeping threads and `settings`.

    Values that the user has set take precedence.
    """
    return {**SLEEPING_THREADS, **(settings or {}), **os.environ}
