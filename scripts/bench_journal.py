"""Durable commits: the real store on an embedded PostgreSQL, 1 and 10 records a commit.

Decides the record (a risk note: one row in the journal, one in its table). Refuses actors.
"""

import argparse
import sys
from time import process_time_ns

from actors.runtime.clock import boot_ns
from actors.stores.port import Entry
from engine.journal import encode, next_chain
from engine.messages.records import RiskNoted
from engine.units import NS_PER_S
from scripts.bench_figures import Figures, run_section, spread_ms, stores


def measure(args: argparse.Namespace) -> Figures:
    """Commits in a row for `seconds`, of each size."""
    figures: Figures = {}
    with stores("paper") as made:
        store = made.make_store()
        seq, chain = store.open()
        for size in (1, 10):
            print(f"journal: {size} records a commit", file=sys.stderr)
            took_ns: list[int] = []
            began_ns, cpu_ns = boot_ns(), process_time_ns()
            while boot_ns() - began_ns < args.seconds * NS_PER_S:
                at_ns = boot_ns()
                batch = []
                for _ in range(size):
                    record = a_note(seq := seq + 1)
                    body = encode(record)
                    chain = next_chain(chain, body)
                    batch.append(Entry(seq, record, body, chain))
                store.commit(batch)
                took_ns.append(boot_ns() - at_ns)
            wall_ns = boot_ns() - began_ns
            figures[f"records_{size}"] = {
                "commits_per_s": round(len(took_ns) * NS_PER_S / wall_ns),
                "records_per_s": round(size * len(took_ns) * NS_PER_S / wall_ns),
                "cpu_cores": round((process_time_ns() - cpu_ns) / wall_ns, 3),
                "commit": spread_ms(took_ns),
            }
        store.close()
    return figures


def a_note(number: int) -> RiskNoted:
    """A record of ordinary size."""
    return RiskNoted(
        at_ns=number, event="bench", subject="NSE:BENCH0001", measured=number, limit=0, why="bench"
    )


if __name__ == "__main__":
    run_section(measure, 3.0)
