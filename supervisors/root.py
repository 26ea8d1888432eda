"""The door into a tree: starts its root and hears of it; asks its supervisors from outside.

For boot, scripts and tests; actors among themselves send messages. Refuses to restart the root:
what its end means (latch, exit code) is the caller's to decide.
"""

import threading
from collections.abc import Callable
from itertools import count

from actors.runtime.behaviour import Behaviour
from actors.runtime.room import Room, RoomSpec
from actors.runtime.runtime import HostKind, Runtime
from engine.messages.administration import Admin, ChildAdministered, ChildAdministrated
from engine.messages.base import Message
from engine.messages.supervision import ChildExited, ChildReady, StopOrdered
from supervisors.administering import SpecBrought
from supervisors.supervisor import CONTROL_POOL


class Porter(Behaviour):
    """Stands outside of the tree: hears the root's READY and end, collects answers.

    `ready` and `ended` are set from the porter's worker; `on_end` is called there once.
    """

    def __init__(self, on_end: Callable[[ChildExited], None] = lambda _: None) -> None:
        self.ready = threading.Event()
        self.ended = threading.Event()
        self.exited: ChildExited | None = None
        self.answers: dict[str, ChildAdministrated] = {}
        self.came = threading.Condition()
        self._on_end = on_end

    def receive(self, message: Message) -> None:
        match message:
            case ChildReady():
                self.ready.set()
            case ChildExited():
                self.exited = message
                self.ended.set()
                self._on_end(message)
            case ChildAdministrated():
                with self.came:
                    self.answers[message.request_id] = message
                    self.came.notify_all()
            case _:
                super().receive(message)


class Tree:
    """A running tree.

    Args:
        factory: makes the root supervisor's behaviour (`supervising(...)`).
        on_end: called once, on the control worker, when the root has ended for good.
    """

    def __init__(
        self,
        runtime: Runtime,
        factory: Callable[[Message | None], Behaviour],
        *,
        name: str = "root",
        porter: str = "porter",
        on_end: Callable[[ChildExited], None] = lambda _: None,
    ) -> None:
        self.runtime = runtime
        self.name = name
        self.porter = Porter(on_end)
        self._porter_name = porter
        self._numbers = count(1)
        self._start(porter, "", lambda: self.porter)
        self.root = self._start(name, porter, lambda: factory(None))

    def _start(self, name: str, supervisor: str, factory: Callable[[], Behaviour]) -> Room:
        generation = self.runtime.directory.next_generation(name)
        spec = RoomSpec(name=name, generation=generation, supervisor=supervisor, factory=factory)
        return self.runtime.start(spec, HostKind.POOLED, CONTROL_POOL)

    def stop(self, reason: str) -> None:
        """Order the root down; `porter.ended` tells when all is down."""
        self.runtime.directory.deliver(self.name, StopOrdered(reason=reason))

    def close(self) -> None:
        """Let the porter go, after the root has ended."""
        self.runtime.directory.deliver(self._porter_name, StopOrdered(reason="tree closed"))

    def post(
        self,
        supervisor: str,
        action: Admin,
        child_id: str = "",
        *,
        generation: int = 0,
        argument: Message | None = None,
    ) -> str:
        """Send a request to a supervisor by name; returns the id under which `porter.answers`
        will hold the answer.

        Raises:
            LookupError: no such supervisor now.
        """
        request_id = f"{self._porter_name}-{next(self._numbers)}"
        request = ChildAdministered(
            request_id=request_id,
            reply_to=self._porter_name,
            action=action,
            child_id=child_id,
            generation=generation,
            argument=argument,
        )
        self._deliver(supervisor, request)
        return request_id

    def bring(self, supervisor: str, spec: object) -> str:
        """Add a static child (ChildSpec) or change the flags (SupervisorSpec); as `post`."""
        request_id = f"{self._porter_name}-{next(self._numbers)}"
        request = SpecBrought(request_id=request_id, reply_to=self._porter_name, spec=spec)
        self._deliver(supervisor, request)
        return request_id

    def _deliver(self, supervisor: str, request: Message) -> None:
        if not self.runtime.directory.deliver(supervisor, request, self._porter_name):
            raise LookupError(f"no supervisor {supervisor}")

    def wait(self, request_id: str, timeout_s: float) -> ChildAdministrated:
        """The answer, waiting for it (pooled hosts; never from an actor).

        Raises:
            TimeoutError: no answer in time.
        """
        porter = self.porter
        with porter.came:
            if not porter.came.wait_for(lambda: request_id in porter.answers, timeout_s):
                raise TimeoutError(f"no answer to {request_id}")
            return porter.answers.pop(request_id)
