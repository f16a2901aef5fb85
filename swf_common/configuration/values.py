"""The values of a workflow's parameters: laid over each other place by place, and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from swf_common.configuration.documents import Document, Table
from swf_common.configuration.layers import Path
from swf_common.configuration.model import SYSTEM_SECTIONS
from swf_common.configuration.parameters import Parameters
from swf_common.configuration.sections import SYSTEM_HOMES
from swf_common.configuration.suggestions import as_toml, meant, nearest
from swf_common.errors import ConfigurationError

ANYWHERE = "parameters"
"""The section for every parameter, whichever it belongs to."""
INERT = ("realtime", "container", "panda_poll_interval_seconds", "panda_poll_timeout_seconds")
"""Keys in configurations of the predecessor that mean nothing here."""
LOWEST = "daq_state_machine"
"""Within one place the other sections lie over this one."""

Given = tuple[Path, Any]


def is_parameter_section(section: str) -> bool:
    """Whether a section holds parameters of the workflow."""
    return section == ANYWHERE or section not in SYSTEM_SECTIONS


def given_in(tables: Mapping[str, Any]) -> list[Given]:
    """The parameters in the tables of a file, in the order in which they count."""
    sections = [section for section in tables if is_parameter_section(section)]
    sections.sort(key=lambda section: (section != LOWEST, section == ANYWHERE))
    return [
        ((section, key), value) for section in sections for key, value in tables[section].items()
    ]


class Values:
    """What each place says of the parameters; a later one wins, key by key.

    :param model: what the workflow declares
    :param sections: names of sections that are accepted for any parameter, beside the model's own
    """

    def __init__(self, model: type[Parameters], sections: Iterable[str]) -> None:
        self._model = model
        self._known = model.describe()
        self._sections = {ANYWHERE, *sections, *(one.section for one in self._known.values())}
        self._values: Table = {}
        self._origins: dict[str, str] = {}

    @property
    def origins(self) -> dict[Path, str]:
        """Where the values come from that are not the model's defaults."""
        return {(self._known[key].section, key): where for key, where in self._origins.items()}

    @property
    def sections(self) -> frozenset[str]:
        """The names of sections that are accepted."""
        return frozenset(self._sections)

    @property
    def homes(self) -> dict[str, str]:
        """The section of every parameter."""
        return {key: one.section for key, one in self._known.items()}

    def lay_default(self, document: Document) -> None:
        """Lay what a workflow's configuration says: its sections may have any name.

        :raises ConfigurationError: a parameter that the workflow does not have, or a wrong value
        """
        self._sections.update(filter(is_parameter_section, document.tables))
        for path, value in given_in(document.tables):
            if path[-1] in self._known or path[-1] not in INERT:
                self.put(path, value, document.name)

    def lay(self, given: Iterable[Given], place: str) -> None:
        """Lay what a user says in one place.

        :raises ConfigurationError: as `put`, or two values for one parameter
        """
        homes: dict[str, tuple[str, Any]] = {}
        for path, value in given:
            self.put(path, value, place)
            section, earlier = homes.get(path[-1], (path[0], value))
            both = section != path[0] and ANYWHERE not in (section, path[0])
            if both and earlier != value and place.endswith(".toml"):
                raise ConfigurationError(
                    place=place,
                    problem=f"[{section}] {path[-1]} = {as_toml(earlier)} is not used: "
                    f"[{path[0]}] has another value; set it in one section",
                )
            homes[path[-1]] = path[0], value

    def put(self, path: Path, value: Any, place: str) -> None:
        """Set one parameter.

        :param path: section and key
        :raises ConfigurationError: unknown section or key, or a value that it may not have
        """
        section, key = path[0], path[-1]
        if section not in self._sections:
            raise ConfigurationError(
                place=place,
                problem=f"nothing knows the section [{section}]; "
                + nearest(section, {*self._sections, *SYSTEM_SECTIONS}),
            )
        if len(path) != 2 or key not in self._known:
            name = ".".join(path[1:])
            problem = f'[{section}] has no key "{name}"'
            if section == ANYWHERE:
                problem = f'the workflow has no parameter "{name}"'
            raise ConfigurationError(
                place=place, problem=f"{problem}; {meant(key, self._known, SYSTEM_HOMES)}"
            )
        complaint = self._model.complaint(key, value)
        if complaint:
            home = self._known[key].section if section == ANYWHERE else section
            raise ConfigurationError(
                place=place, problem=f"[{home}] {key} = {as_toml(value)} is not valid: {complaint}"
            )
        self._values[key] = value
        self._origins[key] = place

    def check(self) -> Parameters:
        """The parameters as the workflow sees them.

        :raises ConfigurationError: values that do not go together
        """
        try:
            return self._model.of(self._values)
        except ConfigurationError as error:
            changed = [self._origins[key] for key in self._values if key in str(error)]
            raise ConfigurationError(
                place=changed[-1] if changed else error.place, problem=error.problem
            ) from None
