"""Who looks at saved views: as the sign-in knows the person, where the operator has set one up."""

from __future__ import annotations

import streamlit as st

from components.shell.messages import quiet
from dashboard.i18n import Catalogue
from dashboard.store.saved_view import Visitor


def visitor() -> Visitor:
    """The person of this session."""
    signed_in = st.user.get("is_logged_in")
    if signed_in is None:
        return Visitor()
    if not signed_in:
        return Visitor(sign_in=True)
    facts = {name: str(st.user.get(name) or "") for name in ("iss", "sub", "email", "name", "preferred_username")}
    name = facts["name"] or facts["preferred_username"] or facts["email"]
    return Visitor(True, f"{facts['iss']}|{facts['sub'] or facts['email']}"[:600], name[:300])


def who_sees(text: Catalogue, person: Visitor) -> None:
    """Say who sees what is saved here, and offer what there is of a sign-in."""
    if not person.sign_in:
        quiet(text("saved.everybody"))
    elif person.id:
        quiet(text("saved.own", name=person.name or person.id))
        st.button(text("saved.sign_out"), key="saved_sign_out", on_click=st.logout, type="tertiary")
    else:
        quiet(text("saved.nobody"))
        st.button(text("saved.sign_in"), key="saved_sign_in", on_click=st.login, icon=":material/login:")
