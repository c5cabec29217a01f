"""Report: charts from any page in one document, with captions: as a page, as a zip, and as a link."""

from components.report.listing import listing
from components.shell.view import current

listing(current())
