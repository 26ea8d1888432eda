"""One life of the engine on given hosts: the tree, started, observed and stopped.

Decides how a tree is brought up and taken down. Refuses to know command lines, signals and files.
The running engine, the backtest and the tests all use it; they differ in hosts and parts.
"""

import random
from collections.abc import Callable

from actors.runtime.pool import Pool
from actors.runtime.runtime import HostKind, Runtime
from engine.messages.supervision import ChildExited
from supervisors.children import RestartLedger
from supervisors.config import EngineConfig
from supervisors.lost import lost_alarm
from supervisors.root import Tree
from supervisors.spec import ChildSpec, SupervisorSpec
from supervisors.supervisor import supervising, supervisor_child
from supervisors.tree import root
from supervisors.wiring import Parts, factories


class Engine:
    """A running tree over `runtime`.

    Args:
        seed: of the back-off's jitter.
        ledger: restarts of the day kept beyond the process.
        on_end: called once when the root has ended.
    """

    def __init__(
        self,
        runtime: Runtime,
        parts: Parts,
        *,
        seed: int = 0,
        ledger: RestartLedger | None = None,
        on_end: Callable[[ChildExited], None] = lambda _: None,
    ) -> None:
        rng = random.Random(seed)  # noqa: S311 - jitter, not secrets

        def make(name: str, spec: SupervisorSpec) -> ChildSpec:
            return supervisor_child(name, supervising(runtime, spec, rng, ledger))

        self.runtime = runtime
        runtime.directory.dead_letters.on_critical = lost_alarm(runtime)
        hosts = strategy_hosts(parts.config)
        self.spec = root(make, factories(parts), hosts)
        self.latches = parts.latches
        self.tree = Tree(runtime, supervising(runtime, self.spec, rng, ledger), on_end=on_end)

    @property
    def exited(self) -> ChildExited | None:
        """How the root ended, None while it runs."""
        return self.tree.porter.exited

    def pools(self) -> tuple[Pool, ...]:
        """Every pool that serves rooms."""
        return self.runtime.hosts.pools_all()

    def restarts(self) -> int:
        """Restarts of all actors so far."""
        return sum(row.restarts for row in self.runtime.board.rows())


def strategy_hosts(config: EngineConfig) -> dict[str, HostKind]:
    """Actor name of each configured strategy -> the host it wants."""
    return {f"strategy/{item.name}": HostKind(item.host) for item in config.strategies}
