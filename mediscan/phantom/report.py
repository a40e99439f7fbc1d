"""The report of a radiologist who sees the images and knows no more: what is there, how large, on which side.

Measures are those of the drawing at a nominal scale, rounded; everything that is named can be seen at 128 pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mediscan.phantom import report_words as words
from mediscan.phantom.anatomy import Anatomy
from mediscan.phantom.image import Shot
from mediscan.phantom.lesions import Lesion
from mediscan.phantom.rules import Pattern, Side, Zone
from mediscan.phantom.variants import Device
from mediscan.study import Sex

REPORT_SECTIONS = ("findings", "impression")
"""Written by whoever saw the image, so never among the sections that a model reads by default."""

_CM_PER_UNIT = 20.0
_BENT = 0.03
_RAISED_CM = 1.6


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One sentence of the findings.

    Args:
        text: As it stands.
        pattern: Which pattern it speaks of, if any.
        present: Whether it says that this is there.
        side: The side it names.
        zone: The zone it names.
    """

    text: str
    pattern: Pattern | None = None
    present: bool = True
    side: Side | None = None
    zone: Zone | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """A written report: section → text, and the sentences of its findings."""

    sections: Mapping[str, str]
    statements: tuple[Statement, ...]


def write_report(
    rng: np.random.Generator,
    anatomy: Anatomy,
    *,
    lesions: Sequence[Lesion],
    shots: Sequence[Shot],
    device: Device | None,
) -> Report:
    """Write a report; contexts, age and note are not known to whoever writes it.

    Args:
        rng: Chooses words and order, never content.
        anatomy: The chest without lesions.
        lesions: What is drawn in it.
        shots: The views, the frontal one first.
        device: What is implanted.
    """
    teller = _Teller(rng)
    drawn = {lesion.pattern: lesion for lesion in lesions}
    heart = drawn.get(Pattern.ENLARGED_HEART)
    lungs = [
        teller.lesion(drawn[pattern], anatomy) if pattern in drawn else teller.absent(pattern)
        for pattern in words.FINDING_FORMS
    ]
    frame = [teller.device(device), teller.spine(anatomy), *teller.soft_parts(anatomy)]
    if Pattern.EFFUSION not in drawn:  # which would hide the diaphragm
        frame.append(teller.diaphragm(anatomy))
    rest = [*lungs, teller.heart(heart.size if heart else anatomy.ctr), *frame]
    statements = [*teller.technique(shots, anatomy), *(rest[int(index)] for index in rng.permutation(len(rest)))]
    text = {"findings": " ".join(statement.text for statement in statements), "impression": teller.summary(lesions)}
    return Report(sections=text, statements=tuple(statements))


