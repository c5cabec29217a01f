"""Scratch buffers: the asked shape and dtype; memory of one dtype is used again, and grows."""

import torch

from dashboard.engine.device.scratch_buffers import ScratchBuffers


def test_memory_of_one_dtype_is_used_again_and_grows_where_more_is_asked():
    scratch = ScratchBuffers()
    first = scratch.get((2, 3), torch.float32)
    first.fill_(7)
    assert scratch.get((6,), torch.float32).tolist() == [7] * 6
    assert scratch.get((5, 4), torch.float32).shape == (5, 4)
    assert scratch.get((2, 3), torch.float32).data_ptr() != first.data_ptr()


def test_another_dtype_has_memory_of_its_own():
    scratch = ScratchBuffers()
    numbers = scratch.get((4,), torch.float32)
    integers = scratch.like(torch.zeros(2, 2, dtype=torch.int64))
    assert (integers.dtype, integers.shape) == (torch.int64, (2, 2))
    assert integers.data_ptr() != numbers.data_ptr()
