"""How the phantom's notes speak of each context. `{…}` is filled by the note writer; everything else stands as it is.

No phrase but a `distractor` names a finding, and none says anything of what an image would show.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from mediscan.phantom.rules import Context


class Wording(NamedTuple):
    """How a note speaks of a context.

    Args:
        complaint: States it, as a clause of the indication.
        history: States it, as a sentence; the sentence at the same place as a complaint tells the same story.
        sign: A sign of it at the examination; only beside a statement.
        denied: Says that it is absent, as a sentence of the history.
        unremarkable: Says at the examination that nothing of it is there.
        distractor: Names it without the patient having it now; independent of whether the patient does.
    """

    complaint: tuple[str, ...]
    history: tuple[str, ...]
    sign: tuple[str, ...]
    denied: tuple[str, ...]
    unremarkable: tuple[str, ...]
    distractor: tuple[str, ...]


WORDING: Mapping[Context, Wording] = MappingProxyType(
    {
        Context.INFECTION: Wording(
            complaint=(
                "fever and cough",
                "fever, chills and productive cough x {days} days",
                "cough with yellow sputum and fever",
                "{days} days of fever, wet cough and malaise",
                "worsening cough and fever",
                "fever/cough since {weekday}",
                "high temperature and wet cough",
            ),
            history=(
                "Fever and cough for {days} days.",
                "Reports shaking chills, fever up to {fever} and a productive cough.",
                "Febrile at home, bringing up yellow sputum.",
                "Symptoms started {days} days ago with fever, then cough and malaise.",
                "Pt c/o cough and fever, worse at night.",
                "Has had fevers up to {fever} and a productive cough since {weekday}.",
                "Developed fever with a wet cough after a family gathering.",
            ),
            sign=(
                "Febrile, coughing during the examination.",
                "Flushed, rigors seen.",
                "Looks ill, productive cough at the bedside.",
            ),
            denied=(
                "Denies fever or cough.",
                "Denies fever, chills and cough.",
                "No fever, no cough.",
                "No infectious symptoms.",
                "Has not had fever, cough or chills.",
                "Pt denies cough; no fevers at home.",
                "Negative for fever, cough, sick contacts.",
            ),
            unremarkable=(
                "Afebrile, no cough.",
                "Afebrile.",
                "Not febrile, no chills.",
            ),
            distractor=(
                "Mother had pneumonia in {year}.",
                "Flu shot last week.",
                "Treated for pneumonia as a child.",
                "Lives with a nephew who had a fever last month.",
                "Cough and fever in {year}, resolved with antibiotics.",
                "Vaccinated against pneumonia in {year}.",
                "A cousin is in hospital with fever and cough.",
            ),
        ),
        Context.TRAUMA: Wording(
            complaint=(
                "fall down stairs",
                "s/p fall from ladder",
                "s/p MVC",
                "MVC today as restrained driver",
                "blunt chest trauma after a fall",
                "s/p pedestrian vs car {hours} h ago",
                "fall off a bicycle, chest wall hurt",
            ),
            history=(
                "Slipped on the stairs {hours} hours ago and struck the chest on a step.",
                "Fell from a ladder about {hours} hours ago and landed on the chest.",
                "Involved in a motor vehicle collision earlier today, airbags deployed.",
                "S/p MVC {hours} h ago, seat belt worn.",
                "Brought in by ambulance after a fall from {metres} m.",
                "Struck by a car while crossing the road today, no LOC.",
                "Came off a bicycle today and hit the handlebar, no LOC.",
            ),
            sign=(
                "Fresh grazes across the chest.",
                "Bruising and tenderness over the chest wall.",
                "Abrasions on the chest wall and both hands.",
            ),
            denied=(
                "No hx of trauma.",
                "Denies any fall or injury.",
                "No recent trauma.",
                "No fall, no accident.",
                "Denies trauma or MVC.",
                "Has not fallen.",
                "Negative for injury.",
            ),
            unremarkable=("No bruising.", "No signs of injury.", "Chest wall not tender, skin intact."),
            distractor=(
                "Works as a trauma nurse.",
                "Fracture of the wrist in childhood.",
                "MVC in {year}, fully recovered.",
                "Fell off a horse at age 12.",
                "Son was in a car accident last year.",
                "Attends a falls prevention class.",
                "Hip fracture repaired in {year}.",
            ),
        ),
        Context.HEART_FAILURE: Wording(
            complaint=(
                "hx CHF, orthopnea",
                "known heart failure, worsening leg swelling",
                "decompensated HF",
                "orthopnoea and leg swelling, known HF",
                "h/o heart failure, legs swollen",
                "HFrEF, three-pillow orthopnea",
                "acute on chronic heart failure",
            ),
            history=(
                "PMH: CHF on diuretics, increasing orthopnoea.",
                "Known CHF, ran out of furosemide {days} days ago, legs swelling since.",
                "Hx of HF (EF {ef}%), now sleeping upright.",
                "Has ischaemic cardiomyopathy with heart failure, PND for {days} nights.",
                "History of heart failure with orthopnea and swollen legs.",
                "Heart failure clinic patient (EF {ef}%), wakes breathless at night.",
                "Admitted last month for heart failure, leg swelling is back.",
            ),
            sign=(
                "JVP raised, legs pitting to the knees.",
                "Raised JVP, swollen ankles.",
                "Neck veins distended, both legs pitting.",
            ),
            denied=(
                "No known cardiac disease.",
                "Denies orthopnea or leg swelling.",
                "No hx of heart failure.",
                "No CHF, echo normal in {year}.",
                "No PND, no ankle swelling.",
                "Negative for heart failure, sleeps flat.",
                "Never had heart trouble.",
            ),
            unremarkable=("JVP not raised, no leg swelling.", "No ankle swelling.", "Legs not swollen."),
            distractor=(
                "Father had heart failure.",
                "Family hx of CHF on the mother's side.",
                "Cares for a brother who has heart failure.",
                "Sister takes water tablets for heart failure.",
                "Sprained ankle, swollen, in {year}, healed.",
                "Asked about heart failure after a TV programme.",
                "Leg swelling after a long flight in {year}.",
            ),
        ),
        Context.CONSTITUTIONAL: Wording(
            complaint=(
                "weight loss and haemoptysis",
                "{kilos} kg weight loss, {packs} pack-years",
                "hemoptysis x {days} days, heavy smoker",
                "unintentional weight loss, {packs} pack-years",
                "wt loss, night sweats, current smoking",
                "blood-streaked sputum and weight loss",
                "loss of appetite and weight, bringing up blood",
            ),
            history=(
                "{packs} pack-year smoker with haemoptysis and weight loss.",
                "Lost {kilos} kg over {months} months without trying, smokes ({packs} pack-years).",
                "Heavy smoker, hemoptysis for {days} days and losing weight.",
                "Unintentional weight loss of {kilos} kg and poor appetite.",
                "Night sweats and weight loss for {months} months, long-term smoker.",
                "Heavy smoker, has brought up blood twice this week.",
                "Clothes have become loose, wt down {kilos} kg, still smokes.",
            ),
            sign=(
                "Cachectic, fingers clubbed.",
                "Thin, temporal wasting, nicotine-stained fingers.",
                "Cachectic.",
            ),
            denied=(
                "No weight loss, never smoker.",
                "Denies haemoptysis or weight loss.",
                "Never smoked, weight stable.",
                "No hemoptysis, no night sweats.",
                "Weight stable, appetite good.",
                "Non-smoker, no wt loss.",
                "Denies smoking, no blood brought up.",
            ),
            unremarkable=("Well nourished.", "Good nutritional state, no clubbing.", "No clubbing."),
            distractor=(
                "Aunt died of lung cancer.",
                "Flatmate smokes on the balcony.",
                "Lost weight on purpose in {year} with a diet club.",
                "Grandfather was a heavy smoker.",
                "Nosebleeds in {year}, cauterised.",
                "Runs a weight loss blog.",
                "Works in a shop that sells tobacco.",
            ),
        ),
    }
)
