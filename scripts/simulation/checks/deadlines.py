"""How long the engine may take to put something right: every deadline of every check, in one place.

Decides the numbers, each with its source. They are of the market clock (those of protection: of the
time in which the machine is awake) and count from the moment at which the engine could act, so a
check that uses one begins anew after the death of the process.
"""

from typing import Final

from engine.units import NS_PER_MINUTE, NS_PER_S

T_OBSERVE_NS: Final = 60 * NS_PER_S
"""A fill that the watcher has been told of is recorded or alarmed. Source: INV-02; the slow poll of
30 s (WatcherSettings.steady_ns) twice."""
T_PROTECT_NS: Final = 90 * NS_PER_S
"""A position is protected, going flat or alarmed. Source: INV-17; the slow poll of 30 s finds a
vanished stop, a placement may be in doubt for 30 s (ResolveSettings.settle_ns), its back-off is
30 s at most (OcoSettings.backoff_ns_max); the alarm comes after 10 s (protect_wait_ns)."""
T_ORPHAN_NS: Final = 90 * NS_PER_S
"""An exit without a position is being cancelled. Source: INV-18; as T_PROTECT."""
T_NOTICE_NS: Final = NS_PER_S
"""Entries stop once the database is away. Source: INV-03; within one instant, with slack."""
T_TOLD_NS: Final = 10 * NS_PER_S
"""An alarm reaches people. Source: INV-12; a room that stands still is given up sooner."""
T_MONITOR_NS: Final = 5 * NS_PER_S
"""The loss latch follows the loss. Source: INV-27; one tick of a held instrument, with slack."""
T_EXIT_WAIT_NS: Final = 2 * NS_PER_S
"""An exit's wait for rate budget. Source: INV-25."""
T_CANCELS_NS: Final = NS_PER_MINUTE
CANCELS_MAX: Final = 12
"""Cancels of one order in T_CANCELS. Source: INV-43; back-off 0.5 s doubling gives seven a minute,
a life of its own after each of a few restarts begins again."""
T_UNKNOWN_NS: Final = 120 * NS_PER_S
"""Source: LIV-03."""
T_CLEAN_NS: Final = 90 * NS_PER_S
"""Source: LIV-04."""
T_RAISED_NS: Final = 330 * NS_PER_S
"""A ceiling that waits for clean books rises. Source: LIV-08 has no number; the reconciler's period
(5 minutes, World), then 15 s for an answer and 2 s until the second look."""
T_BACK_NS: Final = 5 * NS_PER_S
"""A database that answers again is written to again. Source: actors/journal.py RETRY_MS, ten times.
"""
T_CHILD_NS: Final = 30 * NS_PER_S
"""Source: LIV-06. Back-off is 36 s at most, so a child that waits for it is given that too."""
T_BACKOFF_NS: Final = 36 * NS_PER_S
"""Source: supervisors/spec.py Backoff, 30 s and 20 % of jitter."""
T_PAPER_NS: Final = 3 * NS_PER_MINUTE
"""Source: LIV-07."""
T_FLAT_NS: Final = 60 * NS_PER_S
"""Source: LIV-01 and LIV-02."""
TICKS_SQUARE_MIN: Final = 3
"""True ticks of an instrument from the flat-by time to the close in which a position must have been
taken. Source: frames are 11 s long as a rule, so T_SQUARE has three."""
TICKS_FLAT_MIN: Final = 10
"""True ticks of an instrument in which a paper exit must have filled. Source: the usual frame is
11 s long (market/paths.py Pace), so this is two minutes of a market that trades."""
T_SQUARE_NS: Final = 40 * NS_PER_S
"""From the flat-by time to flat in a healthy world. Source: LIV-11; cancels are confirmed within
seconds, an exit is priced anew every two."""
T_CALM_NS: Final = 5 * NS_PER_MINUTE
"""No critical alarm repeats in the last minutes of a healthy world. Source: LIV-12; the custodian
repeats not_flat each 30 s, a group its notices each minute."""
SESSION_USUAL_NS: Final = 375 * NS_PER_MINUTE
"""What the configured minutes before the close are meant for; a shorter session has its share of
them. Source: NSE cash, 09:15-15:30."""
