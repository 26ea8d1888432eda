"""The deterministic simulation: the engine's own tree in a world that goes wrong."""
