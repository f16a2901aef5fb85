"""The models, by what they describe."""

from monitor.records.models.agents import Namespace, SystemAgent
from monitor.records.models.counters import PersistentState
from monitor.records.models.logs import AppLog
from monitor.records.models.messages import DeadLetter, WorkflowMessage
from monitor.records.models.runs import Run, RunState, StfFile
from monitor.records.models.workflows import WorkflowDefinition, WorkflowExecution

__all__ = [
    "AppLog",
    "DeadLetter",
    "Namespace",
    "PersistentState",
    "Run",
    "RunState",
    "StfFile",
    "SystemAgent",
    "WorkflowDefinition",
    "WorkflowExecution",
    "WorkflowMessage",
]
