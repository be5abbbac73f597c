"""A connection of the chat's server: Uvicorn's, for clients that do not keep to HTTP.

Uvicorn loads with this module.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 20.0  # within which a client that connects asks for something


class Connection(H11Protocol):
    """Ends where nothing is asked, and where no other answer than one already given is possible."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.loop.call_later(SECONDS, self._end_unasked)

    def _end_unasked(self) -> None:
        if self.cycle is not None or self.transport.is_closing():
            return
        if self.conn.trailing_data[0]:
            self.send_400_response("No request received.")
        else:  # browsers connect beforehand: what is not asked gets no answer
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; where that is the rest of a request, nobody answers any more.

        Uvicorn answers such a rest a second time, which fails with a traceback in the log.
        """
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
