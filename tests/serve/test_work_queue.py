"""Jobs wait in a bounded queue, and a cancelled one is not done."""

import asyncio
import threading

import pytest

from keiryo.serve.work_queue import QueueFullError, WorkQueue


def test_a_cancelled_job_leaves_the_queue() -> None:
    done: list[str] = []
    gate = threading.Event()

    async def run() -> None:
        queue = WorkQueue(workers=1, most_waiting=2, most_seconds=60)
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


def test_a_queue_that_takes_too_long_is_full() -> None:
    gate = threading.Event()

    async def run() -> None:
        queue = WorkQueue(workers=1, most_waiting=9, most_seconds=0)
        await asyncio.gather(*queue.submit([lambda: None]))
        waiting = queue.submit([gate.wait, lambda: None])
        while queue.waiting > 1:
            await asyncio.sleep(0)
        try:
            with pytest.raises(QueueFullError):
                queue.submit([lambda: None])
        finally:
            gate.set()
        await asyncio.gather(*waiting)
        queue.close()

    asyncio.run(run())
