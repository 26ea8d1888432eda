"""The rules of entry: each a small function that says no with a reason, or nothing.

Decides whether a proposal may become a plan. Refuses to know how the figures in the view came
about. Stands alone because this is the page an auditor reads. Exits do not pass here: their short
list is reduce-only and the gate.

To add a rule: one function `(proposal, view, settings) -> Refusal | None` and one row in
PROPOSAL_RULES, or `(sized, view, settings)` in SIZE_RULES (engine/risk/size_rules.py). Order: first
whether the message can be read at all (every later rule relies on whole, sane numbers), then
identity, permission, time, market, geometry, account. The first refusal is the answer. All checks
are written positively, so that a missing number or a NaN refuses.
"""

from collections.abc import Callable
from typing import Final

from engine.instruments import Instrument
from engine.limits import (
    PRICE_PAISE_MAX,
    REJECTS_PAUSE_NS,
    REJECTS_ROW_MAX,
    TICK_AHEAD_NS_MAX,
)
from engine.messages.market import PhaseChanged, Tick
from engine.messages.signals import EntryProposed
from engine.messages.values import (
    Authority,
    FeedState,
    Refusal,
    SessionPhase,
)
from engine.risk.day_band import day_band
from engine.risk.settings import RiskSettings
from engine.risk.shape import is_whole, refuse, shape
from engine.risk.view import RiskView
from engine.units import BPS, NS_PER_MS, NS_PER_S

Rule = Callable[[EntryProposed, RiskView, RiskSettings], Refusal | None]


