"""How the notes of the laterality task say where it hurts, and why else they name a side.

`{side}` is right or left, `{Side}` the same with a capital, `{S}` R or L.
"""

PAIN_COMPLAINTS = (
    "{side}-sided chest pain",
    "chest pain on the {side}",
    "pain in the {side} chest",
    "{side} sided pleuritic pain",
    "pain on the {side} side of the chest",
    "stabbing {side} chest pain x {days} days",
    "{side} chest wall pain since {weekday}",
    "sharp pain in the {side} ribs on breathing in",
    "aching in the {side} side of the thorax",
    "{S}-sided chest pain",
)
"""As a clause of the indication."""

PAIN_STORIES = (
    "{Side}-sided chest pain for {days} days, worse on breathing in.",
    "Chest hurts on the {side} since {weekday}.",
    "Points to the {side} chest where it hurts.",
    "The pain is in the {side} chest and came on {hours} hours ago.",
    "Woke up with pain in the {side} side of the chest.",
    "Reports sharp pain under the {side} ribs.",
    "Pt c/o pain in the {side} chest, worse when coughing.",
)
"""As a sentence of the history."""

ASIDES = (
    "{Side} knee replaced in {year}.",
    "{Side}-handed.",
    "Broke the {side} wrist in {year}.",
    "Hearing aid in the {side} ear.",
    "Cataract surgery on the {side} eye in {year}.",
    "Sprained {side} ankle in {year}, healed.",
    "Blood taken from the {side} arm.",
    "Carpal tunnel release on the {side} in {year}.",
    "{Side} inguinal hernia repaired in {year}.",
    "Sleeps on the {side} side.",
    "Scar on the {side} forearm from childhood.",
)
"""Sides that have nothing to do with the pain."""
