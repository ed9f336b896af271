"""Every way to reach a forbidden name is found; what only looks like one is not."""

import re

import pytest

from helpers.rules import TENSORS_ONLY, uses

SLIPS = {
    "import torch.nn": "line 1: import torch.nn",
    "import torch.nn as q": "line 1: import torch.nn as q",
    "import numpy, torch.nn.functional as F": (
        "line 1: import numpy, torch.nn.functional as F"
    ),
    "from torch import nn": "line 1: from torch import nn",
    "from torch import nn as q": "line 1: from torch import nn as q",
    "from torch.nn import Linear": "line 1: from torch.nn import Linear",
    "from torch import *": "line 1: from torch import *",
    "from math import *": "line 1: from math import *",
    "def f():\n    from torch import relu as g": "line 2: from torch import relu as g",
    "from . import nn": "line 1: from . import nn",
    "x = 1\ntorch.nn.Linear(3, 4)": "line 2: torch.nn",
    "a.b.c.nn.d.e": "line 1: a.b.c.nn",
    "loss.backward()": "line 1: loss.backward",
    "f(x)[0].relu_()": "line 1: f(x)[0].relu_",
    "(x\n    .exp()\n    .relu())": "line 3: x.exp().relu",
    "torch.zeros(3, requires_grad=True)": "line 1: requires_grad=True",
    "x.requires_grad = True": "line 1: x.requires_grad",
    "f = lambda x: torch.special.expit(x)": "line 1: torch.special.expit",
    "f'{torch.relu(x)}'": "line 1: torch.relu",
    "getattr(torch, 'nn')": "line 1: getattr(torch, 'nn')",
    "getattr(torch, f'nn')": "line 1: getattr(torch, f'nn')",
    "getattr(torch, name + '.nn')": "line 1: getattr(torch, name + '.nn')",
    "__import__('torch.nn')": "line 1: __import__",
    "importlib.import_module('torch.nn')": "line 1: importlib.import_module",
    "from importlib import import_module as i": (
        "line 1: from importlib import import_module as i"
    ),
    "operator.attrgetter('nn.Linear')": "line 1: operator.attrgetter",
    "operator.methodcaller('backward')": "line 1: operator.methodcaller",
    "x.__getattribute__('relu')": "line 1: x.__getattribute__",
    "eval('1')": "line 1: eval",
    "run = exec": "line 1: exec",
    "compile(text, '', 'exec')": "line 1: compile",
    "from builtins import eval as e": "line 1: from builtins import eval as e",
    "__builtins__.eval('1')": "line 1: __builtins__",
    "torch.compile(f)": "line 1: torch.compile",
    "torch.distributions.Categorical(logits=x).log_prob(y)": (
        "line 1: torch.distributions"
    ),
    "from torch import distributions as d": (
        "line 1: from torch import distributions as d"
    ),
    "torch._softmax(x, 1, False)": "line 1: torch._softmax",
    "torch._log_softmax(x, 1, False)": "line 1: torch._log_softmax",
    "torch._addmm_activation(b, x, w)": "line 1: torch._addmm_activation",
    "b._addmm_activation(x, w)": "line 1: b._addmm_activation",
    "from torch._C import load": "line 1: from torch._C import load",
    "torch.ops.aten.exp": "line 1: torch.ops",
    "o = torch.ops": "line 1: torch.ops",
    "torch.native_batch_norm(x)": "line 1: torch.native_batch_norm",
    "torch.native_layer_norm(x)": "line 1: torch.native_layer_norm",
    "torch.native_dropout(x, 0.5, True)": "line 1: torch.native_dropout",
    "torch.convolution(x, w)": "line 1: torch.convolution",
    "torch.lstm_cell(x)": "line 1: torch.lstm_cell",
    "torch.gru_cell(x)": "line 1: torch.gru_cell",
    "torch.rnn_relu_cell(x)": "line 1: torch.rnn_relu_cell",
    "torch.rnn_tanh_cell(x)": "line 1: torch.rnn_tanh_cell",
    "torch.max_pool2d(x, 2)": "line 1: torch.max_pool2d",
    "torch.adaptive_avg_pool1d(x, 2)": "line 1: torch.adaptive_avg_pool1d",
    "import torch as t\nt.dropout(x, 0.5, True)": "line 2: t.dropout",
    "from torch import special as s\ns.expit(x)": "line 2: s.expit",
    "from torch import Tensor\nTensor.relu(x)": "line 2: Tensor.relu",
    "torchvision.ops.MLP(3, [4])": "line 1: torchvision.ops",
    "torchvision.ops.generalized_box_iou(x, y)": "line 1: torchvision.ops",
    "from torchvision.ops import MLP": "line 1: from torchvision.ops import MLP",
    "from torchvision import ops": "line 1: from torchvision import ops",
    "torchvision.models.resnet18()": "line 1: torchvision.models",
    "torch.hub.load('a/b', 'c')": "line 1: torch.hub",
    "sys.modules['torch.nn']": "line 1: sys.modules",
    "import sys as s\ns.modules": "line 2: s.modules",
    "from sys import modules": "line 1: from sys import modules",
    "torch.__dict__['nn']": "line 1: torch.__dict__",
    "vars(torch)['nn']": "line 1: torch",
    "import torch as t\nvars(t)['nn']": "line 2: t",
    "q = torch\nq.special.i0(x)": "line 1: torch",
    "globals()['torch']": "line 1: globals",
    "n = 'relu'; getattr(torch, n)": "line 1: getattr(torch, n)",
    "import torch as t\ngetattr(t, n)": "line 2: getattr(t, n)",
    "getattr(torch.special, n)": "line 1: getattr(torch.special, n)",
    "getattr(x, 'relu')": "line 1: getattr(x, 'relu')",
    "getattr(x, 're' + 'lu')": "line 1: getattr(x, 're' + 'lu')",
    "x = make()\nsetattr(x, n, True)": "line 2: setattr(x, n, True)",
    "g = getattr": "line 1: getattr",
    "functools.reduce(getattr, names, x)": "line 1: getattr",
    "from operator import methodcaller as m": (
        "line 1: from operator import methodcaller as m"
    ),
    "from operator import attrgetter as a": (
        "line 1: from operator import attrgetter as a"
    ),
    "from sklearn.neural_network import MLPClassifier": (
        "line 1: from sklearn.neural_network import MLPClassifier"
    ),
    "import keras": "line 1: import keras",
    "import tensorflow as tf": "line 1: import tensorflow as tf",
    "import lightning": "line 1: import lightning",
    "import jax.numpy as jnp": "line 1: import jax.numpy as jnp",
    "from losses import cross_entropy": "line 1: from losses import cross_entropy",
    "from .losses import mine": "line 1: from .losses import mine",
    "layer.backward(d)": "line 1: layer.backward",
    "param.grad = dw": "line 1: param.grad",
    "torch.set_grad_enabled(True)": "line 1: torch.set_grad_enabled",
    "x.requires_grad_()": "line 1: x.requires_grad_",
    "\ufeffimport torch.nn": "line 1: import torch.nn",
    # torch, or a part of it, through another package
    "from torchvision.datasets.mnist import torch": (
        "line 1: from torchvision.datasets.mnist import torch"
    ),
    "from torchvision.datasets.mnist import torch as t": (
        "line 1: from torchvision.datasets.mnist import torch as t"
    ),
    "t = torchvision.torch": "line 1: torchvision.torch",
    "import torchvision as v\nt = v.datasets.mnist.torch": (
        "line 2: v.datasets.mnist.torch"
    ),
    "from torchvision import datasets as d\nt = d.mnist.torch": "line 2: d.mnist.torch",
    "from torchvision.transforms import transforms\nt = transforms.torch": (
        "line 2: transforms.torch"
    ),
    "getattr(torchvision, 'torch')": "line 1: getattr(torchvision, 'torch')",
    "getattr(torchvision, n)": "line 1: getattr(torchvision, n)",
    "t = torch.utils.data.dataloader.torch": (
        "line 1: torch.utils.data.dataloader.torch"
    ),
    "from torch.utils.data.dataloader import torch as t": (
        "line 1: from torch.utils.data.dataloader import torch as t"
    ),
    "from torchvision.transforms._presets import nn": (
        "line 1: from torchvision.transforms._presets import nn"
    ),
    "from torchvision.transforms import functional as F\nF.F_t.conv2d(x, w)": (
        "line 2: F.F_t.conv2d"
    ),
    # a tensor named like an import, in each way that binds a name
    "from statistics import mean\nmean = loss.mean()\nmean.backward()": (
        "line 3: mean.backward"
    ),
    "from statistics import mean\ndef f(mean):\n    mean.backward()": (
        "line 3: mean.backward"
    ),
    "import math\nfor math in losses:\n    math.backward()": "line 3: math.backward",
    "import math\nwith f() as math:\n    math.backward()": "line 3: math.backward",
    "import math\n[math.tanh() for math in x]": "line 2: math.tanh",
    "import math\n(math := x).y\nmath.tanh()": "line 3: math.tanh",
    "import math\nmath += x\nmath.tanh()": "line 3: math.tanh",
    "import math\nmath, y = x\nmath.tanh()": "line 3: math.tanh",
    "import math\nmath: object = x\nmath.tanh()": "line 3: math.tanh",
    "import math\nf = lambda math: math.tanh()": "line 2: math.tanh",
    "import math\ndef f(*math): math.tanh()": "line 2: math.tanh",
    "import math\ndef math(): pass\nmath.tanh()": "line 3: math.tanh",
    "import math\nasync def math(): pass\nmath.tanh()": "line 3: math.tanh",
    "import math\nclass math: pass\nmath.tanh()": "line 3: math.tanh",
    "import math\ntry: f()\nexcept E as math: math.tanh()": "line 3: math.tanh",
    "import math\nmatch x:\n    case math: math.tanh()": "line 3: math.tanh",
    "import math\nmatch x:\n    case [*math]: math.tanh()": "line 3: math.tanh",
    "import math\nmatch x:\n    case {**math}: math.tanh()": "line 3: math.tanh",
    "import math\nmath.x = loss\nmath.x.backward()": "line 3: math.x.backward",
    "import math\nif x:\n    from torch import special as math\nmath.tanh(1)": (
        "line 4: math.tanh"
    ),
    "import math as t\nif x:\n    import torch as t\nt.hub": "line 4: t.hub",
    "import torch as t\ndef f(t): pass\nq = t": "line 3: t",
    # what hides names
    "import sys\ns = sys": "line 2: sys",
    "import importlib as i\nj = i": "line 2: i",
    "importlib.__import__('torch.nn')": "line 1: importlib.__import__",
    "pkgutil.resolve_name('torch:nn')": "line 1: pkgutil.resolve_name",
    "inspect.getattr_static(x, 'relu')": "line 1: inspect.getattr_static",
    "type(x).__dict__['relu'](x)": "line 1: type(x).__dict__",
    "vars(type(x))['relu'](x)": "line 1: vars",
    "vars(torch.Tensor)['relu'](x)": "line 1: vars",
    "vars()['torch']": "line 1: vars",
    "v = vars": "line 1: vars",
    "s = setattr": "line 1: setattr",
    "locals()['torch']": "line 1: locals",
    "f.__globals__['torch']": "line 1: f.__globals__",
    "x.__getattr__('relu')": "line 1: x.__getattr__",
    "x.__setattr__('requires_grad', True)": "line 1: x.__setattr__",
    "setattr(x, 'requires_grad', True)": "line 1: setattr(x, 'requires_grad', True)",
    "torch.zeros(3, **{'requires_grad': True})": "line 1: {'requires_grad': True}",
    "options['requires_grad'] = True": "line 1: options['requires_grad']",
    "print.__self__.eval('1')": "line 1: print.__self__",
    "object.__subclasses__()": "line 1: object.__subclasses__",
    "torch.zeros(3, **dict(requires_grad=True))": "line 1: requires_grad=True",
    "x.requires_grad = not False": "line 1: x.requires_grad",
    "x.requires_grad_(not False)": "line 1: x.requires_grad_",
    "match x:\n    case torch.Tensor(relu=f): f()": "line 2: torch.Tensor(relu=f)",
    "eval('1')\ndef eval(x): pass": "line 1: eval",
    "eval = eval": "line 1: eval",
    "def f(eval): pass\neval('1')": "line 2: eval",
    # what a class defines is another's still
    "class Net:\n    def relu(self): pass\nx.relu()": "line 3: x.relu",
    "class Net:\n    def relu(): self.relu(); self.nn": "line 2: self.nn",
    "class Net:\n    def relu(self): pass\nn = Net()\nn = x\nn.relu()": (
        "line 5: n.relu"
    ),
    "class Net:\n    def backward(self, g): pass\nloss.backward()": (
        "line 3: loss.backward"
    ),
    "def backward(g): pass\nx.backward(g)": "line 2: x.backward",
    "def relu(x): pass\nclass Net:\n    def f(self): self.relu()": "line 3: self.relu",
    "class Net:\n    def relu(self): pass\nimport torch as Net\nNet.relu(x)": (
        "line 4: Net.relu"
    ),
}


