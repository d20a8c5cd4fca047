"""The made-up service, put into a sandbox that is served already."""

from __future__ import annotations

import threading

from rsp_sandbox import seed
from tests.support.box import Sandbox


def test_nothing_goes_on_while_releases_are_made_up() -> None:
    """Else the sandbox forgets a run that begins as it looks at them all.

    Its image was never pushed then, and the next release was refused.
    """
    with Sandbox() as box:
        (box.folder / "a").mkdir()
        path = seed.make_service(box.folder / "a" / "b.git", "a", "b")
        project = box.add_repository("a/b", path)
        free: list[bool] = []

        def try_lock() -> None:
            free.append(box.lock.acquire(blocking=False))
            if free[-1]:
                box.lock.release()

        def body(commit: object) -> str:
            other = threading.Thread(target=try_lock)
            other.start()
            other.join()
            return ""

        seed.publish(box, project, body=body)
    assert free
    assert not any(free)
