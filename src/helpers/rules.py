"""What a Python source uses of the names that a homework forbids."""

import ast
import sys
from collections.abc import Collection
from fnmatch import fnmatchcase

# What homework 097200 forbids: "only torch tensor manipulations", so no automatic
# differentiation, no optimizers, and none of torch's own layers, activations, losses.
# In torch, where private names are the same things once more:
TORCH = """
    _[!_]* nn functional optim autograd func jit fx ao quantization compile compiler
    export library hub ops classes distributions vmap enable_grad set_grad_enabled
    *relu* *elu *elu_ *glu *silu* *mish* *sigmoid* expit tanh tanh_ hardtanh* tanhshrink
    *softm* softplus softsign *shrink* hardswish* threshold* *_loss* *_entropy* kl_div
    *linear* *conv* *pool?d* embedding* *rnn* *lstm* *gru* *attention* *dropout*
    *batch_norm* *layer_norm* *group_norm instance_norm rms_norm local_response_norm
    *backward* __dict__
"""
# On anything, since it may be a tensor:
TENSOR = """
    nn autograd backward grad _grad grad_fn _grad_fn requires_grad requires_grad_
    retain_grad retains_grad register_hook register_post_accumulate_grad_hook
    _backward_hooks relu relu_
    prelu sigmoid sigmoid_ expit tanh tanh_ softmax log_softmax hardshrink
    _addmm_activation
"""
TENSORS_ONLY = frozenset(
    {"torchvision.ops", "torchvision.models", *TENSOR.split()}
    | {f"torch.{name}" for name in TORCH.split()}
)
# By these every other name can be reached unseen.
UNSEEN = frozenset(
    {"builtins.*", "sys.modules", "importlib.import_module", "__getattribute__"}
    | {"operator.attrgetter", "operator.methodcaller"}
)
BUILTINS = {"eval", "exec", "compile", "globals", "getattr", "__import__"}
BUILTINS |= {"__builtins__"}
SWITCHES = {"requires_grad_", "set_grad_enabled"}  # off, when called with False


def uses(
    source: str,
    forbidden: Collection[str],
    packages: Collection[str] = ("numpy", "torch", "torchvision"),
) -> list[str]:
    """What Python source uses of the forbidden names, such as "line 12: torch.nn".

    forbidden: "relu" is an attribute of anything but other modules (math, numpy),
    "torch.relu" one of torch and of all its parts, whatever the source calls them;
    * and ? are wildcards. packages: what else than the standard library is imported.

    Reported are
    - forbidden names in imports, as attributes, in getattr, as argument requires_grad;
    - imports from elsewhere, those of one's own files too, and every `import *`;
    - torch with no dot behind it (t = torch, vars(torch)), and getattr of a part of
      torch by a computed name;
    - what hides names: eval, exec, compile, globals, __import__, builtins, sys.modules,
      import_module, attrgetter, methodcaller, __getattribute__, getattr if not called.

    Not reported are comments, other strings and arguments; variables, functions and
    attributes of self that the source itself defines; what is switched off, such as
    requires_grad=False and set_grad_enabled(False).

    Raises SyntaxError if the source is no Python.
    """
    nodes = list(ast.walk(ast.parse(source.removeprefix("\ufeff"))))
    # The package of every imported name; the names of whole modules; one's own names.
    packs, modules, own = {"torch": "torch"}, {"torch"}, set()
    quiet, found = set(), set()
    for node in nodes:
        match node:
            case ast.Import(aliases):
                bound = {e.asname or _top(e.name): _top(e.name) for e in aliases}
                packs |= bound
                modules |= {*bound}
            case ast.ImportFrom(module, aliases):
                packs |= {e.asname or e.name: _top(module or e.name) for e in aliases}
            case ast.Name(name, ast.Store()) | ast.arg(name) | ast.FunctionDef(name):
                own.add(name)
            case ast.Attribute(ast.Name("self"), name, ast.Store()):
                own.add(name)
            case ast.Call(ast.Name("getattr") as called, [base, *_]):
                quiet |= {called, base} if isinstance(base, ast.Name) else {called}
            case ast.Call(ast.Attribute(attr=name) as called, [ast.Constant(False)]):
                quiet |= {called} if name in SWITCHES else set()
            case ast.Attribute(ast.Name(name) as base) if name not in BUILTINS:
                quiet.add(base)
    known, names = {*sys.stdlib_module_names, *packages}, {*forbidden, *UNSEEN}
    others = {*packs.values()} - {"torch"}
    for node in nodes:
        imports = isinstance(node, ast.Import | ast.ImportFrom)
        for pack, name in [] if node in quiet else _reached(node, packs, modules, own):
            unknown = imports and (pack not in known or name == "*")
            plain = name in names and pack not in others
            if unknown or plain or any(fnmatchcase(f"{pack}.{name}", n) for n in names):
                # A chain of calls may run over lines; an attribute stands at its end.
                attribute = isinstance(node, ast.Attribute)
                line = node.end_lineno if attribute else node.lineno
                found.add((line, node.end_col_offset, ast.unparse(node)))
    return [f"line {line}: {text}" for line, _, text in sorted(found)]


def _top(path):
    return path.partition(".")[0]


def _reached(node, packs, modules, own):
    """Pairs (package, name) of all that this node by itself reaches."""
    match node:
        case ast.Import(aliases):
            parts = [each.name.split(".") for each in aliases]
            return [(path[0], name) for path in parts for name in path]
        case ast.ImportFrom(module, aliases, level):
            path = ("." * level + (module or "")).split(".")
            return [(path[0], name) for name in path + [e.name for e in aliases]]
        case ast.keyword("requires_grad", value) if ast.unparse(value) != "False":
            return [("", "requires_grad")]
        case ast.Attribute(ast.Name("self"), name) if name in own:
            return []
        case ast.Attribute(base, name):
            return [(_package(base, packs), name)]
        case ast.Call(ast.Name("getattr"), [base, ast.Constant(name), *_]):
            return [(_package(base, packs), name)]
        case ast.Call(ast.Name("getattr"), [base, *_]):
            return [(_package(base, packs), "__dict__")]
        case ast.Name(name, ast.Load()) if name in BUILTINS - own:
            return [("builtins", name)]
        case ast.Name(name, ast.Load()) if name in modules - own:
            return [(packs[name], "__dict__")]
    return []


def _package(node, packs):
    """torch for torch.special.expit, however torch and special were imported."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return packs.get(node.id, node.id) if isinstance(node, ast.Name) else ""
