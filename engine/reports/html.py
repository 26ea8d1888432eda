"""A backtest as one HTML page: figures, equity curve, round trips. No scripts, no outside files.

Decides the layout. Refuses to compute: every figure is handed in.
"""

from collections.abc import Mapping, Sequence
from html import escape

from engine.units import rupees, rupees_text

WIDTH, HEIGHT, PAD = 960, 240, 8
_STYLE = """body{font:14px system-ui,sans-serif;margin:2rem;color:#1c2530;background:#fff}
h1{font-size:1.3rem}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;
border-bottom:1px solid #e3e7ec;text-align:right}td:first-child,th:first-child{text-align:left}
.loss{color:#b3261e}svg{border:1px solid #e3e7ec;border-radius:6px;max-width:100%}
@media(prefers-color-scheme:dark){body{background:#14181d;color:#dfe5ec}td,th{border-color:#2b333d}}"""


def report_page(
    title: str,
    figures: Mapping[str, object],
    trips: Sequence[tuple[object, ...]],
    times: Sequence[str],
) -> str:
    """Build the page.

    Args:
        figures: the summary, one row each.
        trips: rows of (group, strategy, instrument, side, quantity, gross paise, charges paise,
            reason, opened ns, closed ns), in order of closing.
        times: the closing time of each trip as text, same length.
    """
    rows = "".join(
        f"<tr><td>{escape(key)}</td><td>{escape(str(value))}</td></tr>"
        for key, value in figures.items()
    )
    nets = [int(str(trip[5])) - int(str(trip[6])) for trip in trips]
    table = "".join(
        _trip_row(trip, net, when) for trip, net, when in zip(trips, nets, times, strict=True)
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{equity_curve(nets)}"
        f"<table>{rows}</table><table><tr><th>Closed (IST)</th><th>Strategy</th><th>Instrument"
        "</th><th>Side</th><th>Quantity</th><th>Gross</th><th>Charges</th><th>Net</th>"
        f"<th>Reason</th></tr>{table}</table></html>"
    )


def equity_curve(nets_paise: Sequence[int]) -> str:
    """Cumulative net P&L of closed round trips as an SVG polyline."""
    equity = [0]
    for net in nets_paise:
        equity.append(equity[-1] + net)
    low, high = min(equity), max(equity)
    spread = max(high - low, 1)
    step = (WIDTH - 2 * PAD) / max(len(equity) - 1, 1)

    def y(value: int) -> float:
        return PAD + (HEIGHT - 2 * PAD) * (high - value) / spread

    points = " ".join(f"{PAD + i * step:.1f},{y(value):.1f}" for i, value in enumerate(equity))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" '
        f'aria-label="Equity, from {rupees(low)} to {rupees(high)} rupees">'
        f'<line x1="{PAD}" x2="{WIDTH - PAD}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="#9aa5b1" '
        f'stroke-dasharray="4"/><polyline points="{points}" fill="none" stroke="#2a6fdb" '
        'stroke-width="1.6"/></svg>'
    )


def _trip_row(trip: tuple[object, ...], net: int, when: str) -> str:
    _, strategy, instrument, side, quantity, gross, charges, reason, _, _ = trip
    cells = (
        when,
        strategy,
        instrument,
        side,
        quantity,
        rupees_text(int(str(gross))),
        rupees_text(int(str(charges))),
        rupees_text(net),
        reason,
    )
    tone = ' class="loss"' if net < 0 else ""
    return f"<tr{tone}>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
