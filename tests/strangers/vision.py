"""Imports torchvision where its compiled operators cannot be loaded: PyPI's wheel wants CUDA's libraries, which PyTorch
for processors alone does not bring. No model here needs them, but the import does, for the names of two operators."""

import sys

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision  # noqa: F401
