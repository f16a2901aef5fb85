"""Who takes part in an execution, and what each agent accounts for: read from its resolved
configuration, the one place that says so (decision 0033).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from swf_common.protocol.json_values import as_object


@dataclass(frozen=True)
class Participant:
    """An agent's section in a resolved configuration.

    :param key: the agent's key under `[agents]`
    :param program: its Compose service; None where nobody has said which one that is
    :param required: whether a run waits for its work
    :param stages: what it brings every STF, TF or slice to; None where nobody has said
    """

    key: str
    program: str | None
    enabled: bool
    required: bool
    stages: tuple[str, ...] | None

    def means(self, agent: str, program: str) -> bool:
        """Whether the section is that of an agent: by its program, or by its key alone where it
        names no program.
        """
        return self.program == program if self.program else self.key == agent


def participants(resolved: Any) -> list[Participant]:
    """The agents in a resolved configuration, also those that it does not enable.

    :param resolved: the configuration, or whatever else somebody has recorded as one
    """
    return [
        Participant(
            key=key,
            program=section.get("program") or None,
            enabled=bool(section.get("enabled")),
            required=section.get("required") is not False,
            stages=_names(section.get("stages")),
        )
        for key, section in sections(as_object(resolved).get("agents")).items()
    ]


def takes_part(found: Iterable[Participant], agent: str, program: str) -> bool:
    """Whether an agent takes part; every one does where no section says who does.

    :param agent: the agent's key in the configuration
    :param program: its Compose service
    """
    everybody = list(found)
    return not everybody or any(one.enabled and one.means(agent, program) for one in everybody)


def stages_of(found: Iterable[Participant], *, required: bool = False) -> tuple[str, ...]:
    """The stages that the enabled agents account for, each once.

    :param required: only those of the agents that a run waits for
    """
    chosen = [one for one in found if one.enabled and (one.required or not required)]
    return tuple(dict.fromkeys(stage for one in chosen for stage in one.stages or ()))


def all_known(found: Iterable[Participant]) -> bool:
    """Whether it is known of every enabled agent what it accounts for; not where none is named."""
    enabled = [one for one in found if one.enabled]
    return bool(enabled) and all(one.stages is not None for one in enabled)


def with_services(resolved: Mapping[str, Any], services: Iterable[Participant]) -> dict[str, Any]:
    """A resolved configuration whose enabled sections say their program and its stages.

    :param services: the agents that compose.yaml has, as far as they are known
    """
    known = list(services)
    agents = dict(as_object(resolved.get("agents")))
    for one in participants(resolved):
        service = next((other for other in known if _is_of(one, other)), None)
        if one.enabled and service is not None:
            agents[one.key] = {
                "program": service.program,
                "stages": list(service.stages or ()),
                **{name: value for name, value in agents[one.key].items() if value is not None},
            }
    return {**resolved, "agents": agents}


def sections(content: Any) -> dict[str, dict[str, Any]]:
    """What of a recorded configuration is a section."""
    return {name: part for name, part in as_object(content).items() if isinstance(part, dict)}


def _is_of(one: Participant, service: Participant) -> bool:
    return service.program is not None and one.means(service.key, service.program)


def _names(content: Any) -> tuple[str, ...] | None:
    if not isinstance(content, list):
        return None
    return tuple(name for name in content if isinstance(name, str))
