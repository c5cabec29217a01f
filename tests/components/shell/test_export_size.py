"""The fields of a saved picture's size: they follow the picture until somebody types a number."""

from streamlit.testing.v1 import AppTest


def size_app():
    """A field as the dialog draws it; the switch stands for a caption, which makes the picture higher."""
    import streamlit as st

    from components.shell.export.dialog import _side_state

    own = 480 if st.checkbox("caption", key="caption") else 400
    st.number_input("height", 100, 4000, step=10, key=_side_state("height", own))


def height(at):
    return at.number_input(key="height").value


def test_a_field_follows_the_picture_until_somebody_types_another_number():
    at = AppTest.from_function(size_app).run()
    assert height(at) == 400
    at.checkbox(key="caption").check().run()
    assert height(at) == 480
    at.number_input(key="height").set_value(700).run()
    at.checkbox(key="caption").uncheck().run()
    assert height(at) == 700
    assert at.run().number_input(key="height").value == 700
    # the number that it would have anyway is followed again
    at.number_input(key="height").set_value(400).run()
    at.checkbox(key="caption").check().run()
    assert height(at) == 480
    assert not at.exception
