"""Raw resources to checked ones, and the references between them.

fhir.resources checks structure and types. It does not check codes against required value sets, so that is done here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar, cast

from pydantic import ValidationError

from mediscan.errors import Code, IdentityMismatchError, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.fhir.files import Entry
from mediscan.sources.fhir.models import CodeableConcept, Reference, Resource, get_fhir_model_class

_Model = TypeVar("_Model", bound=Resource)

_EVENT = frozenset({"registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled"})
_ENDED = frozenset({"entered-in-error", "unknown"})
_REQUIRED: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "Patient": {"gender": frozenset({"male", "female", "other", "unknown"})},
        "ImagingStudy": {"status": frozenset({"registered", "available", "cancelled"}) | _ENDED},
        "DiagnosticReport": {"status": _EVENT | _ENDED},
        "Observation": {"status": (_EVENT - {"partial", "appended"}) | _ENDED},
        "DocumentReference": {
            "status": frozenset({"current", "superseded", "entered-in-error"}),
            "docStatus": frozenset({"preliminary", "final", "amended", "entered-in-error"}),
        },
        "ServiceRequest": {"status": frozenset({"draft", "active", "on-hold", "revoked", "completed"}) | _ENDED},
        "Encounter": {
            "status": frozenset(
                {"planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", *_ENDED}
            )
        },
        "Endpoint": {"status": frozenset({"active", "suspended", "error", "off", "entered-in-error", "test"})},
        "Condition": {},
    }
)
"""The types that are read, and what their required codes may be (value sets bound `required` in FHIR R4)."""

_CONCEPTS: Mapping[str, tuple[str, frozenset[str]]] = MappingProxyType(
    {
        "clinicalStatus": (
            "http://terminology.hl7.org/CodeSystem/condition-clinical",
            frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"}),
        ),
        "verificationStatus": (
            "http://terminology.hl7.org/CodeSystem/condition-ver-status",
            frozenset({"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"}),
        ),
    }
)
# The required codes of a Condition stand in a CodeableConcept, beside which other systems' codes may stand.

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_LITERAL = re.compile(
    r"(?P<base>https?://.+/)?(?P<key>[A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?"
)
_REMEDY = "Correct the resource, or export it again as FHIR R4."


@dataclass(frozen=True, kw_only=True, eq=False)
class Checked:
    """A resource that fhir.resources accepts. Two of them are equal only if they are one."""

    entry: Entry
    model: Resource

    @property
    def kind(self) -> str:
        """The resource's type."""
        return str(self.entry.resource["resourceType"])

    @property
    def label(self) -> str:
        """Type and id, for messages."""
        return label(self.entry)


@dataclass(kw_only=True)
class Resources:
    """All checked resources of an input, one server's view: the same type and id are the same resource.

    Args:
        by_key: By `Type/id`, or by `fullUrl` where there is no id.
        key_of: The key of each `fullUrl`, or of the resource that has none.
        ambiguous: Keys that two different resources have.
    """

    by_key: dict[str, Checked] = field(default_factory=dict)
    key_of: dict[str, str] = field(default_factory=dict)
    ambiguous: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        """Check a resource and keep it, if its type is one that is read.

        Of two versions of a resource the one that was updated last is kept; if that cannot be told, neither.

        Raises:
            SourceError: It is not valid, or is there already with other content.
        """
        kind = str(entry.resource["resourceType"])
        if kind not in _REQUIRED:
            return
        with refusing(entry.file, f"entry {entry.number} is not FHIR R4", kind=SourceError, remedy=_REMEDY):
            checked = Checked(entry=entry, model=_validated(entry))
        key = f"{kind}/{checked.model.id}" if checked.model.id else entry.full_url or f"{entry.file} {entry.number}"
        known = self.by_key.get(key)
        kept = checked if known is None else _newer(known, checked)
        if kept is None or self.key_of.setdefault(entry.full_url or key, key) != key:
            self.ambiguous.add(key)
        if key in self.ambiguous or kept is None:
            self.by_key.pop(key, None)
            raise SourceError(
                f"{checked.label} ({entry.where}) is there more than once, with different content",
                remedy="Leave out all but one, or give each meta.lastUpdated; read bundles of two servers in two runs.",
                code=Code.INVALID_ROW,
            )
        self.by_key[key] = kept

    def of(self, model: type[_Model]) -> Iterator[tuple[Checked, _Model]]:
        """The resources of one type."""
        for checked in self.by_key.values():
            if isinstance(checked.model, model):
                yield checked, checked.model

    def target(self, reference: Reference | None, *, holder: Checked) -> Resource | None:
        """What a reference points to; None where that is not part of the input.

        An absolute address stands for a resource of the same type and id only where that does not have another address.
        """
        written = reference.reference if reference else None
        if not written:
            return None
        if written.startswith("#"):
            return next((one for one in contained(holder.model) if one.id == written[1:]), None)
        if written in self.key_of:
            known = self.by_key.get(self.key_of[written])
            return known.model if known else None
        literal = _LITERAL.fullmatch(written)
        if literal is None:
            return None
        found = self.by_key.get(literal["key"])
        if found is None:
            return None
        base, url = literal["base"], found.entry.full_url or ""
        same = base is None or not url.startswith(("http://", "https://")) or url == base + literal["key"]
        return found.model if same else None

    def link(self, reference: Reference | None) -> str | None:
        """A reference in the form in which two that point to the same resource are equal, known or not."""
        written = reference.reference if reference else None
        literal = _LITERAL.fullmatch(written) if written else None
        if written is None or literal is None or literal["base"]:
            return self.key_of.get(written or "", written)
        return literal["key"]

    def required(self, reference: Reference | None, *, holder: Checked, name: str) -> Resource:
        """What a reference points to.

        Raises:
            SourceError: INVALID_ROW: it is not part of the input.
        """
        found = self.target(reference, holder=holder)
        if found is None:
            raise SourceError(
                f"{holder.label} ({holder.entry.where}): its {name} is not part of the input",
                remedy="Add the file that holds it, or correct the reference.",
                code=Code.INVALID_ROW,
            )
        return found


