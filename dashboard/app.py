"""Entry of the dashboard: ``streamlit run dashboard/app.py``. Sidebar first, then the page inside the error frame."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # streamlit puts only this file's folder on the path
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from components.lessons.card import LessonCard  # noqa: E402
from components.report import restoring  # noqa: E402
from components.report.collecting import Collector  # noqa: E402
from components.sampling import generation_task  # noqa: E402
from components.saved import save, visitor  # noqa: E402
from components.sharing import check, opened, share, stored  # noqa: E402
from components.shell import link, sidebar, waiting  # noqa: E402
from components.shell.export import embedded  # noqa: E402
from components.shell.page.page_notebook import page_notebook  # noqa: E402
from components.shell.page.page_style import page_bar, page_head, page_look, tab_icon  # noqa: E402
from components.shell.view import current, error_frame  # noqa: E402
from dashboard import cache  # noqa: E402
from dashboard.i18n import Catalogue, pick_language  # noqa: E402
from dashboard.navigation import PAGES, page_file  # noqa: E402
from dashboard.process import collection  # noqa: E402

tab_icon()
with error_frame(Catalogue(pick_language(None, st.context.locale, "auto")), last=True):
    cache.settings()
link.read_link()
stored.read_stored()
restoring.turn()
embedded.begin()
waiting.run_begins()
text = sidebar.language_picker()
# before st.navigation: widgets that are made after it would lose a cold link's values
sidebar.view_controls(text)
slugs = {
    st.Page(
        page_file(entry.slug),
        title=text(f"{entry.slug}.title"),
        icon=entry.icon,
        url_path="" if entry is PAGES[0] else entry.slug,
        default=entry is PAGES[0],
    ): entry.slug
    for entry in PAGES
}
# the default page is served at the root alone: at its own name Streamlit would say "Page not found" above it
named = st.Page(
    page_file(PAGES[0].slug),
    title=text(f"{PAGES[0].slug}.title"),
    icon=PAGES[0].icon,
    url_path=PAGES[0].slug,
    visibility="hidden",
)
slugs[named] = PAGES[0].slug
page = st.navigation(list(slugs), position="top")
generation_task.page_turned(slugs[page])
page_look(text, page.title)
page_bar([entry for entry in slugs if entry is not named])
notices = st.container()
with share.page_actions() as actions:
    page_head(text, slugs[page], current().prompt)
sharing = share.share_button(text, actions)
saving = save.save_button(text, slugs[page], actions)
opened.read_opened(slugs[page])
current().check = check.checked_foot
current().collector = Collector(current(), slugs[page])
restoring.tour_line(text, slugs[page])
lesson = LessonCard(text, slugs[page])
with error_frame(text):
    page.run()
    page_notebook(current(), slugs[page])
lesson.ask()
opened.compare_opened(current(), slugs[page], notices)
share.share_link(current(), slugs[page], sharing, may_store=visitor.visitor().may_save)
if saving:
    save.save_dialog(current(), slugs[page], share.whole_link(current()), share.missing(current(), slugs[page]))
current().shown.clear()
with notices:  # after the page: its controls know best which values of a link do not fit
    sidebar.link_notices(text)
embedded.end(text)
collection.PAGES.now_and_then()
restoring.next_view(at_work=generation_task.at_work())
