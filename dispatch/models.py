"""The model files, ``chargers/*.yaml``: what is known of a make of charger, each value with where it is known from.

Knows how they are written. A file is of one vendor; where several of its models match, later ones go before
earlier ones. Nothing else in the code knows a vendor's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from dispatch.charger import Capabilities, Fault, faults_of
from dispatch.identity import FirmwareRange, Identity
from dispatch.station import Value

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml reads the files ten times as fast; not every installation has it."""

Url = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]
Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


def _is_range(text: str) -> str:
    FirmwareRange.parse(text)
    return text


class Cited(Value):
    """A lever's value, why it is so, and where that is known from."""

    value: Any
    because: Words
    source: tuple[Url, ...] = Field(min_length=1)


class Note(Value):
    """What people should know of a model and no lever carries, and where that is known from."""

    says: Words
    source: tuple[Url, ...] = Field(min_length=1)


class ModelEntry(Value):
    """Chargers of one vendor that are alike: names and patterns of models (``*`` stands for anything)."""

    name: Words
    model: tuple[Words, ...] = Field(min_length=1)
    firmware: Annotated[str, AfterValidator(_is_range)] | None = None
    levers: dict[str, Cited] = Field(default_factory=dict)
    notes: tuple[Note, ...] = ()


class VendorFile(Value):
    """One model file."""

    vendor: tuple[Words, ...] = Field(min_length=1)
    models: tuple[ModelEntry, ...] = Field(min_length=1)


class ModelFileError(ValueError):
    """Model files that cannot be used, with all of their faults."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """An entry of a model file, with the vendor's names and the file's."""

    file: str
    vendor: tuple[str, ...]
    entry: ModelEntry

    def matches(self, identity: Identity) -> bool:
        """Whether a charger is of this model; upper and lower case are alike.

        A firmware that nobody knows is in every range: the values of model files make us more careful.
        """
        in_range = (
            self.entry.firmware is None
            or identity.firmware is None
            or FirmwareRange.parse(self.entry.firmware).contains(identity.firmware)
        )
        return in_range and _fits(identity.vendor, self.vendor) and _fits(identity.model, self.entry.model)


@cache
def shipped_models() -> tuple[KnownModel, ...]:
    """The models known to this package, by file name."""
    folder = files("dispatch") / "chargers"
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=_name)
    return read_models({file.name: file.read_text(encoding="utf-8") for file in found})


def read_models(texts: Mapping[str, str]) -> tuple[KnownModel, ...]:
    """The models of files, by their names. Raises :class:`ModelFileError` with all that is wrong in any."""
    faults: list[Fault] = []
    models: list[KnownModel] = []
    for name, text in texts.items():
        try:
            read = VendorFile.model_validate(yaml.load(text, Loader=_LOADER))  # noqa: S506 - a safe loader
        except yaml.YAMLError as error:
            faults.append(Fault(where=name, found=" ".join(str(error).split()), allowed="YAML"))
            continue
        except ValidationError as error:
            faults += [_fault(name, dict(details)) for details in error.errors()]
            continue
        for index, entry in enumerate(read.models):
            faults += _lever_faults(entry, where=f"{name} models.{index}.levers")
            models.append(KnownModel(file=name, vendor=read.vendor, entry=entry))
    if faults:
        raise ModelFileError(faults)
    return tuple(models)


def matching(models: Sequence[KnownModel], identity: Identity) -> tuple[KnownModel, ...]:
    """The models that a charger is of, what is most particular last. None for one of which nobody says a vendor."""
    return tuple(model for model in models if identity.vendor and model.matches(identity))


def _lever_faults(entry: ModelEntry, *, where: str) -> list[Fault]:
    try:
        Capabilities.model_validate({name: cited.value for name, cited in entry.levers.items()})
    except ValidationError as error:
        return faults_of(error, where=where)
    return []


def _fault(name: str, details: Mapping[str, Any]) -> Fault:
    *path, key = details["loc"] or ("the file",)
    where = " ".join(filter(None, (name, ".".join(map(str, path)))))
    if details["type"] == "extra_forbidden":
        return Fault(where=where, found=f"unknown key {key}", allowed=", ".join(_keys_at(path)))
    if details["type"] == "missing":
        return Fault(where=where, found=f"no {key}", allowed=f"{key}, which has to be there")
    return Fault(where=f"{where}.{key}", found=repr(details["input"]), allowed=str(details["msg"]))


def _keys_at(path: Sequence[int | str]) -> Sequence[str]:
    """The keys that may stand at a path into a file."""
    model: type[Value] = VendorFile
    if "levers" in path:
        model = Cited
    elif "notes" in path:
        model = Note
    elif "models" in path:
        model = ModelEntry
    return list(model.model_fields)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _name(file: Traversable) -> str:
    return file.name
