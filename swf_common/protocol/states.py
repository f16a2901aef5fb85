"""States of agents, runs, files and executions, and roles, as they appear on the wire."""

from __future__ import annotations

from enum import StrEnum


class OperationalState(StrEnum):
    """Where an agent is in its life: STARTING -> READY <-> PROCESSING -> EXITED."""

    STARTING = "STARTING"
    READY = "READY"
    PROCESSING = "PROCESSING"
    EXITED = "EXITED"


class AgentStatus(StrEnum):
    """How well an agent is: WARNING while the broker is away."""

    OK = "OK"
    WARNING = "WARNING"
    ERROR = "ERROR"
    UNKNOWN = "UNKNOWN"
    EXITED = "EXITED"


class ExecutionStatus(StrEnum):
    """The life of a workflow execution; the last three are final and carry an end time."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TERMINATED = "terminated"

    @property
    def final(self) -> bool:
        return self in (self.COMPLETED, self.FAILED, self.TERMINATED)


class FileStatus(StrEnum):
    """The life of an STF file's record."""

    REGISTERED = "registered"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"
    DONE = "done"


class SliceStatus(StrEnum):
    """The life of a TF slice's record."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class Role(StrEnum):
    """What the holder of a token, or a user, may do at the monitor."""

    VIEWER = "viewer"
    AGENT = "agent"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class EndReason(StrEnum):
    """Why a run ended, in `end_run`."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    DURATION = "duration"
    FAILED = "failed"


class DaqState(StrEnum):
    """State of the machine and the DAQ, as the predecessor named them."""

    NO_BEAM = "no_beam"
    BEAM = "beam"
    RUN = "run"


class DaqSubstate(StrEnum):
    """Substate beside `DaqState`."""

    NOT_READY = "not_ready"
    READY = "ready"
    PHYSICS = "physics"
    STANDBY = "standby"


CONTAINER_ENDED = frozenset({"exited", "dead"})
"""States of a container that has ended, and that the engine does not start again."""
CONTAINER_DIED = CONTAINER_ENDED | {"restarting"}
"""States of a container whose process has ended: its exit code means something."""
CONTAINER_DOWN = CONTAINER_ENDED | {"created"}
"""States of a container that does not run and is not about to."""
