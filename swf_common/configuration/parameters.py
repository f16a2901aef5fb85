"""Typed parameters: a model says of each its type, unit, default, bounds and a sentence of help.

A workflow has one model (`Parameters` in its module), put together from groups; an agent reads
its own groups out of it. Checks, the start form, MCP's schema and the tables of the docs follow
from the model.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from annotated_types import Ge, Le
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from swf_common.configuration.suggestions import as_toml
from swf_common.errors import ConfigurationError

LARGEST = 1e9
"""Bound of a number that has no other: a billion seconds are thirty years."""
LONGEST_SHOWN = 80
WORDS = {
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "string_type": "must be a text in quotes",
    "tuple_type": "must be a list",
}
"""pydantic's types of errors in the words of TOML."""


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number, which may be written with a point, as JSON and forms do."""


def parameter(
    default: Any,
    about: str,
    *,
    unit: str = "",
    ge: float = 0,
    le: float = LARGEST,
) -> Any:
    """A parameter of a model.

    :param about: a sentence for users, without its unit
    :param unit: of a number
    :param ge: the bounds count for numbers only
    """
    bounds: dict[str, Any] = {}
    if isinstance(default, int | float) and not isinstance(default, bool):
        bounds = {"ge": ge, "le": le}
    return Field(
        default=default,
        description=about,
        json_schema_extra={"unit": unit} if unit else None,
        **bounds,
    )


@dataclass(frozen=True)
class Parameter:
    """What a model says of one parameter.

    :param section: where it stands in a resolved configuration
    :param kind: whole number, number, true or false, text or list
    """

    name: str
    section: str
    kind: str
    default: Any
    about: str
    unit: str = ""
    ge: float | None = None
    le: float | None = None

    @property
    def path(self) -> str:
        """Section and name."""
        return f"{self.section}.{self.name}"

    @property
    def range(self) -> str:
        """What a number may be, in words; empty without a bound.

        >>> Parameter("rate", "", "number", 1.0, "", ge=0, le=1).range
        '0 to 1'
        """
        if self.ge is None or self.le is None:
            return ""
        return f"{self.ge:g} to {self.le:g}" if self.le < LARGEST else f"at least {self.ge:g}"

    @property
    def default_text(self) -> str:
        """The default as it stands in a TOML file; a list of tables is not written out."""
        return "-" if self.kind == "list" else as_toml(self.default)

    @property
    def help(self) -> str:
        """The sentence for users, with the unit."""
        return f"{self.about} [{self.unit}]" if self.unit else self.about

    def schema(self) -> dict[str, Any]:
        """The parameter as JSON schema."""
        kinds = {
            "whole number": "integer",
            "number": "number",
            "true or false": "boolean",
            "text": "string",
            "list": "array",
        }
        limits = {"minimum": self.ge, "maximum": self.le}
        return {
            "type": kinds[self.kind],
            "description": self.help,
            **{name: limit for name, limit in limits.items() if limit is not None},
        }


class Parameters(BaseModel):
    """Parameters of a workflow, or a group of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    section: ClassVar[str] = "parameters"
    """Where the parameters that this class declares stand in a resolved configuration."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The parameters of this model in a flat table, which somebody else may have recorded: what
        belongs to others is left alone, and numbers may be texts.

        :raises ConfigurationError: a value that the model does not allow
        """
        own = {name: values[name] for name in cls.model_fields if name in values}
        try:
            return cls.model_validate(own, strict=False)
        except ValidationError as error:
            problems = "; ".join(cls._problem(one) for one in error.errors(include_url=False))
        raise ConfigurationError(place="the workflow's parameters", problem=problems)

    @classmethod
    def describe(cls) -> dict[str, Parameter]:
        """Every parameter by its name, section by section, those of the model itself first."""
        known = [cls._describe(name, field) for name, field in cls.model_fields.items()]
        models = [one for one in cls.__mro__ if issubclass(one, Parameters)]
        order = list(dict.fromkeys(one.section for one in models))
        return {one.name: one for one in sorted(known, key=lambda one: order.index(one.section))}

    @classmethod
    def complaint(cls, name: str, value: Any) -> str:
        """What is wrong with a value by itself; empty when nothing is."""
        try:
            cls.model_validate({name: value})
        except ValidationError as error:
            for one in error.errors(include_url=False):
                if one["loc"][:1] == (name,):
                    return "".join(f"{step} " for step in one["loc"][1:]) + cls._words(one)
        return ""

    @classmethod
    def default(cls, name: str, value: Any) -> Any:
        """A parameter of this model with another default, for a model that is built on it."""
        return FieldInfo.merge_field_infos(cls.model_fields[name], default=value)

    def sections(self) -> dict[str, dict[str, Any]]:
        """The values by section, as they stand in a resolved configuration; a list that is the
        default of its group is left out: agents have it.
        """
        values = self.model_dump(mode="json")
        made: dict[str, dict[str, Any]] = {}
        for name, one in self.describe().items():
            if one.kind != "list" or getattr(self, name) != self._group_of(name).default:
                made.setdefault(one.section, {})[name] = values[name]
        return made

    @classmethod
    def _declaring(cls, name: str) -> list[type[Parameters]]:
        """The models that declare a parameter; the one that is built on the others first."""
        models = [one for one in cls.__mro__ if issubclass(one, Parameters)]
        return [one for one in models if name in inspect.get_annotations(one)]

    @classmethod
    def _group_of(cls, name: str) -> FieldInfo:
        return cls._declaring(name)[-1].model_fields[name]

    @classmethod
    def _describe(cls, name: str, field: FieldInfo) -> Parameter:
        kinds: dict[Any, str] = {
            bool: "true or false",
            int: "whole number",
            float: "number",
            str: "text",
        }
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}

        def bound(kind: type[Ge | Le], which: str) -> Any:
            found = [getattr(one, which) for one in field.metadata if isinstance(one, kind)]
            return found[0] if found else None

        return Parameter(
            name=name,
            section=cls._declaring(name)[0].section,
            kind=kinds.get(field.annotation, "list"),
            default=field.default,
            about=field.description or "",
            unit=str(extra.get("unit", "")),
            ge=bound(Ge, "ge"),
            le=bound(Le, "le"),
        )

    @classmethod
    def _words(cls, problem: Any) -> str:
        kind = problem["type"]
        if kind in ("greater_than_equal", "less_than_equal") and len(problem["loc"]) == 1:
            one = cls.describe()[problem["loc"][0]]
            beyond = one.le == LARGEST and kind == "less_than_equal"
            return f"must be at most {LARGEST:g}" if beyond else f"must be {one.range}"
        text: str = problem["msg"]
        text = text.removeprefix("Value error, ").replace("Input should be", "must be")
        return WORDS.get(kind, text)

    @classmethod
    def _problem(cls, problem: Any) -> str:
        where = ".".join(map(str, problem["loc"]))
        if not where:
            return cls._words(problem)
        if len(problem["loc"]) > 1:
            return f"{where}: {cls._words(problem)}"
        value = as_toml(problem["input"])
        shown = value if len(value) < LONGEST_SHOWN else "..."
        return f"{where} = {shown} is not valid: {cls._words(problem)}"
