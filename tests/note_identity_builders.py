"""Clinical notes with known identities: hand-written templates, filled with people of many origins.

A slot `<patient:comma>` is filled by the format `comma` of that person's name; `<age=93>` stands for itself. Where only
part of a value identifies (`⟦Lakeview⟧ Hospital`), that part is marked by `⟦ ⟧`.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path

from pydicom import Dataset

from mediscan.deidentify.identifiers import Span
from mediscan.deidentify.notes import NoteDeidentifier
from mediscan.deidentify.record_names import RecordNames
from mediscan.deidentify.surrogates import Surrogates

TEMPLATES = Path(__file__).parent / "deidentify" / "note_templates"
_SLOT = re.compile(r"<(?P<role>[a-z]+)(?P<number>\d?)(?::(?P<format>\w+)|=(?P<text>[^>]*))>")
_MARKED = re.compile(r"⟦([^⟧]*)⟧")


class Half(StrEnum):
    """Which templates: those the patterns were adjusted on, or those written first and only measured on."""

    TUNED = "tuned"
    HELD_OUT = "held_out"


# Names of the two halves are apart; about half of each are in no list of frequent names.
_GIVEN = {
    Half.TUNED: (
        *("Maria", "James", "Oluwaseun", "Thandiwe", "Siobhán", "Nguyet", "Xochitl", "Björn", "Priyanka", "Aleksandr"),
        *("Fatima", "Kwabena", "Yuki", "Leilani", "Dmitri", "Anne-Marie", "Jean-Luc", "Rose", "Grace", "Mustafa"),
    ),
    Half.HELD_OUT: (
        *(
            "Elizabeth",
            "Robert",
            "Chukwuemeka",
            "Nomvula",
            "Aoife",
            "Thuy",
            "Citlali",
            "Sigríður",
            "Anjali",
            "Vsevolod",
        ),
        *("Zeynep", "Kofi", "Haruka", "Kailani", "Bohdan", "Mary-Kate", "Pierre-Yves", "Hope", "Faith", "Khadija"),
    ),
}
_FAMILY = {
    Half.TUNED: (
        *("Smith", "O'Brien", "van der Berg", "Okonkwo", "Nguyen", "García-Lopez", "Wojciechowski", "Al-Rashid"),
        *("McAllister", "Takahashi", "Papadopoulos", "de la Cruz", "Brown", "Young", "Mbeki", "Kowalczyk", "Hernández"),
        *("D'Souza", "Foley", "Lindqvist", "Begay", "Chatterjee"),
    ),
    Half.HELD_OUT: (
        *("Johnson", "O'Shaughnessy", "van den Heuvel", "Adeyemi-Cole", "Tran", "Ibarra-Quintero", "Szczepański"),
        *("El-Masri", "MacGillivray", "Watanabe", "Triantafyllidis", "de Souza", "White", "Long", "Nkosi", "Grabowski"),
        *("Muñoz", "D'Angelo", "Parkinson", "Ekström", "Quispe", "Tsosie", "Bhattacharya", "Ngcobo"),
    ),
}
_PLACES = {
    Half.TUNED: ("Springfield", "Duluth", "Wetherby", "Fall River", "Chattanooga"),
    Half.HELD_OUT: ("Walla Walla", "Kettering", "Poughkeepsie", "Bozeman", "Penzance"),
}
_HOUSES = {
    Half.TUNED: ("Lakeview", "Mercy", "Fairbanks", "Holloway"),
    Half.HELD_OUT: ("Ridgemont", "Providence", "Kalahari Springs", "Pemberton"),
}
_STREETS = {Half.TUNED: ("Elm", "Orchard Hill", "Baker"), Half.HELD_OUT: ("Maple", "Quarry Bank", "Wexford")}


@dataclass(frozen=True)
class Name:
    given: str
    family: str
    middle: str

    def written(self, form: str) -> str:
        given, family, middle = self.given, self.family, self.middle
        title = "Mr." if len(given) % 2 else "Mrs."
        forms = {
            "full": f"⟦{given} {family}⟧",
            "comma": f"⟦{family}, {given}⟧",
            "caret": f"⟦{family}^{given}^{middle}⟧".upper(),
            "upper_full": f"⟦{given} {family}⟧".upper(),
            "upper_comma": f"⟦{family}, {given} {middle}⟧".upper(),
            "upper_family": f"⟦{family}⟧".upper(),
            "lower_full": f"⟦{given} {family}⟧".lower(),
            "lower_family": f"⟦{family}⟧".lower(),
            "initial_family": f"⟦{given[0]}. {family}⟧",
            "middle": f"⟦{given} {middle}. {family}⟧",
            "title_full": f"{title} ⟦{given} {family}⟧",
            "title_family": f"{title} ⟦{family}⟧",
            "comma_md": f"⟦{family}, {given} {middle}.⟧, MD",
            "full_do": f"⟦{given} {family}⟧, D.O.",
            "family": f"⟦{family}⟧",
            "given": f"⟦{given}⟧",
        }
        return forms[form]


def _date_forms(day: date) -> dict[str, str]:
    short, long = f"{day:%b}", f"{day:%B}"
    ordinal = f"{day.day}{'th' if 10 < day.day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day.day % 10, 'th')}"
    return {
        "slash": f"{day:%m/%d/%Y}",
        "slash_time": f"⟦{day:%m/%d/%Y}⟧ 10:22 AM",
        "slash_short": f"{day.month}/{day.day}/{day:%y}",
        "slash_noyear": f"{day.month}/{day.day}",
        "slash_noyear_on": f"on ⟦{day.month}/{day.day}⟧",
        "iso": f"{day:%Y-%m-%d}",
        "iso_time": f"⟦{day:%Y-%m-%d}⟧T08:15",
        "dot": f"{day:%d.%m.%Y}",
        "compact": f"{day:%Y%m%d}",
        "month_name": f"{long} {day.day}, {day.year}",
        "month_day": f"{long} {day.day}",
        "day_month": f"{day.day} {long} {day.year}",
        "day_month_short": f"{day.day} {short} {day.year}",
        "mon_dash": f"{day:%d}-{short}-{day.year}".upper(),
        "mon_first": f"{short} {day.day} {day.year}",
        "ordinal": f"{long} {ordinal}, {day.year}",
        "weekday": f"{day:%A}, ⟦{long} {day.day}⟧",
        "month_year": f"{long} {day.year}",
        "month_year_short": f"{short} {day.year}",
        "year": f"{day.year}",
    }


def _digits(rng: random.Random, shape: str) -> str:
    """`#` a digit, `*` a digit but 0, `@` a letter."""
    draw: dict[str, Callable[[], str]] = {
        "#": lambda: rng.choice("0123456789"),
        "*": lambda: rng.choice("123456789"),
        "@": lambda: rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ"),
    }
    return "".join(draw[letter]() if letter in draw else letter for letter in shape)


_SHAPES = {
    "phone": {
        "paren": "(*##) *##-####",
        "dash": "*##-*##-####",
        "dot": "*##.*##.####",
        "plain": "*##*##****",
        "intl": "+1 *## *## ####",
        "uk": "020 7*## ####",
        "uk_paren": "(01*##) ****##",
        "local": "*##-####",
        "tollfree": "1-800-*##-####",
        "ext": "*###",
        "pager": "*####",
    },
    "accession": {"plain": "*#######", "letters": "CT##-*#####", "path": "S##-*####"},
    "nhs": {"spaced": "*## ### ####"},
    "ssn": {"dashed": "*##-##-*###", "plain": "*##-*#-####"},
    "insurance": {"plain": "*##-##-####@", "letters": "@@@*########"},
    "account": {"plain": "*#########"},
    "licence": {"plain": "@@*#####", "letters": "@*#######", "plate": "@@@ *###"},
    "device": {"plain": "PJN*#####@", "lot": "@*#####"},
    "ip": {"v4": "10.*#.2*.*#"},
}


def _mrn_forms(number: str) -> dict[str, str]:
    pairs = [number[at : at + 2] for at in range(0, 8, 2)]
    return {
        "plain": number,
        "dashed": "-".join((number[:3], number[3:5], number[5:])),
        "letter": f"H{number}",
        "slash": f"{number[:6]}/{number[6:]}",
        "hash": f"#{number}",
        "spaced": " ".join(pairs),
        "dots": ".".join(pairs),
        "pairs": "-".join(pairs),
        "tail": f"{number}A",
        "zeros": f"00{number}",
    }


@dataclass
class Case:
    """The people, places and numbers of one note."""

    half: Half
    rng: random.Random
    known: dict[str, str] = field(default_factory=dict)
    people: dict[str, Name] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.birth = date(1930, 1, 1) + timedelta(days=self.rng.randrange(25000))
        self.mrn = _digits(self.rng, "*#######")
        self.accession = _digits(self.rng, "*#######")

    def person(self, key: str) -> Name:
        if key not in self.people:
            pick = self.rng.choice
            self.people[key] = Name(pick(_GIVEN[self.half]), pick(_FAMILY[self.half]), pick("ABCDEFGHJKLMNPRTW"))
        return self.people[key]

    def written(self, role: str, number: str, form: str) -> str:  # noqa: PLR0911 - one way per role
        if role in {"patient", "doctor", "relative"}:
            return self.person(role + number).written(form)
        if role == "dob":
            return _date_forms(self.birth)[form]
        if role == "date":
            return _date_forms(date(2009, 1, 1) + timedelta(days=self.rng.randrange(5000)))[form]
        if role == "mrn":
            return _mrn_forms(self.mrn)[form]
        if role == "accession" and form == "plain":
            return self.accession
        if role == "age":
            return f"⟦{self.rng.randrange(90, 103)}⟧-year-old"
        return self._place(role, form) if role in {"address", "place", "institution"} else self._contact(role, form)

    def _contact(self, role: str, form: str) -> str:
        name = "".join(letter for letter in self.rng.choice(_FAMILY[self.half]).lower() if letter.isascii())
        name = re.sub(r"[^a-z]", "", name) or "x"
        if role == "email":
            return {"plain": f"{name}@example.org", "plus": f"{name}.77+mail@post.example.com"}[form]
        if role == "url":
            return f"https://portal.example.org/p/{name}?id=77"
        return _digits(self.rng, _SHAPES[role][form])

    def _place(self, role: str, form: str) -> str:
        pick, number = self.rng.choice, self.rng.randrange(2, 2400)
        city, house, street = pick(_PLACES[self.half]), pick(_HOUSES[self.half]), pick(_STREETS[self.half])
        state, zip_code = pick(("IL", "WA", "NY", "MA")), _digits(self.rng, "*####")
        postcode = _digits(self.rng, "@S* *@@").replace("C", "D").replace("K", "D").replace("M", "D").replace("V", "D")
        forms = {
            "city": city,
            "city2": city,
            "us_full": f"{number} ⟦{street}⟧ Street, ⟦{city}, {state} {zip_code}⟧",
            "street": f"{number} ⟦{street}⟧ Avenue",
            "apt": f"{number} ⟦{street}⟧ Road, Apt. ⟦4B⟧, ⟦{city}, {state}⟧",
            "suite": f"{number} N. ⟦{street}⟧ Blvd, Suite ⟦210⟧, ⟦{city}, {state} {zip_code}-1234⟧",
            "highway": f"{number} County Road ⟦{number + 7}⟧, ⟦{city}, {state}⟧",
            "uk_full": f"{number} ⟦{street}⟧ Lane, ⟦{city}, {postcode}⟧",
            "uk_upper": f"{number} ⟦{street}⟧ CLOSE, ⟦{city}⟧ ⟦{postcode}⟧".upper(),
            "city_zip": f"{city}, {state} {zip_code}",
            "po_box": f"PO Box ⟦{number}⟧, ⟦{city}, {state} {zip_code}⟧",
            "general": f"⟦{city}⟧ General Hospital",
            "memorial": f"⟦{house}⟧ Memorial Hospital",
            "clinic": f"the ⟦{house}⟧ Clinic",
            "nursing": f"⟦{house}⟧ Nursing Home",
            "royal": f"⟦{city}⟧ Royal Infirmary",
            "surgery": f"⟦{house}⟧ Surgery",
            "nhs_trust": f"⟦{city}⟧ Hospitals NHS Trust",
            "university": f"University of ⟦{city}⟧ Hospital",
            "center": f"⟦{house}⟧ Medical Center",
            "saint": f"St. ⟦{pick(('Mary', 'Luke', 'Vincent'))}⟧'s Hospital",
        }
        if role == "institution":
            return self.known.setdefault(f"institution {form}", forms[form])
        return re.sub(r"^(\d+)", r"⟦\1⟧", forms[form])


@dataclass(frozen=True)
class Identifier:
    """A value that must go: where it stands, and which of its characters identify."""

    kind: str
    start: int
    end: int
    identifying: frozenset[int]


@dataclass(frozen=True)
class BuiltNote:
    """A note, its truth, and the DICOM header that a study would carry beside it."""

    text: str
    identifiers: tuple[Identifier, ...]
    header: Dataset


_KINDS: Mapping[str, str] = {
    "patient": "name",
    "doctor": "name",
    "relative": "name",
    "initials": "name",
    "dob": "date",
    "address": "place",
    "place": "place",
}


def build_note(template: str, half: Half, rng: random.Random) -> BuiltNote:
    """Fill one template with one case."""
    case = Case(half, rng)
    text, identifiers, at = "", [], 0
    for slot in _SLOT.finditer(template):
        text += template[at : slot.start()]
        at = slot.end()
        written = slot["text"] or case.written(slot["role"], slot["number"], slot["format"] or "")
        start, identifying = len(text), set()
        marked = written if "⟦" in written else f"⟦{written}⟧"
        inside = False
        for letter in marked:
            if letter in "⟦⟧":
                inside = letter == "⟦"
                continue
            if inside and letter.isalnum():
                identifying.add(len(text))
            text += letter
        kind = _KINDS.get(slot["role"], slot["role"])
        identifiers.append(Identifier(kind, start, len(text), frozenset(identifying)))
    return BuiltNote(text + template[at:], tuple(identifiers), _header(case))


def _header(case: Case) -> Dataset:
    header, patient, doctor = Dataset(), case.person("patient"), case.person("doctor1")
    header.PatientName = f"{patient.family}^{patient.given}^{patient.middle}"
    header.PatientID = case.mrn
    header.PatientBirthDate = f"{case.birth:%Y%m%d}"
    header.AccessionNumber = case.accession
    header.ReferringPhysicianName = f"{doctor.family}^{doctor.given}"
    institutions = [name for key, name in case.known.items() if key.startswith("institution")]
    if institutions:
        header.InstitutionName = re.sub("[⟦⟧]", "", institutions[0])
    return header


def templates(half: Half) -> list[str]:
    """The templates of a half, as they are written."""
    return (TEMPLATES / f"{half}.txt").read_text(encoding="utf-8").split("=====\n")


def build_notes(half: Half, *, draws: int, seed: int = 0) -> Iterator[BuiltNote]:
    """Each template of a half, filled `draws` times."""
    rng = random.Random(f"{half} {seed}")
    for _ in range(draws):
        for template in templates(half):
            yield build_note(template, half, rng)


@dataclass
class Tally:
    """Identifiers and removed spans, counted by kind."""

    identifiers: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    wrongly: Counter[str] = field(default_factory=Counter)

    def add(self, note: BuiltNote, spans: Iterable[Span]) -> None:
        """Count one note: an identifier is found when none of its identifying characters survives."""
        removed = [span for span in spans if any(map(str.isalnum, note.text[span.start : span.end]))]
        covered = {at for span in removed for at in range(span.start, span.end)}
        for identifier in note.identifiers:
            self.identifiers[identifier.kind] += 1
            self.found[identifier.kind] += identifier.identifying <= covered
        for span in removed:
            right = any(span.start < one.end and one.start < span.end for one in note.identifiers)
            self.removed[span.kind] += 1
            self.wrongly[span.kind] += not right

    @property
    def recall(self) -> float:
        """Share of the identifiers that were found."""
        return self.found.total() / self.identifiers.total()

    @property
    def precision(self) -> float:
        """Share of the removed spans that touch an identifier."""
        return 1 - self.wrongly.total() / self.removed.total()

    @property
    def by_kind(self) -> dict[str, float]:
        """Recall of each kind."""
        return {kind: round(self.found[kind] / total, 4) for kind, total in sorted(self.identifiers.items())}


def tally(half: Half, *, header_known: bool, draws: int) -> Tally:
    """De-identify the notes of a half and count."""
    result = Tally()
    for number, note in enumerate(build_notes(half, draws=draws)):
        deidentifier = NoteDeidentifier(
            Surrogates(b"a secret for tests only"),
            patient_id=f"P{number}",
            record=RecordNames.from_dataset(note.header) if header_known else None,
        )
        result.add(note, deidentifier.clean(note.text).spans)
    return result
