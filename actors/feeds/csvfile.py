"""Recorded market data from CSV and JSON-lines files, gzipped or not, as a `FrameSource`.

Decides how files are read and merged. Refuses to interpret columns (engine/market/layout.py), rows
(rows.py) and sequences (clean.py), and never repairs a row. Files are read whole when the source is
built: instruments and counts are then known, and files sorted by name instead of time can be read.
A row that does not pass is dropped and counted; a file that has no known header is refused.
"""

import gzip
import heapq
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from pathlib import Path

from engine.errors import WireMalformed
from engine.market.clean import TICK_GAPS, Cleaner, GapPolicy, bar_gaps
from engine.market.layout import Layout, detect_layout, guess_segment, instrument_of_file
from engine.market.packets import parse_packet
from engine.market.rows import Bar, RowBad, at_ns, check_width, parse_bar, parse_tick
from engine.market.source import SourceItem, bar_frames, blocks_from, due_ns, joined, tick_frames
from engine.messages.market import FeedBlocked, Tick
from engine.session import SegmentClass, SessionTable
from engine.units import NS_PER_S

_CHUNK_BYTES = 1 << 20
_LINE_BYTES_MAX = 1 << 20
_SAMPLE_ROWS = 500
_INTERVAL_NS_DEFAULT = 60 * NS_PER_S


class CsvSource:
    """Several files merged by time. Implements `engine.market.source.FrameSource`."""

    def __init__(
        self,
        paths: Sequence[Path],
        table: SessionTable,
        instruments: Mapping[str, str] | None = None,
        segments: Mapping[str, SegmentClass] | None = None,
    ) -> None:
        """Read the files.

        Args:
            paths: .csv, .csv.gz, .jsonl or .jsonl.gz files. Files without an instrument column
                take the name in the file name ('NIFTY50').
            table: rows outside its sessions are dropped.
            instruments: names in the files to names in the engine; unlisted names stay.
            segments: engine names to segment classes; unlisted ones are guessed from the name.

        Raises:
            WireMalformed: a header is unknown or a line is endless. The source is refused.
            OSError: a file cannot be read.
        """
        self._counts: Counter[str] = Counter()
        self._series = [
            _Reader(path, table, instruments or {}, segments or {}, self._counts).read()
            for path in paths
        ]
        self.bars_read = sum(len(series.bars) for series in self._series)
        self.instruments = tuple(sorted({name for s in self._series for name in s.names}))

    @property
    def ends_at_ns(self) -> int:
        """The end of the last row, 0 if there is none."""
        return max((series.ends_at_ns for series in self._series), default=0)

    @property
    def rows_rejected(self) -> Mapping[str, int]:
        """Rows by reason code; `ohlc_rounded` rows were kept."""
        return {reason: count for reason, count in sorted(self._counts.items()) if count}

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        """All frames and blocks due at or after the instant, in time order; blocks come first."""
        streams = [series.items(from_ns) for series in self._series]
        if len(streams) == 1:
            return streams[0]
        return joined(heapq.merge(*streams, key=due_ns))


