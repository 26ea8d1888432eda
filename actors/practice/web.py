"""HTTP on loopback: requests in, answers out, in every way that an answer can fail to arrive.

Decides nothing: what is answered and how it leaves comes from `engine/exchange/practice`. The one
door to twisted.web.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from actors.practice.loop import Loop
from engine.exchange.practice.routes import Request
from engine.exchange.practice.transport import CLEAR, Answer, Fate, Sending
from engine.units import NS_PER_MS, NS_PER_S

BODY_BYTES_MAX = 1 << 20
FLUSH_NS = 50 * NS_PER_MS
"""How long written bytes get to leave before the connection is cut."""
_FORM = "application/x-www-form-urlencoded"
Handle = Callable[[Request], tuple[Answer, Fate]]


def site(loop: Loop, handle: Handle) -> Any:  # noqa: ANN401 Twisted's types
    """A server whose every request goes to `handle`."""
    made: Any = Site(_Door(loop, handle))  # type: ignore[no-untyped-call]
    made.noisy = False
    made.displayTracebacks = False
    return made


def always(handle: Callable[[Request], Answer]) -> Handle:
    """A handler whose answers always arrive."""
    return lambda request: (handle(request), CLEAR)


class _Door(Resource):
    isLeaf = True  # noqa: N815 Twisted's name

    def __init__(self, loop: Loop, handle: Handle) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._loop, self._handle = loop, handle

    def render(self, request: Any) -> Any:  # noqa: ANN401 Twisted's request is a class of many
        answer, fate = self._handle(_read(request))
        _Sender(self._loop, request, answer, fate).start()
        return NOT_DONE_YET


class _Sender:
    """One answer on its way."""

    def __init__(self, loop: Loop, request: Any, answer: Answer, fate: Fate) -> None:  # noqa: ANN401
        self._loop, self._request, self._answer, self._fate = loop, request, answer, fate
        self._is_gone = False
        self._sent = 0
        request.notifyFinish().addErrback(self._gone)

    def start(self) -> None:
        """Send as the fate says."""
        match self._fate.sending:
            case Sending.WHOLE:
                self._whole()
            case Sending.HANG:
                return
            case Sending.RESET:
                self._reset()
            case Sending.SLOW:
                self._loop.after_real(self._fate.size * NS_PER_MS, self._whole)
            case Sending.DRIP:
                self._head()
                self._drip()

    def _gone(self, _failure: object) -> None:
        self._is_gone = True

    def _head(self) -> None:
        request, answer = self._request, self._answer
        request.setResponseCode(answer.status)
        request.defaultContentType = None
        for name, value in (
            ("Content-Type", answer.content_type),
            ("Location", answer.location),
            ("Content-Encoding", answer.encoding),
            ("Content-Length", str(len(answer.body))),
        ):
            if value:
                request.setHeader(name, value)

    def _whole(self) -> None:
        if not self._is_gone:
            self._head()
            self._request.write(self._answer.body)
            self._request.finish()

    def _reset(self) -> None:
        """Cut the connection, after `size` bytes of the body if there are to be any."""
        if self._fate.size:
            self._head()
            self._request.write(self._answer.body[: self._fate.size])
            self._loop.after_real(FLUSH_NS, self._cut)
        else:
            self._cut()

    def _cut(self) -> None:
        if not self._is_gone:
            self._request.transport.abortConnection()

    def _drip(self) -> None:
        if self._is_gone:
            return
        self._request.write(self._answer.body[self._sent : self._sent + 1])
        self._sent += 1
        if self._sent < len(self._answer.body):
            self._loop.after_real(NS_PER_S, self._drip)
        else:
            self._request.finish()


def _read(request: Any) -> Request:  # noqa: ANN401
    path, _, query = request.uri.decode("ascii", "replace").partition("?")
    headers = {
        name.decode("latin-1").lower(): values[-1].decode("latin-1")
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    body = request.content.read(BODY_BYTES_MAX)
    is_form = headers.get("content-type", "").startswith(_FORM)
    return Request(
        method=request.method.decode("ascii", "replace"),
        path=path,
        query=_fields(query),
        form=_fields(body.decode("utf-8", "replace")) if is_form else {},
        body=body,
        headers=headers,
    )


def _fields(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found[name] = (*found.get(name, ()), value)
    return found
