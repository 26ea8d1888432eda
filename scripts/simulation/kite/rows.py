"""How the broker's faults are armed. A likelihood is per question: a request (some dozens a day),
a report of the stream (a few hundred), a snapshot (a few hundred), an order, a fill."""

from typing import Final

from scripts.simulation.faults import FaultRow

_REQUEST, _REPORT, _BOOK, _ORDER = 200_000, 60_000, 30_000, 200_000

ROWS: Final = (
    *(
        FaultRow(id=f"FLT-{number}", ppm_max=_REQUEST, budget_max=6)
        for number in (16, 17, 18, 19, 22, 23, 24)
    ),
    *(FaultRow(id=f"FLT-{number}", ppm_max=30_000, budget_max=2) for number in (20, 21)),
    *(FaultRow(id=f"FLT-{number}", ppm_max=_BOOK, budget_max=4) for number in (26, 27, 28)),
    *(
        FaultRow(id=f"FLT-{number}", ppm_max=_ORDER, budget_max=4)
        for number in (25, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 41, 42)
    ),
    *(FaultRow(id=f"FLT-{number}", ppm_max=500_000, budget_max=2) for number in (39, 40, 43)),
    *(
        FaultRow(id=f"FLT-{number}", ppm_max=_REPORT, budget_max=6)
        for number in (44, 45, 46, 47, 48, 49, 50)
    ),
)