def contained(model: Resource) -> Iterable["Resource"]:
    """The resources inside a resource."""
    return getattr(model, "contained", None) or ()


def label(entry: Entry) -> str:
    """Type and id of a resource that was not checked yet; an id that R4 does not allow is not shown."""
    identifier = entry.resource.get("id")
    shown = isinstance(identifier, str) and _ID.fullmatch(identifier)
    return f"{entry.resource['resourceType']}/{identifier}" if shown else str(entry.resource["resourceType"])


def mismatch(holder: Checked, name: str) -> IdentityMismatchError:
    """The error for a reference to something of another patient."""
    return IdentityMismatchError(
        f"{holder.label} ({holder.entry.where}): its {name} belongs to another patient",
        remedy="Find out whose it is, and correct subject or reference.",
    )


def _validated(entry: Entry) -> Resource:
    kind = str(entry.resource["resourceType"])
    try:
        model = cast("Resource", get_fhir_model_class(kind).model_validate(entry.resource))
    except ValidationError as error:
        raise _invalid(entry, _place(error)) from None
    wrong = next((name for one in (model, *contained(model)) for name in _wrong_codes(one)), None)
    if wrong:
        raise _invalid(entry, wrong)
    return model


def _wrong_codes(model: Resource) -> Iterator[str]:
    kind = type(model).__name__
    for name, allowed in _REQUIRED.get(kind, {}).items():
        code = getattr(model, name, None)
        if code is not None and code not in allowed:
            yield name
    for name, (system, allowed) in _CONCEPTS.items() if kind == "Condition" else ():
        concept: CodeableConcept | None = getattr(model, name, None)
        for coding in (concept.coding or ()) if concept else ():
            if coding.system in (None, system) and coding.code not in allowed:
                yield name


def _place(error: ValidationError) -> str | None:
    # Only names of elements that FHIR knows: unknown ones are content.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = [str(part) for part in first["loc"]]
    return path[0] if path and first["type"] != "extra_forbidden" and path[0].isalpha() and len(path[0]) < 40 else None


def _invalid(entry: Entry, element: str | None) -> SourceError:
    where = f"; see its {element}" if element else ""
    return SourceError(
        f"{label(entry)} ({entry.where}) is not valid FHIR R4{where}", remedy=_REMEDY, code=Code.INVALID_ROW
    )


def _newer(one: Checked, other: Checked) -> Checked | None:
    if one.entry.resource == other.entry.resource:
        return one
    updated = [checked.model.meta.lastUpdated if checked.model.meta else None for checked in (one, other)]
    if updated[0] is None or updated[1] is None or updated[0] == updated[1]:
        return None
    return other if updated[1] > updated[0] else one
