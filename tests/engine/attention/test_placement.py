"""Where a run's query and key lie is decided by bytes, and changes no weight."""

import pytest
import torch

from dashboard.engine.attention import placement
from dashboard.engine.capture.kernel_inputs import KernelInputs


def layer():
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(heads, 9, 8, generator=generator) for heads in (4, 2))
    return KernelInputs(query, key, None, 8**-0.5)


def test_the_largest_work_is_a_block_of_weights_or_of_logits():
    assert placement.work_bytes(tokens=2048, heads=32, vocab=128_256) == 4 * 4 * 256 * 128_256
    assert placement.work_bytes(tokens=8192, heads=32, vocab=128_256) == 4 * 4 * 256 * 32 * 8192


@pytest.mark.parametrize(("free", "stays"), [(None, True), (1000, True), (999, False), (0, False)])
def test_query_and_key_leave_a_device_that_has_no_room_for_the_work(free, stays):
    given = layer()
    there, none = placement.placed((given, None), free, 1000)
    assert none is None
    assert (there is given) == stays
    assert (there.computed_on is None) == stays


@pytest.mark.parametrize("heads", [None, [3, 0]])
def test_weights_are_the_same_wherever_query_and_key_lie(heads):
    given = layer()
    (moved,) = placement.placed((given,), 0, 1)
    assert torch.equal(moved.weights(heads, (2, 7)), given.weights(heads, (2, 7)))
    assert moved.device == given.device


def test_weights_are_computed_on_the_device_that_query_and_key_came_from():
    """The meta device computes shapes alone: a tensor that stayed elsewhere would show."""
    given = KernelInputs(layer().query, layer().key, None, 1.0, computed_on=torch.device("meta"))
    for heads in (None, [1]):
        assert given.weights(heads, (0, 4), 4).device.type == "meta"


def test_a_processor_has_no_memory_of_its_own_to_leave():
    assert placement.free_bytes(torch.device("cpu")) is None
