"""The doors of the practice exchange: reactor, HTTP and websocket."""
