"""Jobs wait in a bounded queue, and a cancelled one is not done."""

import asyncio
import threading

import pytest

from keiryo.serve.work_queue import QueueFullError, WorkQueue


def test_a_cancelled_job_leaves_the_queue() -> None:
    done: list[str] = []
    gate = threading.Event()

    async def run() -> None:
        queue = WorkQueue(workers=1, most_waiting=2)
        (first,) = queue.submit([gate.wait])
        while queue.waiting:
            await asyncio.sleep(0)
        second, third = queue.submit([lambda: done.append("second"), lambda: done.append("third")])
        with pytest.raises(QueueFullError):
            queue.submit([lambda: done.append("fourth")])
        second.cancel()
        await asyncio.sleep(0)
        assert queue.waiting == 1
        (fifth,) = queue.submit([lambda: done.append("fifth")])
        gate.set()
        await asyncio.gather(first, third, fifth)
        assert queue.waiting == 0
        assert queue.mean_seconds > 0
        queue.close()

    asyncio.run(run())
    assert done == ["third", "fifth"]
