"""Conformance ids that cannot be tested here, each with the reason."""

NOT_APPLICABLE = {
    "SUP-043": "READY carries no extra return value: facts a caller needs go by message, not by"
    " a start's result (automatic restarts with an argument are SUP-070)",
    "SUP-110": "there is no watch between actors: only a supervisor hears of an end (its notices"
    " are exactly once, kept while it is away, and not repeated: PK-19 and test_backoff)",
    "PK-15": "no requests with answers between actors; an order intent carries expires_at_ns and"
    " the gate refuses it past that (tests of the gate)",
    "PK-18": "process children: tests/actors/runtime covers exit codes and signals",
}