class _Series:
    """What was accepted of one file, sorted by time."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.bars: list[Bar] = []
        self.ticks: list[Tick] = []
        self.blocks: list[FeedBlocked] = []

    @property
    def ends_at_ns(self) -> int:
        bar_end_ns = self.bars[-1].end_at_ns if self.bars else 0
        return max(bar_end_ns, self.ticks[-1].at_ns if self.ticks else 0)

    def items(self, from_ns: int) -> Iterator[SourceItem]:
        due = (tick for tick in self.ticks if tick.at_ns >= from_ns)
        frames = bar_frames(self.bars, from_ns) if self.bars else tick_frames(due)
        blocks = blocks_from(self.blocks, from_ns)
        return heapq.merge(blocks, frames, key=due_ns) if blocks else iter(frames)


class _Reader:
    """Reads one file."""

    def __init__(
        self,
        path: Path,
        table: SessionTable,
        instruments: Mapping[str, str],
        segments: Mapping[str, SegmentClass],
        counts: Counter[str],
    ) -> None:
        self._path, self._table, self._counts = path, table, counts
        self._instruments, self._segments = instruments, segments
        self._file_name = instrument_of_file(path.name.partition(".")[0])
        self._cleaners: dict[str, Cleaner] = {}

    def read(self) -> _Series:
        lines = _lines(self._path, self._counts)
        if ".jsonl" in self._path.suffixes:
            rows: list[Bar] | list[Tick] = list(self._packets(lines))
        else:
            layout = detect_layout(next(lines, "").removeprefix("\ufeff").split(","))
            fields = (line.split(",") for line in lines if line)
            rows = self._bars(fields, layout) if layout.is_bar else self._ticks(fields, layout)
        series = _Series([cleaner.name for cleaner in self._cleaners.values()])
        series.blocks = [block for c in self._cleaners.values() for block in c.blocks]
        for row in rows:
            if isinstance(row, Bar):
                series.bars.append(row)
            else:
                series.ticks.append(row)
        series.bars.sort(key=attrgetter("start_at_ns"))
        series.ticks.sort(key=attrgetter("at_ns"))
        return series

    def _bars(self, rows: Iterator[list[str]], layout: Layout) -> list[Bar]:
        sample = list(islice(rows, _SAMPLE_ROWS))
        interval_ns = _interval_ns(sample, layout)
        gaps = bar_gaps(interval_ns)
        accepted: list[Bar] = []
        for part in (sample, rows):
            for fields in part:
                try:
                    cleaner = self._cleaner(self._name(fields, layout), gaps)
                    bar = parse_bar(fields, layout, cleaner.name, interval_ns)
                except RowBad as bad:
                    self._counts[bad.reason] += 1
                    continue
                accepted += cleaner.bar(bar)
        for cleaner in self._cleaners.values():
            accepted += cleaner.end()
        return accepted

    def _ticks(self, rows: Iterator[list[str]], layout: Layout) -> list[Tick]:
        is_delta = layout.volume_delta >= 0
        accepted: list[Tick] = []
        for fields in rows:
            try:
                cleaner = self._cleaner(self._name(fields, layout), TICK_GAPS)
                before = cleaner.volume_before(at_ns(fields[layout.time])) if is_delta else 0
                tick = parse_tick(fields, layout, cleaner.name, before)
            except RowBad as bad:
                self._counts[bad.reason] += 1
                continue
            if cleaner.tick(tick):
                accepted.append(tick)
        return accepted

    def _packets(self, lines: Iterator[str]) -> Iterator[Tick]:
        cleaner = self._cleaner(self._file_name, TICK_GAPS)
        for line in filter(None, lines):
            try:
                tick = parse_packet(line, cleaner.name)
            except RowBad as bad:
                self._counts[bad.reason] += 1
                continue
            if cleaner.tick(tick):
                yield tick

    def _name(self, fields: list[str], layout: Layout) -> str:
        check_width(fields, layout)
        if layout.name < 0:
            return self._file_name
        if not fields[layout.name]:
            raise RowBad("missing_field")
        return fields[layout.name]

    def _cleaner(self, raw: str, gaps: GapPolicy) -> Cleaner:
        cleaner = self._cleaners.get(raw)
        if cleaner is None:
            name = self._instruments.get(raw, raw)
            segment = self._segments.get(name) or guess_segment(raw)
            cleaner = Cleaner(name, self._table, segment, gaps, self._counts)
            self._cleaners[raw] = cleaner
        return cleaner


def _interval_ns(rows: Sequence[list[str]], layout: Layout) -> int:
    """The most frequent distance between following rows of one instrument; 1 min if unknown."""
    last: dict[str, int] = {}
    steps: Counter[int] = Counter()
    for fields in rows:
        try:
            time_ns = at_ns(fields[layout.time])
            name = fields[layout.name] if layout.name >= 0 else ""
        except (RowBad, IndexError):
            continue
        if name in last and time_ns > last[name]:
            steps[time_ns - last[name]] += 1
        last[name] = time_ns
    return steps.most_common(1)[0][0] if steps else _INTERVAL_NS_DEFAULT


def _lines(path: Path, counts: Counter[str]) -> Iterator[str]:
    """The complete lines of a file. A cut archive or an unended last line counts `truncated`.

    A last line without line end cannot be told from one cut inside its last number, so it is
    dropped too.
    """
    rest = b""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        while True:
            try:
                chunk = file.read1(_CHUNK_BYTES)
            except (EOFError, gzip.BadGzipFile, zlib.error):
                rest = rest or b"cut"
                break
            if not chunk:
                break
            block, separator, tail = chunk.rpartition(b"\n")
            if not separator:
                rest += chunk
                if len(rest) > _LINE_BYTES_MAX:
                    raise WireMalformed(f"{path.name}: a line of more than {_LINE_BYTES_MAX} bytes")
                continue
            yield from (rest + block).decode("utf-8", "replace").replace("\r", "").split("\n")
            rest = tail
    counts["truncated"] += bool(rest)