@pytest.mark.parametrize(("source", "sentence"), SLIPS.items())
def test_every_way_to_use_a_forbidden_name_is_said(source, sentence):
    assert uses(source, TENSORS_ONLY) == [sentence]


@pytest.mark.parametrize(
    "source",
    [
        "# torch.nn, loss.backward(), eval(text)",
        '"""No torch.nn, no backward()."""',
        'def f():\n    """Without nn."""\n    return "relu"',
        "nn_layers = relu_like = my_nn = 1",
        "from torch import nn_like_thing",
        "import torchvision, numpy, math",
        "x.nn_layers.relu_like(backward_pass=1)",
        "print('nn')",
        "getattr(x, 'nn_layers')",
        "import math\ngetattr(math, name)",
        "x.eval()",
        "weights['w1'] = x.clamp(min=0).exp() @ w.T",
        "f(**options)",
        "import torch\nfrom torch import exp, log",
        "def relu(x):\n    return x.clamp(min=0)\n\n\ny = relu(x)",
        "for param, grad in zip(params, grads):\n    param -= lr * grad",
        "re.compile('a')",
        "import re as r\nr.compile('a')",
        "import math\nmath.tanh(0.5)",
        "import numpy as np\nnp.tanh(0.5)",
        "args.func(args)",
        "x * (1 - args.dropout)",
        "self.grad = dw\nw -= lr * self.grad",
        "class Net:\n    def relu(self, x): pass\n    def f(self, x): self.relu(x)",
        "dict(grad=1)",
        "class Net:\n    @staticmethod\n    def tanh(x): pass\nNet.tanh(x)",
        "class Net:\n    @classmethod\n    def softmax(cls, x): cls.softmax(x)",
        "class Net:\n    def relu(self, x): pass\nnet = Net()\nnet.relu(x)",
        "class Net:\n    def softmax(self, x): pass\nNet().softmax(x)",
        "class Net:\n    async def relu(self, x): self.relu(x)",
        "class Net:\n    def backward(self, d): pass\nfor n in nets: d = n.backward(d)",
        "class Net:\n    def backward(self, d): self.net.backward(d)",
        "def backward(delta): pass\nbackward(delta)",
        "class Net:\n    grad: int = 0\n    def f(self): return self.grad",
        "class Net:\n    tanh = staticmethod(f)\n    def f(self): self.tanh(1)",
        "x.requires_grad = False",
        "w.requires_grad = b.requires_grad = False",
        "x.requires_grad_(requires_grad=False)",
        "torch.set_grad_enabled(mode=False)",
        "with torch.set_grad_enabled(mode=False): pass",
        "f(**{'requires_grad': False})",
        "{'grad': 1, **options, 'relu': 2}",
        "from torchvision.transforms import functional as F\nF.convert_image_dtype(x)",
        "import torchvision.transforms.v2.functional as F\nF.normalize(x)",
        "from torchvision.datasets.mnist import read_image_file",
        "from statistics import mean\nmean(x).item()",
        "import numpy as np\nnp.random.seed = 1\nnp.exp(x)",
        "setattr(self, name, 1)",
        "vars(options)['lr']",
        "match x:\n    case Point(x=0): pass",
        "f(threshold=0.5, softmax=True)",
        "torch.zeros(3, requires_grad=False)",
        "x.requires_grad_(False)",
        "eval = evaluate(layers)\nprint(eval)",
        "def compile(layers):\n    return layers\n\n\ncompile([])",
        "@torch.no_grad()\ndef f():\n    pass",
        "torch.set_grad_enabled(False)",
        "torch.__version__, torchvision.__version__",
        "torch.atan(x), torch.log_(x), torch.linalg.vector_norm(x), torch.logsumexp(x)",
        "torch.utils.data.DataLoader(torchvision.datasets.MNIST('.'))",
        "torch.cuda.is_available(), torch.backends.cudnn.deterministic",
        "getattr(torch, 'float32')",
        "vars(parse(arguments))",
        "import importlib.resources",
        "\ufeffx = 1",
    ],
)
def test_what_only_looks_like_a_forbidden_name_is_not(source):
    assert uses(source, TENSORS_ONLY) == []


