"""What the tests of the app's sessions share: a clock that the test moves, and the requests of a page."""

from __future__ import annotations

from typing import Any

from sim.app.session import Session


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


def begun(session: Session, **more: Any) -> dict[str, Any]:
    """Begin the block at C2 on the right."""
    return session.call({"do": "begin", "procedure": "gon-block-c2", "side": "right", **more})


def acts(session: Session, *actions: dict[str, Any]) -> dict[str, Any]:
    """Do actions."""
    return session.call({"do": "acts", "acts": list(actions)})