class _Teller:
    """Chooses words."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def say(self, forms: Sequence[str], **values: object) -> str:
        """One of some forms, filled, its first letter a capital."""
        text = forms[int(self.rng.integers(len(forms)))].format(**values)
        return text[0].upper() + text[1:]

    def technique(self, shots: Sequence[Shot], anatomy: Anatomy) -> list[Statement]:
        """How the image was taken."""
        shot = shots[0]
        said = [self.say(words.TECHNIQUE[shot.position], views=words.VIEWS[len(shots) > 1])]
        degrees = shot.pose.rotation_deg
        side = Side.LEFT if degrees > 0 else Side.RIGHT
        if abs(degrees) >= 1:
            grade = _grade(abs(degrees), words.LEAN_GRADES, (2, 3.5))
            said.append(self.say(words.LEANING, grade=grade, side=side, degrees=round(abs(degrees))))
        else:
            said.append(self.say(words.UPRIGHT))
        tall = (max(anatomy.base.values()) - anatomy.apex) * _CM_PER_UNIT
        grade = _grade(tall, words.INSPIRATION, (25, 26.5, 28))
        said.append(self.say(words.INSPIRATION_FORMS, grade=grade, cm=round(tall)))
        said.append(self.say(words.MARKER if shot.exposure.marker else words.NO_MARKER))
        if shot.exposure.border:
            said.append(self.say(words.COLLIMATED))
        return [Statement(text=text) for text in said]

    def heart(self, ctr: float) -> Statement:
        """Heart size, allowing for the projection."""
        grade = _grade(ctr, words.HEART_GRADES, (0.41, 0.46, 0.50, 0.57, 0.61))
        text = self.say(words.HEART_FORMS, grade=grade, ctr=f"{ctr:.2f}", percent=round(ctr * 100))
        return Statement(text=text, pattern=Pattern.ENLARGED_HEART, present=ctr > 0.5)

    def lesion(self, lesion: Lesion, anatomy: Anatomy) -> Statement:
        """A lesion of the lung: where, how large, how dense."""
        size = lesion.size * _CM_PER_UNIT
        side = None if lesion.side is Side.BOTH else lesion.side
        values: dict[str, object] = {"side": side, "zone": lesion.zone}
        match lesion.pattern:
            case Pattern.FOCAL_OPACITY:
                # Its rim fades out: what is seen of it is four fifths.
                values |= {"width": round(size * 1.6), "height": round(size * 1.6 * lesion.stretch)}
                values["density"] = _grade(lesion.strength, words.OPACITY_DENSITY, (0.73, 0.82))
                values["shape"] = _grade(lesion.stretch, words.OPACITY_SHAPE, (0.95, 1.18))
            case Pattern.NODULE:
                values["width"] = f"{size * 1.8:.1f}"
            case Pattern.EFFUSION:
                values |= {"grade": _grade(lesion.size, words.EFFUSION_GRADES, (0.43, 0.53)), "height": round(size)}
            case _:
                values["grade"] = _grade(lesion.strength, words.HAZE_GRADES, (0.21, 0.30))
        half = float(anatomy.cavity(np.array([lesion.height]))[0])
        values["place"] = _grade(lesion.beside / half, words.PLACES, (0.52, 0.66))
        text = self.say(words.FINDING_FORMS[lesion.pattern], **values)
        return Statement(text=text, pattern=lesion.pattern, side=side, zone=lesion.zone)

    def absent(self, pattern: Pattern) -> Statement:
        """That a pattern is not there."""
        return Statement(text=self.say(words.ABSENT[pattern]), pattern=pattern, present=False)

    def diaphragm(self, anatomy: Anatomy) -> Statement:
        """Which side is higher, and by how much."""
        lower = (anatomy.base[Side.LEFT] - anatomy.base[Side.RIGHT]) * _CM_PER_UNIT
        side = Side.RIGHT if lower > 0 else Side.LEFT
        forms = words.RAISED if abs(lower) >= _RAISED_CM else words.LEVEL
        return Statement(text=self.say(forms, side=side, cm=f"{abs(lower):.1f}"))

    def spine(self, anatomy: Anatomy) -> Statement:
        """Whether it is bent, and where to. At mid-chest a positive bend leads towards the patient's right."""
        if abs(anatomy.scoliosis) < _BENT:
            return Statement(text=self.say(words.STRAIGHT))
        return Statement(text=self.say(words.BENT, side=Side.RIGHT if anatomy.scoliosis > 0 else Side.LEFT))

    def device(self, device: Device | None) -> Statement:
        """What is implanted."""
        if device is None:
            return Statement(text=self.say(words.NO_DEVICE))
        return Statement(text=self.say(words.DEVICES[device.kind], side=device.side))

    def soft_parts(self, anatomy: Anatomy) -> list[Statement]:
        """Breasts and chest wall."""
        breasts = (
            (_grade(anatomy.bust, words.BREASTS, (0.45, 0.75)),) if anatomy.sex is Sex.FEMALE else words.NO_BREASTS
        )
        wall = _grade(anatomy.wall, words.WALL, (0.09, 0.14))
        return [Statement(text=self.say(breasts)), Statement(text=wall)]

    def summary(self, lesions: Sequence[Lesion]) -> str:
        """The impression."""
        if not lesions:
            return self.say(words.NOTHING)
        said = [self.say(words.SUMMARY[lesion.pattern], side=lesion.side, zone=lesion.zone) for lesion in lesions]
        return " ".join(f"{said[int(index)]}." for index in self.rng.permutation(len(said)))


def _grade(value: float, grades: Sequence[str], limits: Sequence[float]) -> str:
    """The grade of a value: the first below the first limit, the last from the last limit on."""
    return grades[int(np.searchsorted(limits, value, side="right"))]