def test_every_use_is_said_once_and_in_the_order_of_the_lines():
    source = "b = x.relu()\na = torch.nn.functional.relu(x.relu(), x.relu())\nexec(a)"
    assert uses(source, {"nn", "relu"}) == [
        "line 1: x.relu",
        "line 2: torch.nn",
        "line 2: torch.nn.functional.relu",
        "line 2: x.relu",
        "line 2: x.relu",
        "line 3: exec",
    ]


def test_only_the_names_that_are_forbidden_are_said():
    assert uses("x.relu(); x.tanh()", ["tanh"]) == ["line 1: x.tanh"]
    assert uses("x.relu()", ()) == []


def test_a_source_that_is_no_python_is_an_error():
    with pytest.raises(SyntaxError):
        uses("def f(:", TENSORS_ONLY)


def test_packages_say_what_may_be_imported():
    source = "import torch\nimport losses\nfrom pathlib import Path"
    assert uses(source, (), packages=("torch", "losses")) == []
    assert uses(source, (), packages=("losses",)) == ["line 1: import torch"]


PLACES = ["torch", "torch.special", "torch.Tensor", "torch.nn.functional", "x"]


@pytest.mark.parametrize("place", PLACES)
def test_tensors_only_forbids_every_activation_loss_and_layer_of_torch(place):
    torch = pytest.importorskip("torch")
    kinds = (
        r"relu|elu|glu|silu|mish|soft|hard|sigmoid|tanh|shrink|loss|entropy|dropout"
        r"|conv([123dot]|$)|pool\dd|rnn|lstm|gru|embedding|(batch|layer|group)_norm"
        r"|linear|attention|activation|backward|requires_grad|grad_fn|expit"
    )
    names = dir(eval(place, {"torch": torch, "x": torch.zeros(1)}))
    found = [name for name in names if re.search(kinds, name)]
    found = [name for name in found if not re.search("a(rc)?tanh", name)]
    assert found
    sources = [f"{place}.{name}" for name in found]
    assert [source for source in sources if not uses(source, TENSORS_ONLY)] == []


def test_tensors_only_allows_what_a_network_of_tensors_needs():
    source = "torch.manual_seed(0)\nx = (x @ w + b).clamp(min=0)\np = x.exp() / x.sum()"
    assert uses(source, TENSORS_ONLY) == []
