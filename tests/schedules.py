"""Seeded interleavings: tasks that run one at a time and change places at every AWS call.

The same seed gives the same schedule, so that a failure can be run again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

WAIT_S = 30


class Schedule:
    """Runs tasks as a seeded scheduler decides. `switch` is what the engine calls.

    `threads` are those of the last run, in the order of its tasks.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # a schedule, not a secret
        self._batons: dict[int, threading.Semaphore] = {}
        self._living: list[int] = []
        self._finished = threading.Event()
        self.trace: list[tuple[int, str]] = []
        self.threads: list[int] = []

    def switch(self, what: str) -> None:
        """Let the scheduler choose who goes on; returns when it is this task's turn."""
        me = threading.get_ident()
        if me not in self._batons:
            return
        self.trace.append((self._living.index(me), what))
        self._pass_on()
        assert self._batons[me].acquire(timeout=WAIT_S)

    def run(self, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        """What each task returned or raised, in the order of the tasks."""
        results: list[Any] = [None] * len(tasks)
        begun = threading.Barrier(len(tasks) + 1)

        def work(i: int) -> None:
            me = threading.get_ident()
            self._batons[me] = threading.Semaphore(0)
            begun.wait(WAIT_S)
            assert self._batons[me].acquire(timeout=WAIT_S)
            try:
                results[i] = tasks[i]()
            except Exception as error:  # noqa: BLE001  # an outcome to be judged by the test
                results[i] = error
            del self._batons[me]
            self._living.remove(me)
            if self._living:
                self._pass_on()
            else:
                self._finished.set()

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(tasks))]
        for thread in threads:
            thread.start()
        self._living = [t.ident for t in threads if t.ident is not None]
        self.threads = list(self._living)
        begun.wait(WAIT_S)
        self._pass_on()
        assert self._finished.wait(WAIT_S)
        for thread in threads:
            thread.join(WAIT_S)
        return results

    def _pass_on(self) -> None:
        self._batons[self._random.choice(self._living)].release()
