"""What the phantom's notes say beside the contexts, and how words are misspelt."""

from collections.abc import Mapping
from types import MappingProxyType

PAIN = (
    "{side}-sided chest pain",
    "chest pain on the {side}",
    "pain in the {side} chest",
    "{side} sided pleuritic pain",
    "pain on the {side} side of the chest",
)
"""Where it hurts; `{side}` is right or left."""

COMPLAINTS = ("SOB", "shortness of breath", "dyspnea on exertion", "fatigue", "dizziness", "palpitations", "poor sleep")
"""Complaints that fit any context."""

QUESTIONS = (
    "R/o acute process.",
    "Please evaluate.",
    "? acute cardiopulmonary disease.",
    "Eval for acute pathology.",
    "Any acute change?",
    "Compare with prior if available.",
    "Chest film requested.",
)
"""How an indication ends."""

BACKGROUND = (
    "PMH: hypertension.",
    "Type 2 diabetes on metformin.",
    "Hypothyroidism on levothyroxine.",
    "Appendectomy in {year}.",
    "Hx migraine.",
    "Knee pain for years, takes paracetamol.",
    "NKDA.",
    "Allergic to penicillin.",
    "Lives with family.",
    "Lives alone, independent.",
    "Works in an office.",
    "Grew up on a farm.",
    "Drinks alcohol at weekends.",
    "GERD on omeprazole.",
    "Gallbladder removed in {year}.",
    "Takes vitamin D.",
    "Anxiety, followed by the GP.",
    "Seen by the GP yesterday.",
    "History taken through an interpreter.",
    "No recent travel.",
    "Wears glasses.",
    "Hearing aid on both sides.",
)
"""History that bears on no context."""

SIGNS = (
    "Alert and oriented.",
    "Heart sounds regular.",
    "Abdomen soft, non-tender.",
    "Speaks in full sentences.",
    "Neuro grossly intact.",
    "Bowel sounds present.",
    "Auscultation limited by noise.",
    "Cooperative.",
    "Mucous membranes moist.",
    "Pupils equal and reactive.",
    "Walks unaided.",
)
"""Signs that bear on no context."""

MISSPELLINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "fever": ("fevr", "feaver"),
        "cough": ("couhg", "coough"),
        "productive": ("prodctive",),
        "swelling": ("sweling", "swellling"),
        "failure": ("failiure", "faliure"),
        "weight": ("wieght", "weigth"),
        "haemoptysis": ("haemoptisis", "hemoptisys"),
        "hemoptysis": ("hemoptisis",),
        "orthopnea": ("orthopena",),
        "trauma": ("truama",),
        "history": ("histroy",),
        "denies": ("denise", "denys"),
        "shortness": ("shortnes",),
        "breath": ("breth",),
        "chest": ("chset",),
        "patient": ("pateint",),
        "hypertension": ("hypertention",),
        "diabetes": ("diabetis",),
        "smoker": ("smokr",),
        "fracture": ("fractrue",),
        "collision": ("colision",),
        "ambulance": ("ambulence",),
        "symptoms": ("symtoms",),
        "examination": ("examinaton",),
    }
)
"""Word → how a hurried writer may spell it."""