def storm(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del proposal
    if view.proposals_minute <= settings.proposals_minute_max:
        return None
    limit = settings.proposals_minute_max
    return refuse("storm", view.proposals_minute, limit, "too many proposals in a minute")


def instrument(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """The instrument is known, allowed to the account and to this strategy."""
    name = proposal.instrument
    is_known = view.instrument is not None and view.instrument.name == name
    is_allowed = not settings.allowlist or name in settings.allowlist
    if is_known and is_allowed and view.allowed is not None and name in view.allowed:
        return None
    return refuse("instrument", 0, 0, f"{name} is not for {proposal.strategy}")


def generation(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del settings
    if proposal.strategy_generation > view.generation_void:
        return None
    measured, limit = proposal.strategy_generation, view.generation_void
    return refuse("generation", measured, limit, "the proposer is fenced")


def duplicate_plan(
    proposal: EntryProposed, view: RiskView, settings: RiskSettings
) -> Refusal | None:
    del proposal, settings
    return refuse("duplicate_plan", 1, 0, "decided before") if view.is_decided else None


def authority(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del proposal, settings
    if view.authority >= Authority.FULL:
        return None
    return refuse("authority", view.authority, Authority.FULL, f"{view.authority.name} only")


def expired(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del settings
    if proposal.at_ns <= view.now_ns + TICK_AHEAD_NS_MAX and view.now_ns < proposal.expires_at_ns:
        return None
    age_ns = view.now_ns - proposal.expires_at_ns
    return refuse("expired", age_ns // NS_PER_MS, 0, "the proposal's time is over")


def session(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """The market is in continuous trading and the entry window is open (CTL-44)."""
    del proposal
    phase = view.session
    if phase is None or phase.phase is not SessionPhase.CONTINUOUS:
        return refuse("session", 0, 0, "no continuous session")
    end_ns = entries_end_ns(phase, settings)
    if phase.opens_at_ns <= view.now_ns < end_ns:
        return None
    over_ms = (view.now_ns - end_ns) // NS_PER_MS
    return refuse("session", over_ms, 0, "outside the entry window")


def entries_end_ns(phase: PhaseChanged, settings: RiskSettings) -> int:
    """When entries end: as the session says, which shortens the setting in a short session; by the
    account's own setting where it does not say."""
    if phase.entries_end_at_ns > 0:
        return phase.entries_end_at_ns
    return phase.closes_at_ns - settings.entries_end_s * NS_PER_S


def feed(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del settings
    if view.feed is FeedState.FRESH:
        return None
    state = view.feed.value if view.feed else "unknown"
    return refuse("feed", 0, 0, f"the feed of {proposal.instrument} is {state}")


def tick_age(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """There is a sane last price, and it is young."""
    del proposal
    if view.tick is None or not is_whole(view.tick.price_paise, 1, PRICE_PAISE_MAX):
        return refuse("tick_age", 0, settings.tick_age_ms_max, "no price")
    age_ns = view.now_ns - view.tick.at_ns
    if -TICK_AHEAD_NS_MAX <= age_ns <= settings.tick_age_ms_max * NS_PER_MS:
        return None
    limit = settings.tick_age_ms_max
    return refuse("tick_age", age_ns // NS_PER_MS, limit, "the price is old or from the future")


def price_away(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """Fat finger and band: the limit is near the last price (CTL-03)."""
    tick, spec = _market(view)
    away_bps = -(-abs(proposal.price_limit_paise - tick.price_paise) * BPS // tick.price_paise)
    limit = min(settings.price_away_bps_max, spec.band_bps or settings.price_away_bps_max)
    if away_bps <= limit:
        return None
    return refuse("price_away", away_bps, limit, "the limit is far from the last price")


def spread(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """The book is neither crossed, one-sided nor wide; a source without depth has no book."""
    del proposal
    tick, _ = _market(view)
    if tick.bid_paise == 0 and tick.ask_paise == 0:
        return None
    wide_bps = -(-(tick.ask_paise - tick.bid_paise) * BPS // tick.price_paise)
    if 0 < tick.bid_paise <= tick.ask_paise and wide_bps <= settings.spread_bps_max:
        return None
    return refuse("spread", wide_bps, settings.spread_bps_max, "crossed, one-sided or wide book")


def tick_multiple(
    proposal: EntryProposed, view: RiskView, settings: RiskSettings
) -> Refusal | None:
    del settings
    _, spec = _market(view)
    targets = tuple(target.price_paise for target in proposal.targets)
    prices = (proposal.price_limit_paise, proposal.price_stop_paise, *targets)
    rests = [price % spec.tick_paise for price in prices]
    if not any(rests):
        return None
    return refuse("tick_multiple", max(rests), 0, f"prices move by {spec.tick_paise} paise")


def stop_side(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """The stop loses, and lies at least a tick away."""
    del settings
    _, spec = _market(view)
    losing = proposal.side.sign * (proposal.price_limit_paise - proposal.price_stop_paise)
    if losing >= spec.tick_paise:
        return None
    return refuse("stop_side", losing, spec.tick_paise, "the stop is not on the losing side")


def targets(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """Targets win, lie apart in order, and share out the whole quantity."""
    del view, settings
    if not proposal.targets:
        return refuse("targets", 0, 1, "no target")
    before = proposal.price_limit_paise
    for target in proposal.targets:
        if not proposal.side.sign * (target.price_paise - before) > 0:
            return refuse("targets", target.price_paise, before, "a target does not win more")
        before = target.price_paise
    shares = sum(target.share_bps for target in proposal.targets)
    return None if shares == BPS else refuse("targets", shares, BPS, "shares do not add up")


def order_unknown(
    proposal: EntryProposed, view: RiskView, settings: RiskSettings
) -> Refusal | None:
    """An order of unknown fate on the instrument blocks further increases (CTL-12)."""
    del settings
    if not view.is_order_unknown:
        return None
    return refuse("order_unknown", 1, 0, f"an order on {proposal.instrument} is unresolved")


def group_open(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """One open group a strategy and instrument; none against an open one of another strategy:
    reduce-only stays provable and own orders never cross (CTL-42)."""
    del settings
    if view.is_group_open:
        return refuse("group_open", 1, 1, f"a group on {proposal.instrument} is open")
    if view.is_opposite_open:
        return refuse("group_open", 1, 0, "an open group has the opposite direction")
    return None


def duplicate_day(
    proposal: EntryProposed, view: RiskView, settings: RiskSettings
) -> Refusal | None:
    if not (settings.is_duplicate_day_blocked and view.is_entered_today):
        return None
    return refuse("duplicate_day", 1, 0, f"{proposal.side.value} was entered today")


def losses_row(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    if view.losses_row < settings.losses_row_max:
        return None
    why = f"{proposal.strategy} has lost too often in a row"
    return refuse("losses_row", view.losses_row, settings.losses_row_max, why)


def rejects_row(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """A loop of refused orders ends before it has eaten the day's quota: after a pause one more may
    try, and the pause begins anew if it is refused too."""
    del settings
    is_over = view.now_ns >= view.rejected_at_ns + REJECTS_PAUSE_NS
    if view.rejects_row < REJECTS_ROW_MAX or is_over:
        return None
    why = f"the broker refuses every entry of {proposal.strategy}"
    return refuse("rejects_row", view.rejects_row, REJECTS_ROW_MAX, why)


def positions(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del proposal
    if 0 <= view.positions_count < settings.positions_max:
        return None
    limit = settings.positions_max
    return refuse("positions_max", view.positions_count, limit, "all slots are taken")


def orders_day(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    del proposal
    if 0 <= view.orders_day < settings.orders_day_max:
        return None
    return refuse("orders_day", view.orders_day, settings.orders_day_max, "orders of the day")


def loss_day(proposal: EntryProposed, view: RiskView, settings: RiskSettings) -> Refusal | None:
    """The day's loss, at worst marks, is known and within the limit (CTL-46)."""
    del proposal
    loss, limit = -view.pnl_day.total_paise, settings.loss_day_paise_max
    if view.is_loss_latched:
        return refuse("loss_day", loss, limit, "the daily loss limit was reached")
    if view.pnl_day.unmarked:
        return refuse("loss_day", loss, limit, f"no mark for {view.pnl_day.unmarked[0]}")
    return None if loss < limit else refuse("loss_day", loss, limit, "the daily loss")


def _market(view: RiskView) -> tuple[Tick, Instrument]:
    """Tick and instrument; the earlier rules `instrument` and `tick_age` made sure of both."""
    assert view.tick is not None
    assert view.instrument is not None
    return view.tick, view.instrument


PROPOSAL_RULES: Final[tuple[Rule, ...]] = (
    shape,
    storm,
    instrument,
    generation,
    duplicate_plan,
    authority,
    expired,
    session,
    feed,
    tick_age,
    price_away,
    spread,
    tick_multiple,
    stop_side,
    targets,
    day_band,
    order_unknown,
    group_open,
    duplicate_day,
    losses_row,
    rejects_row,
    positions,
    orders_day,
    loss_day,
)
