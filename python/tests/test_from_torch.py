"""Networks of PyTorch, where it is installed: ./dev test python --with-torch."""

import importlib

import numpy as np
import pytest
import upconv
from goldens import GOLDEN

torch = pytest.importorskip("torch")
nn = torch.nn


def dcgan(width: int = 8):
    return nn.Sequential(
        nn.ConvTranspose2d(16, width * 2, 4, bias=False), nn.BatchNorm2d(width * 2), nn.ReLU(True),
        nn.ConvTranspose2d(width * 2, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True),
        nn.ConvTranspose2d(width, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def vocoder():
    return nn.Sequential(nn.Conv1d(8, 32, 7, padding=3), nn.LeakyReLU(0.1), nn.ConvTranspose1d(32, 16, 8, 4, 2),
                         nn.LeakyReLU(0.1), nn.Conv1d(16, 1, 7, padding=3), nn.Tanh())  # fmt: skip


NETWORKS = [
    (dcgan, (16, 1, 1)),
    (vocoder, (8, 50)),
    (lambda: nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Unflatten(1, (3, 2, 2)), nn.Upsample(scale_factor=2)), (5,)),
    (lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.InstanceNorm2d(8), nn.PixelShuffle(2)), (3, 20, 30)),
]


@pytest.mark.parametrize("make, shape", NETWORKS)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_equal_to_eager(make, shape, batch):
    torch.manual_seed(0)
    module = make()
    module.train()
    net = upconv.from_torch(module)
    assert module.training and all(part.training for part in module.modules())
    x = torch.randn(batch, *shape)
    module.eval()
    with torch.no_grad():
        expected = module(x)
    got = net(x)
    assert isinstance(got, torch.Tensor)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(net(x.numpy()), got.numpy())


@pytest.mark.parametrize("name", sorted(path.stem for path in (GOLDEN / "twins").glob("*.py")))
def test_networks_of_others(name, monkeypatch):
    """The twins of examples/, which are written as their authors wrote them."""
    monkeypatch.syspath_prepend(GOLDEN)
    twin = importlib.import_module(f"twins.{name}")
    networks = importlib.import_module("networks")
    torch.manual_seed(0)
    module = twin.twin().eval()
    getattr(twin, "fill", networks.fill)(module)
    inputs = twin.inputs()
    net = upconv.from_torch(module, inputs)
    with torch.no_grad():
        expected = module(*inputs)
    got = net(*inputs)
    for one, other in zip(*((x,) if isinstance(x, torch.Tensor) else x for x in (got, expected)), strict=True):
        assert torch.equal(one, one) and (one - other).abs().max() <= 2e-5 * other.abs().max()
    assert set(net.state_dict()) <= set(module.state_dict())


def test_torch_shares_memory():
    net = upconv.parse_module("ReLU()")
    y = net(torch.ones(4, requires_grad=True))
    again = torch.from_numpy(y.numpy())
    assert again.data_ptr() == y.data_ptr()


def test_calls_see_changes():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    net, x = upconv.from_torch(module), torch.randn(2, 4)
    before = net(x)
    assert torch.equal(net(x), before)
    other = {name: 2 * value.detach() for name, value in module.state_dict().items()}
    net.load_state_dict(other)
    after = net(x)
    assert not torch.equal(after, before)
    module.load_state_dict(other)
    torch.testing.assert_close(after, module(x).detach(), rtol=0, atol=1e-6)
    net.set_options(algorithm="none such")
    with pytest.raises(upconv.Error, match="none such"):
        net(x)
    net.set_options()
    assert torch.equal(net(x), after)
    assert torch.equal(net(x[:1]), after[:1]) and torch.equal(net(x), after)


def test_tensors_of_any_kind():
    net = upconv.parse_module("LeakyReLU(1.0)")
    x = torch.randn(3, 4)
    for one in (x, nn.Parameter(x), x.t(), x[:, ::2], x.double(), x.requires_grad_()):
        y = net(one)
        assert type(y) is torch.Tensor and not y.requires_grad
        assert torch.equal(y, one.detach().float())
    imaginary = torch.randn(4, dtype=torch.cfloat).conj().imag
    assert imaginary.is_neg() and torch.equal(net(imaginary), imaginary.resolve_neg())
    y = net(x.detach())
    y += 1  # its own memory
    assert torch.equal(net(x), x.detach())
    for other in (x.to_sparse(), torch.empty(3, device="meta")):
        with pytest.raises(TypeError, match="input 0: expected an array of NumPy, PyTorch or DLPack on the CPU"):
            net(other)


def test_what_cannot_be_run_is_named():
    class Sorts(nn.Module):
        def forward(self, x):
            return torch.linalg.svdvals(x)

    with pytest.raises(upconv.Error, match="svd"):
        upconv.from_torch(Sorts(), torch.randn(2, 3, 4))
    with pytest.raises(TypeError, match="example_inputs are needed for Sorts, as no layer says"):
        upconv.from_torch(Sorts())


def test_an_example_is_as_large_as_the_network_needs():
    halvings = [nn.Conv2d(3 if i == 0 else 4, 4, 4, 2, 1) for i in range(7)]
    net = upconv.from_torch(nn.Sequential(*halvings))
    x = torch.randn(1, 3, 128, 128)
    assert net(x).shape == (1, 4, 1, 1)


def test_what_the_first_layer_does_not_say_is_asked_for():
    class Unshuffles(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(12, 3, 3, padding=1)

        def forward(self, x):
            return self.conv(nn.functional.pixel_unshuffle(x, 2))

    with pytest.raises(TypeError, match=r"example_inputs are needed for Unshuffles: it does not take \(2, 12"):
        upconv.from_torch(Unshuffles())
    assert upconv.from_torch(Unshuffles(), torch.randn(1, 3, 8, 8))(torch.randn(3, 3, 6, 4)).shape == (3, 3, 3, 2)


def test_what_cannot_be_exported_is_said_so():
    class Branches(nn.Module):
        def forward(self, x):
            return x * 2 if x.sum() > 0 else x

    with pytest.raises(upconv.Error, match=r"torch\.export cannot export Branches for inputs of \(2, 3\)"):
        upconv.from_torch(Branches(), torch.randn(2, 3))
    with pytest.raises(TypeError, match=r"module must be a torch\.nn\.Module, got int"):
        upconv.from_torch(3)
    with pytest.raises(TypeError, match=r"example_inputs\[0\] must be a torch\.Tensor, got ndarray"):
        upconv.from_torch(nn.ReLU(), [np.zeros(3)])


def test_shared_weights_and_guards():
    class Pools(nn.Module):
        def forward(self, x):
            return nn.functional.adaptive_avg_pool2d(x, 1) if x.shape[2] == 8 else x

    net = upconv.from_torch(Pools(), torch.randn(2, 3, 8, 8))
    with pytest.raises(upconv.Error, match="guard|exported for"):
        net(torch.randn(2, 3, 9, 9))
