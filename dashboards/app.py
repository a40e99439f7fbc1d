"""Entry point of the dashboard: opens the workspace and shows the page that the address names."""

import streamlit as st

from dashboards import figures, markup, state, words
from dashboards.views import case, worklist
from mediscan.errors import MediscanError

st.set_page_config(page_title="mediscan", page_icon=figures.icon(), layout="wide")
st.html(markup.STYLE)
pages = {
    "worklist-page": st.Page(worklist.show, title="Worklist", url_path="worklist", default=True),
    "case-page": st.Page(case.show, title="Case", url_path="case"),
}
st.session_state.update(pages)
page = st.navigation(list(pages.values()), position="hidden")
try:
    state.workspace()
except MediscanError as error:
    st.error(words.plain(str(error)))
    st.stop()
page.run()
