"""Imported once, by the process that `generate_operators` forks: what every export otherwise spends seconds on."""

from __future__ import annotations

import functools
import logging

import torch
from torch.onnx._internal.exporter._registration import ONNXRegistry

from convlint.analyzer.torch_facts.generate import quiet
from convlint.analyzer.torch_facts.generate_operators import Sampled, lowered

logging.disable(logging.WARNING)
torch.set_num_threads(1)  # a process with threads is not to be forked
ONNXRegistry.from_torchlib = staticmethod(functools.cache(ONNXRegistry.from_torchlib))  # type: ignore[method-assign]
quiet()
lowered(Sampled(torch.abs, [torch.ones(2)], {}), through_export=True)
