"""The note with its marked spans, and what image and note each contributed."""

from dataclasses import dataclass
from typing import Self

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards import markup, words
from mediscan.diagnosis import Evidence
from mediscan.study import Study


@dataclass(frozen=True)
class Pane:
    """Places on the page that are filled at once, and where needed again when the evidence is there."""

    shares: DeltaGenerator
    text: DeltaGenerator
    legend: DeltaGenerator

    @classmethod
    def reserve(cls, *, redrawn: bool) -> Self:
        """Reserve the places where the page now stands.

        Args:
            redrawn: Whether `show` will be called a second time, when the evidence is there.
        """
        place = st.empty if redrawn else st.container
        shares = place()
        st.html('<div class="ms-head">Note</div>')
        with st.container(height=250, border=True):
            text = place()
        return cls(shares, text, place())

    def show(self, study: Study, why: Evidence | None) -> None:
        """The note as it was written, or with its spans and the shares once the evidence is there."""
        note = markup.note(study.written_sections, why.spans if why else ())
        self.text.html(note or '<span class="ms-muted">There is no note.</span>')
        if why is None:
            return
        shares = dict(why.shares)
        heading = f'<div class="ms-head">Why “{markup.text(words.finding(why.finding))}”</div>'
        self.shares.html(f"{heading}<div>{markup.text(words.shares(shares))}</div>{markup.shares(shares)}")
        if note:
            self.legend.html(markup.note_legend())
