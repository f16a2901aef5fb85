"""The models, by what they describe."""

from monitor.records.models.agents import AgentStateChange, Namespace, SystemAgent
from monitor.records.models.counters import PersistentState
from monitor.records.models.fast_processing import FastMonFile, SystemStateEvent, TFSlice, Worker
from monitor.records.models.histograms import RunHistograms
from monitor.records.models.logs import AppLog
from monitor.records.models.messages import (
    DeadLetter,
    QueueAbsence,
    RecorderStatus,
    WorkflowMessage,
)
from monitor.records.models.runs import Run, RunState, StfFile
from monitor.records.models.stages import StageRecord
from monitor.records.models.subscribers import Subscriber
from monitor.records.models.tokens import ApiToken
from monitor.records.models.workflows import WorkflowDefinition, WorkflowExecution

__all__ = [
    "AgentStateChange",
    "ApiToken",
    "AppLog",
    "DeadLetter",
    "FastMonFile",
    "Namespace",
    "PersistentState",
    "QueueAbsence",
    "RecorderStatus",
    "Run",
    "RunHistograms",
    "RunState",
    "StageRecord",
    "StfFile",
    "Subscriber",
    "SystemAgent",
    "SystemStateEvent",
    "TFSlice",
    "Worker",
    "WorkflowDefinition",
    "WorkflowExecution",
    "WorkflowMessage",
]
