"""`pahara backtest`: the engine's own tree on recorded data, in one thread on a virtual clock.

Decides what surrounds the run: database, realm, progress, summary. Refuses to know trading: every
decision is made by the same actors as in paper. The result is a function of configuration and
data alone.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from actors.feeds.csvfile import CsvSource
from actors.runtime.behaviour import Behaviour
from actors.runtime.clock import VirtualClock, boot_ns
from actors.runtime.runtime import Runtime, SeededHosts
from actors.runtime.seeded import SeededPool
from actors.stores.database import open_database
from actors.stores.journal_store import JournalStore
from actors.stores.latches import FileLatches
from actors.stores.leases import LeaseStore
from actors.stores.migrate import upgrade
from actors.stores.report_queries import realm_figures, round_trips
from actors.stores.spool import Spool
from engine.errors import ConfigInvalid, PaharaError
from engine.market.quality import TickLimits
from engine.market.source import due_ns
from engine.market.staleness import StalenessLimits
from engine.messages.base import Message
from engine.messages.control import ViewPublished
from engine.messages.market import FeedEnded
from engine.reports.html import report_page
from engine.session import SegmentClass, ist_day, ist_text
from engine.units import NS_PER_MINUTE, NS_PER_S, rupees
from supervisors.config import EngineConfig, fingerprint, load_config
from supervisors.engine import Engine
from supervisors.tables import load_charges, load_sessions
from supervisors.wiring import Parts

COMMIT_DEADLINE_MS = 10_000
LEAD_NS = NS_PER_MINUTE
MINUTE_BARS = StalenessLimits(stale_ms_max=90_000, mute_ms_max=180_000, dead_ms_max=120_000)
RECORDED = TickLimits(stuck_ms_max=600_000, confirm_ms_max=60_000, jump_bps_max=1_000)
"""Bar data has a tick each twenty seconds and may jump by what a minute brings."""


class Collector(Behaviour):
    """Stands where the console stands in the running engine; keeps the latest views."""

    def __init__(self) -> None:
        self.views: dict[str, Any] = {}
        self.is_over = False

    def receive(self, message: Message) -> None:
        match message:
            case ViewPublished():
                self.views[message.topic] = msgspec.json.decode(message.body)
            case FeedEnded():
                self.is_over = True
            case _:
                pass


class _Ignore(Behaviour):
    """Stands where alerts go in the running engine."""

    def receive(self, message: Message) -> None:
        return None
