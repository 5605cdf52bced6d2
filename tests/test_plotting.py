"""What a page carries inside itself is one element, and the same whenever the same is drawn."""

from xml.etree import ElementTree

from closedloop.plotting import plain_axes, svg


def _drawn() -> str:
    figure, axes = plain_axes(4.0, 3.0)
    axes.plot([1, 2], [3, 4], "o", label="5 nm & more")
    axes.legend()
    return svg(figure)


def test_a_drawing_is_one_element_and_repeatable() -> None:
    drawn = _drawn()
    assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert _drawn() == drawn


def test_settings_hold_for_one_drawing_alone() -> None:
    figure, axes = plain_axes(4.0, 3.0)
    axes.set_title("size in nm")
    assert ">size in nm<" in svg(figure, {"svg.fonttype": "none"})
    assert ">size in nm<" not in svg(figure)
