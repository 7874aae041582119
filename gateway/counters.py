"""What a gateway counts, for metrics and for tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Counters:
    """Totals since the start; ``connected`` and ``buffered`` are present values."""

    connected: int = 0
    """Stations connected now."""
    buffered: int = 0
    """Messages not yet in Redis."""
    connections: int = 0
    """Connections accepted."""
    refused_addresses: int = 0
    refused_credentials: int = 0
    refused_protocols: int = 0
    unavailable: int = 0
    """Handshakes refused because Redis, which keeps the passwords, could not be asked."""
    replaced: int = 0
    """Connections closed for a newer one of the same station."""
    stalled: int = 0
    """Connections broken because the station did not read."""
    dismissed: int = 0
    """Connections closed by a wish on the control channel."""
    frames: int = 0
    """Messages of stations, right or wrong."""
    malformed: int = 0
    calls: int = 0
    """CALLs of stations handed to the flows."""
    repeated_calls: int = 0
    """CALLs dropped because one with the same id awaited its answer."""
    surplus_calls: int = 0
    """CALLs refused because too many of the station were waiting."""
    written: int = 0
    """Entries added to the inbound stream."""
    refused_entries: int = 0
    """CALLs refused because the buffer was full."""
    answers: int = 0
    """Answers delivered to stations."""
    late_answers: int = 0
    """Answers of flows to CALLs that nobody waits for any more."""
    unanswered_calls: int = 0
    """CALLs answered with InternalError after their deadline."""
    commands: int = 0
    """Commands sent to stations."""
    expired_commands: int = 0
    withdrawn_commands: int = 0
    """Commands whose sender gave up before they were sent."""
    unanswered_commands: int = 0
    responses: int = 0
    """Answers of stations handed to the senders of commands."""
    unheard_responses: int = 0
    """Answers of stations whose sender did not listen any more."""
    unasked_responses: int = 0
    """Answers of stations to no command."""
    broken_frames: int = 0
    """Entries for stations that hold no OCPP-J frame."""
    outages: int = 0
    """Times that Redis went away."""

    def snapshot(self) -> dict[str, int]:
        """All values by name."""
        return asdict(self)
