"""Files of saved views: there and back, and whatever somebody made of them."""

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import FileTooLarge
from dashboard.parsing.unreadable import Unreadable
from dashboard.store import transfer
from dashboard.store.saved_view import SavedView
from dashboard.store.transfer import MANIFEST, VIEWS, read_views, views_json, views_zip
from tests.made.saved import HOSTILE, VIEW, content

DATE = datetime(2026, 5, 1, 12, 30, 0, 123456, UTC)
SAVED = [
    SavedView("i" * 26, 3, "issuer|ana", "Ana", DATE, DATE, "gpt2", "zebra", each)
    for each in (VIEW, content(title=HOSTILE, note=HOSTILE, tags=(), shared=True, control=""))
]


def why(data):
    """The reason why a file is not read, with that of its entry."""
    with pytest.raises(Unreadable) as error:
        read_views(data)
    message = error.value.message
    inner = message.facts.get("why")
    return (message.id if inner is None else inner.id).removeprefix("saved.why.")


def document(**changes):
    """The JSON of one view with other values; ``None``: without it."""
    entry = json.loads(views_json(SAVED[:1]))["views"][0] | changes
    entry = {name: value for name, value in entry.items() if value is not None}
    return written(views=[entry])


def written(**changes):
    return json.dumps(json.loads(views_json(SAVED)) | changes).encode()


def zipped(members, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def manifest(data, **changes):
    described = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} | changes
    return json.dumps({"files": {VIEWS: described}}).encode()


@pytest.mark.parametrize("write", [views_json, views_zip])
def test_what_is_exported_is_imported(write):
    assert read_views(write(SAVED)) == [(view.content, DATE) for view in SAVED]
    assert read_views(write([])) == []


def test_a_file_says_nothing_of_the_server_and_of_the_account():
    data = views_json(SAVED).decode()
    assert "issuer" not in data
    assert "i" * 26 not in data
    assert "Ana" in data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[]", "not_ours"),
        (b'{"views": []}', "not_ours"),
        (b"\xff\xfe", "not_ours"),
        (written(views={}), "not_ours"),
        (written(version=2), "version"),
        (written(views=["text"]), "fields"),
        (document(author="root"), "fields"),
        (document(tags="heads"), "fields"),
        (document(tags=[1]), "fields"),
        (document(shared="yes"), "fields"),
        (document(note=7), "fields"),
        (document(title=None), "no_title"),
        (document(title="x" * 201), "long"),
        (document(query="x" * 150_001), "long"),
        (document(page="../../etc/passwd"), "page"),
        (document(page="http://elsewhere.example"), "page"),
        (document(control="javascript:alert(1)"), "control"),
        (document(language="<b>"), "language"),
        (document(note="a\0"), "characters"),
        (document(tags=["b", "a"]), "tags"),
        (document(created="yesterday"), "date"),
        (document(created="2026-05-01T00:00:00"), "date"),
        (document(created="0001-01-01T00:00:00+23:59"), "date"),
        (document(created=None), "date"),
    ],
)
def test_a_file_that_was_changed_is_refused_with_the_reason(data, reason):
    assert why(data) == reason


def test_an_entry_that_cannot_be_read_is_named_by_its_number():
    entries = json.loads(views_json(SAVED))["views"]
    with pytest.raises(Unreadable) as error:
        read_views(written(views=[entries[0], entries[1] | {"title": ""}]))
    assert error.value.message.facts["number"] == 2


def test_a_zip_is_read_only_when_it_is_what_was_exported():
    data = views_json(SAVED)
    whole = views_zip(SAVED)
    cases = {
        "names": [
            zipped([(VIEWS, data)]),
            zipped([(VIEWS, data), (MANIFEST, manifest(data)), ("../evil", b"")]),
            zipped([("../" + VIEWS, data), (MANIFEST, manifest(data))]),
            zipped([]),
        ],
        "hash": [
            zipped([(VIEWS, data + b" "), (MANIFEST, manifest(data))]),
            zipped([(VIEWS, data), (MANIFEST, manifest(data, sha256="0" * 64))]),
            zipped([(VIEWS, data), (MANIFEST, manifest(data, bytes=1))]),
            zipped([(VIEWS, data), (MANIFEST, b"[]")]),
        ],
        "zip": [whole[:-30], whole[:100], b"PK", b"PK\x03\x04" + b"\0" * 100, whole.replace(data[:0], b"")[:60]],
    }
    for reason, files in cases.items():
        for file in files:
            assert why(file) == reason


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_file_twice_is_refused():
    data = views_json(SAVED)
    assert why(zipped([(VIEWS, data), (VIEWS, data), (MANIFEST, manifest(data))])) == "names"


def test_an_encrypted_zip_is_refused():
    whole = bytearray(views_zip(SAVED))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = whole.find(signature)
        while at >= 0:
            whole[at + flags] |= 1
            at = whole.find(signature, at + 4)
    assert why(bytes(whole)) == "zip"


def test_sizes_are_looked_at_before_anything_is_unpacked(monkeypatch):
    monkeypatch.setattr(transfer, "MOST_VIEWS_BYTES", 5_000_000)
    bomb = b" " * 5_000_001
    with pytest.raises(FileTooLarge):
        read_views(zipped([(VIEWS, bomb), (MANIFEST, manifest(bomb))]))
    with pytest.raises(FileTooLarge):
        read_views(zipped([(VIEWS, b"{}"), (MANIFEST, b" " * 10_001)]))
    # one that lies about its size is read no further than that
    lying = bytearray(zipped([(VIEWS, bomb), (MANIFEST, manifest(bomb))]))
    at = lying.find(b"PK\x01\x02")
    lying[at + 24 : at + 28] = (10).to_bytes(4, "little")
    assert why(bytes(lying)) in {"zip", "hash"}
    monkeypatch.setattr(transfer, "MOST_FILE_BYTES", 10)
    with pytest.raises(FileTooLarge):
        read_views(views_json(SAVED))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_by_a_method_that_unpacks_without_bound_is_refused_unread(method):
    """Python's reader unpacks these whole, whatever size the zip says: a thousand bytes become a gigabyte."""
    data = views_json(SAVED)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(MANIFEST, manifest(data))
        archive.writestr(VIEWS, data)
    assert why(buffer.getvalue()) == "zip"
    broken = bytearray(buffer.getvalue())
    broken[60:80] = b"\xff" * 20
    assert why(bytes(broken)) == "zip"


def test_more_views_than_are_read_at_once_are_refused(monkeypatch):
    monkeypatch.setattr(transfer, "MOST_IMPORTED", 1)
    assert why(views_json(SAVED)) == "many"


WHOLE = (views_json(SAVED), views_zip(SAVED))


@given(st.sampled_from(WHOLE), st.data())
def test_a_file_that_was_changed_anywhere_is_read_or_refused_in_words(whole, data):
    """Any byte, any cut: the views of the file, or a reason; never anything else."""
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(
        st.sampled_from(
            [whole[:at], whole[:at] + b"\0" + whole[at + 1 :], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]]
        )
    )
    try:
        views = read_views(changed)
    except (Unreadable, FileTooLarge):
        return
    if changed[:2] == b"PK":  # the hash holds
        assert views == [(view.content, DATE) for view in SAVED]
