"""Spectral norm of twins with random weights."""

from torch.nn.utils.spectral_norm import SpectralNorm


def hooks(module):
    """Those of torch.nn.utils.spectral_norm on the module itself."""
    return [hook for hook in module._forward_pre_hooks.values() if isinstance(hook, SpectralNorm)]


def settle(module):
    """Brings the vectors of the module's own spectral norm to where training would have left them."""
    for hook in hooks(module):
        for _ in range(20):
            hook.compute_weight(module, do_power_iteration=True)
