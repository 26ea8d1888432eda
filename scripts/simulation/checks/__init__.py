"""Every invariant that is checked, and the reasons for those that are not.

Decides the list. The picture stands first: the others read it.
"""

from typing import Final

from scripts.simulation.checks import (
    account,
    authority,
    commands,
    journal,
    limits_check,
    orders,
    positions,
    protection,
    supervision,
    wire,
)
from scripts.simulation.checks.picture import Picture
from scripts.simulation.observer import Observer

ALL_CHECKS: Final[tuple[type[Observer], ...]] = (
    Picture,
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
    positions.FillsCountOnce,
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

NOT_COVERED: Final = {
    "INV-37": "no secret enters a simulated life: broker login and telegram are outside of it",
    "INV-45": "the simulated tree has no metrics room; the staleness gauge has tests of its own",
}
"""Id to the reason for which no check of it exists."""
