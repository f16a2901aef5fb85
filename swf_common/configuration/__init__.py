"""From testbed.toml to the values that a run works with, each with its origin.

Later wins, key by key: included files < the workflow's file < testbed.toml < `--set`.
Pure apart from reading TOML files. The agents and the monitor may import this package.
"""

from swf_common.configuration.model import AgentSection, Configuration, WorkflowSection
from swf_common.configuration.resolver import resolve, resolve_workflow

__all__ = ["AgentSection", "Configuration", "WorkflowSection", "resolve", "resolve_workflow"]
