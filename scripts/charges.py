"""`pahara charges`: the day's charges as the engine counts them, beside the broker's own.

Decides which orders are asked about (all of today's with our tag and a fill) and how the answer is
shown. Places nothing and needs no running engine.
"""

import argparse
import json
import os
import sys
from typing import Any, Final

from actors.brokers.kite.keys import Keys
from actors.brokers.kite.place import open_session
from actors.brokers.kite.session import KiteSession
from engine.errors import BrokerUnreachable, ConfigInvalid, PaharaError
from engine.ids import is_own_tag
from engine.kite.money import note_charges, note_form
from engine.kite.outcome import Verdict
from engine.kite.rows import order_rows, trade_rows
from engine.messages.broker import OrderReport, Outcome
from engine.portfolio.charge_check import Comparison, compare_charges
from engine.portfolio.charges import Charges, ChargeSegment, order_charges
from engine.session import ist_day
from engine.units import rupees, rupees_text
from scripts import exits
from supervisors.config import EngineConfig, load_config
from supervisors.feeding import market_now_ns
from supervisors.liveaccount import rest_place
from supervisors.tables import load_charges

ORDERS_PER_REQUEST_MAX: Final = 200


def check_charges(args: argparse.Namespace) -> int:
    """Ask and print.

    Returns:
        0; 1 if the broker does not answer, or the two part by more than rounding (one per cent of a
        component, at least a rupee): look at configs/charges.yaml; 4 if keys are missing.
    """
    try:
        config = load_config(args.config)
        session = open_session(rest_place(config), Keys(os.environ)())
        try:
            found, left_out = compare_day(config, session, market_now_ns(config))
        finally:
            session.close()
    except ConfigInvalid as error:
        print("\n".join(f"configuration: {fault}" for fault in error.faults), file=sys.stderr)
        return exits.CONFIG
    except PaharaError as error:
        print(f"error: {error}", file=sys.stderr)
        return exits.ERROR
    _show(found, left_out, as_json=args.json)
    return exits.OK if found.is_close else exits.ERROR


def compare_day(
    config: EngineConfig, session: KiteSession, now_ns: int
) -> tuple[Comparison, tuple[str, ...]]:
    """Today's executed orders of ours, and the names that were left out because no segment of
    charges is configured for them.

    Raises:
        BrokerUnreachable: a book or the charges could not be read.
        WireMalformed: what was read cannot be used.
    """
    orders = {row.venue_order_id: row for row in order_rows(_read(session.orders()))}
    tags = {number: row.client_order_id for number, row in orders.items()}
    filled: dict[str, tuple[int, int]] = {}
    for trade in trade_rows(_read(session.trades()), tags):
        units, turnover = filled.get(trade.venue_order_id, (0, 0))
        more = trade.quantity * trade.price_paise
        filled[trade.venue_order_id] = (units + trade.quantity, turnover + more)
    segments = {item.name: ChargeSegment(item.segment) for item in config.instruments}
    own = [orders[number] for number in filled if is_own_tag(tags.get(number, ""))]
    known = [order for order in own if order.instrument in segments]
    theirs: list[Charges] = []
    for start in range(0, len(known), ORDERS_PER_REQUEST_MAX):
        some = known[start : start + ORDERS_PER_REQUEST_MAX]
        forms = [note_form(order, *filled[order.venue_order_id]) for order in some]
        theirs += note_charges(_read(session.contract_note(forms)), len(forms))
    day, table = ist_day(now_ns), load_charges()

    def ours(order: OrderReport) -> Charges:
        turnover = filled[order.venue_order_id][1]
        return order_charges(segments[order.instrument], order.side, turnover, day, table)

    left_out = {order.instrument for order in own} - segments.keys()
    pairs = zip(map(ours, known), theirs, strict=True)
    return compare_charges(pairs), tuple(sorted(left_out))


def _read(verdict: Verdict) -> object:
    if verdict.outcome is not Outcome.ACKED:
        raise BrokerUnreachable(f"Kite was not read: {verdict.text}")
    return verdict.data


def _show(found: Comparison, left_out: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        lines: dict[str, Any] = {
            line.name: {
                "ours_inr": rupees(line.ours_paise),
                "theirs_inr": rupees(line.theirs_paise),
                "difference_inr": rupees(line.difference_paise),
            }
            for line in found.lines
        }
        body = {"orders": found.order_count, "is_close": found.is_close, "left_out": left_out}
        print(json.dumps({**body, "lines": lines}))
        return
    print(f"{found.order_count} executed orders; rupees")
    print(f"{'':10} {'ours':>14} {'broker':>14} {'difference':>12}")
    for line in found.lines:
        ours, theirs = rupees_text(line.ours_paise), rupees_text(line.theirs_paise)
        apart = rupees_text(line.difference_paise)
        print(f"{line.name:10} {ours:>14} {theirs:>14} {apart:>12}")
    if left_out:
        print(f"left out, not configured: {', '.join(left_out)}")
    if not found.is_close:
        print("they part by more than rounding: are the rates in configs/charges.yaml today's?")
