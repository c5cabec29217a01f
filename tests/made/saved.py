"""Saved views for tests."""

from dataclasses import replace

from dashboard.store.saved_view import ViewContent, Visitor

EVERYBODY = Visitor()
"""Without a sign-in."""
ANA, BEN, NOBODY = Visitor(True, "issuer|ana", "Ana"), Visitor(True, "issuer|ben", "Ben"), Visitor(True)
HOSTILE = "<script>alert(1)</script> **bold** $x$ [a](javascript:alert(1)) ' OR 1=1; -- % _ \\ ñ 日本 👩‍👩‍👧 \u202e"
VIEW = ViewContent(
    title="Induction in layer 1",
    page="attention",
    query="model=gpt2&prompt=zebra+lamp+zebra&attention_layer=1",
    language="en",
    note="The second zebra looks at what followed the first.",
    tags=("heads", "induction"),
    expected="A stripe.",
    control="attention?model=gpt2&prompt=zebra+lamp+river",
)


def content(**changes):
    """VIEW with other values."""
    return replace(VIEW, **changes)
