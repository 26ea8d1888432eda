"""The command desk on its own: what counts as the authority's answer."""

import pytest

from actors.channels.commands import Code
from actors.command_desk import CommandDesk
from engine.messages.console import RequestReceived
from engine.messages.control import CommandDone
from tests.fakes import FakeContext


@pytest.mark.conformance("INV-12", "BAD-22")
def test_inv_12_when_an_answer_is_to_another_content_then_the_command_waits_for_its_own() -> None:
    """The console restarted: what it had sent under the id before is answered now."""
    codes: list[str] = []

    def encode(request_id: str, code: Code, text: str, body: object) -> bytes:
        return code.value.encode()

    desk = CommandDesk(lambda reason, by: None, lambda _, raw: codes.append(raw.decode()), encode)
    desk.open(FakeContext("console"))
    desk.take(RequestReceived(peer="aa", request_id="x", command="halt", by="test", digest="halt"))
    for name in ("flatten", "halt"):
        assert not codes
        desk.finish(CommandDone(request_id="x", is_done=True, text="", command=name))
    assert codes == ["OK"]
