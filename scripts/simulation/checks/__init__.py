"""Every check of a run: invariants, liveness, sometimes properties.

Decides the list. The picture stands first: the others read it. What is not checked, with the
reason, is in coverage.py.
"""

from typing import Final

from scripts.simulation.checks import (
    account,
    authority,
    commands,
    fills,
    journal,
    limits_check,
    orders,
    positions,
    protection,
    supervision,
    wire,
)
from scripts.simulation.checks.picture import Picture
from scripts.simulation.liveness import LIVENESS
from scripts.simulation.observer import Observer
from scripts.simulation.sometimes import Sometimes

INVARIANTS: Final[tuple[type[Observer], ...]] = (
    positions.FillsAreThePosition,
    positions.TruthIsInTheInterval,
    wire.DurableFirst,
    wire.SentOnce,
    orders.AttemptsWithinIntent,
    wire.NoVoidGeneration,
    wire.EpochsInOrder,
    authority.IncreaseNeedsFull,
    authority.ReduceOnly,
    authority.CancelStates,
    wire.FencedIsSilent,
    commands.KillIsDurable,
    commands.LatchesSurvive,
    authority.LiveIsReleased,
    wire.BooksApart,
    orders.ExitsWithinPosition,
    protection.PositionsProtected,
    protection.NoOrphans,
    orders.OneFlight,
    orders.NeverBackwards,
    fills.FillsCountOnce,
    positions.OwnersSumUp,
    account.ReservationsAreWorstCases,
    limits_check.LimitsHold,
    limits_check.RateKept,
    account.CountersOnlyRise,
    account.LossIsLatched,
    wire.OnlyGroupsSend,
    wire.NothingExpired,
    supervision.InboxesBounded,
    supervision.RestartsWithinBudget,
    supervision.CoreInOrder,
    wire.TokenIsCurrent,
    authority.ModesMoveByTheTable,
    journal.ReplayIsLiveState,
    journal.ChainHolds,
    supervision.EverythingIsHandled,
    journal.OnceADay,
    account.NoBlindEntry,
    account.PaperUntilReleased,
    authority.FlattenOnlyShrinks,
    wire.RequestsForKnownOrders,
    commands.DoneOnce,
)

ALL_CHECKS: Final[tuple[type[Observer], ...]] = (Picture, *INVARIANTS, *LIVENESS, Sometimes)
