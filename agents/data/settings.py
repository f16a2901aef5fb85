"""Settings of the data, read from a workflow's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from swf_common.errors import ConfigurationError


class DataSettings(BaseModel):
    """A group of parameters; each is a key of the workflow's configuration, with a default here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """The settings in a flat table of parameters; keys of others are left alone.

        :raises ConfigurationError: a value is of the wrong kind or out of range
        """
        own = {name: parameters[name] for name in cls.model_fields if name in parameters}
        try:
            return cls.model_validate(own)
        except ValidationError as error:
            problems = [
                f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg']}"
                for problem in error.errors()
            ]
            raise ConfigurationError(
                place="the workflow's parameters", problem="; ".join(problems)
            ) from None
