"""What a Python source uses of the names that a homework forbids."""

import ast
import sys
from collections import Counter, defaultdict
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
    *backward*
"""
# On anything, since it may be a tensor:
TENSOR = """
    nn autograd backward grad _grad grad_fn _grad_fn requires_grad requires_grad_
    retain_grad retains_grad register_hook register_post_accumulate_grad_hook
    _backward_hooks relu relu_
    prelu sigmoid sigmoid_ expit tanh tanh_ softmax log_softmax hardshrink
    _addmm_activation
"""
# In torchvision, which imports some of it, and whose own names these two would meet:
VISION = {*TORCH.split(), *TENSOR.split()} - {"functional", "*conv*"}
TENSORS_ONLY = frozenset(
    {*TENSOR.split(), "torchvision.ops", "torchvision.models", "torchvision.conv?d"}
    | {f"torch.{name}" for name in TORCH.split()}
    | {f"torchvision.{name}" for name in VISION}
)
# By these every other name can be reached unseen: parts of modules, and of anything.
UNSEEN = frozenset(
    {"builtins.*", "sys.modules", "importlib.import_module", "importlib.__import__"}
    | {"importlib.util", "importlib.machinery", "pkgutil.resolve_name"}
    | {"operator.attrgetter", "operator.methodcaller", "inspect.getattr_static"}
)
ANYWHERE = {"torch", "__dict__", "__globals__", "__getattribute__", "__getattr__"}
ANYWHERE |= {"__setattr__", "__self__", "__subclasses__"}
BUILTINS = {"eval", "exec", "compile", "globals", "locals", "vars", "getattr"}
BUILTINS |= {"setattr", "__import__", "__builtins__"}
SWITCHES = {"requires_grad_", "set_grad_enabled"}  # off, when called with False
ANYTHING = ""  # the package of a variable, which may hold a tensor
WHOLE = "*"  # what is reached of a module that stands alone
COMPUTED = "?"  # and by a name that isn't in the source


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
    - forbidden names in imports, as attributes, in getattr, setattr and patterns, as
      argument or key requires_grad;
    - imports from elsewhere, those of one's own files too, and every `import *`;
    - torch with no dot behind it (t = torch, vars(torch)) or as a part of something
      else (torchvision.torch);
    - getattr and setattr by a computed name, of anything but self and other modules;
    - what hides names: eval, exec, compile, globals, __import__, builtins, sys.modules,
      import_module, attrgetter, methodcaller, __dict__, getattr if not called.

    Not reported are comments, other strings and arguments; variables and functions that
    the source itself defines; attributes and methods that it defines, of self, cls, its
    classes and instances, and a backward of its own, of anything, with a gradient; what
    is switched off, such as requires_grad=False and set_grad_enabled(False).

    Raises SyntaxError if the source is no Python.
    """
    tree = ast.parse(source.removeprefix("\ufeff"))
    nodes = list(ast.walk(tree))
    bound = _bound(nodes)
    packs, modules = _packages(nodes, bound)
    quiet = {*_switched_off(nodes), *_with_a_name(nodes), *_own(nodes, packs, bound)}
    quiet |= {*_renamed(tree, nodes)}
    names, found = {*forbidden, *UNSEEN}, set()
    known = {*sys.stdlib_module_names, *packages}
    for node in nodes:
        pairs = [] if node in quiet else _reached(node, packs, modules)
        if _foreign(node, known) or any(_forbidden(*p, names, known) for p in pairs):
            # A chain of calls may run over lines; an attribute stands at its end.
            attribute = isinstance(node, ast.Attribute)
            line = node.end_lineno if attribute else node.lineno
            found.add((line, node.end_col_offset, ast.unparse(node)))
    return [f"line {line}: {text}" for line, _, text in sorted(found)]


def _forbidden(pack, name, names, known):
    if name == COMPUTED and pack == ANYTHING:
        return True
    if name in (WHOLE, COMPUTED):
        return any(each.startswith(f"{pack}.") for each in names)
    plain = name in names and pack not in known - {"torch"}
    dotted = any(fnmatchcase(f"{pack}.{name}", each) for each in names)
    return plain or dotted or name in ANYWHERE


def _foreign(node, known):
    """Whether this imports another package, a file beside the source, or all names."""
    match node:
        case ast.Import(aliases):
            return any(_top(each.name) not in known for each in aliases)
        case ast.ImportFrom(module, [ast.alias(name), *_], level):
            return level > 0 or name == "*" or _top(module) not in known
    return False


def _reached(node, packs, modules):
    """Pairs (package, name) of all that this node by itself reaches."""
    match node:
        case ast.Import(aliases):
            paths = [each.name.split(".") for each in aliases]
            return [(top, name) for top, *rest in paths for name in rest]
        case ast.ImportFrom(module, aliases, 0):
            top, *rest = module.split(".")
            return [(top, name) for name in rest + [each.name for each in aliases]]
        case ast.keyword("requires_grad", value) if not _off(value):
            return [(ANYTHING, "requires_grad")]
        case ast.Dict(keys, values):
            pairs = zip(keys, values, strict=True)
            on = any(_text(k) == "requires_grad" and not _off(v) for k, v in pairs)
            return [(ANYTHING, "requires_grad")] if on else []
        case ast.Subscript(_, ast.Constant("requires_grad"), ast.Store()):
            return [(ANYTHING, "requires_grad")]
        case ast.MatchClass(kwd_attrs=names):
            return [(ANYTHING, name) for name in names]
        case ast.Attribute(base, name):
            return [(pack, name) for pack in _of(base, packs)]
        case ast.Call(ast.Name("getattr" | "setattr"), [base, name, *_]):
            own = isinstance(base, ast.Name) and base.id in ("self", "cls")
            name = _text(name) or (WHOLE if own else COMPUTED)
            return [(pack, name) for pack in _of(base, packs)]
        case ast.Name(name, ast.Load()) if name in BUILTINS:
            return [("builtins", name)]
        case ast.Name(name, ast.Load()) if name in modules:
            return [(pack, WHOLE) for pack in _of(node, packs)]
    return []


def _top(path):
    return path.partition(".")[0]


def _off(node):
    return isinstance(node, ast.Constant) and node.value is False


def _text(node):
    return node.value if isinstance(node, ast.Constant) else None


def _of(node, packs):
    """torch for torch.special.expit, however torch and special were imported."""
    while isinstance(node, ast.Attribute):
        node = node.value
    if not isinstance(node, ast.Name):
        return {ANYTHING}
    return packs.get(node.id, {node.id, ANYTHING})


def _bound(nodes):
    """How often each name is bound by other things than an import."""
    bound = Counter()
    for node in nodes:
        match node:
            case (
                ast.Name(name, ast.Store())
                | ast.Attribute(ast.Name(name), _, ast.Store())
                | ast.arg(name)
                | ast.FunctionDef(name)
                | ast.AsyncFunctionDef(name)
                | ast.ClassDef(name)
                | ast.ExceptHandler(_, str(name))
                | ast.MatchAs(_, str(name))
                | ast.MatchStar(str(name))
                | ast.MatchMapping(_, _, str(name))
            ):
                bound[name] += 1
    return bound


def _packages(nodes, bound):
    """The packages that each name may belong to; the names of whole modules."""
    packs, modules = defaultdict(set), {"torch"}
    for node in nodes:
        match node:
            case ast.Import(aliases):
                for each in aliases:
                    name = each.asname or _top(each.name)
                    modules.add(name)
                    packs[name].add(_top(each.name))
            case ast.ImportFrom(module, aliases):
                for each in aliases:
                    packs[each.asname or each.name].add(_top(module or ""))
    for name in bound:
        packs[name].add(ANYTHING)
    return dict(packs), modules


def _switched_off(nodes):
    """Attributes that are called with False alone, or set to it."""
    for node in nodes:
        match node:
            case ast.Call(ast.Attribute(attr=name) as called, given, more):
                values = [*given, *(each.value for each in more)]
                if name in SWITCHES and len(values) == 1 and _off(values[0]):
                    yield called
            case ast.Assign(targets, value) if _off(value):
                yield from targets


def _with_a_name(nodes):
    """Names with a dot behind; getattr and its kin where it is seen what they reach."""
    for node in nodes:
        match node:
            case ast.Attribute(ast.Name(name) as base) if name not in BUILTINS:
                yield base
            case ast.Call(ast.Name("getattr" | "setattr") as called, [base, _, *_]):
                yield from [called, base] if isinstance(base, ast.Name) else [called]
            case ast.Call(ast.Name("vars") as called, [ast.Name()]):
                yield called
            case ast.Call(ast.Name("vars") as called, [ast.Call(ast.Name(name))]):
                if name != "type":
                    yield called


def _own(nodes, packs, bound):
    """Attributes that the source itself defines, of its classes and their instances."""
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    parts = [each for node in classes for each in node.body]
    parts += [inner for each in parts for inner in ast.iter_child_nodes(each)]
    objects, names, made = {n.name for n in classes}, {*_bound(parts)}, Counter()
    for node in nodes:
        match node:
            case ast.Attribute(ast.Name("self"), name, ast.Store()):
                names.add(name)
            case ast.Assign([ast.Name(name)], ast.Call(ast.Name(made_of))):
                made[name] += made_of in objects
    objects |= {"self", "cls"} | {name for name in made if made[name] == bound[name]}
    for node in nodes:
        match node:
            case ast.Attribute(ast.Name(base) | ast.Call(ast.Name(base)), name):
                imported = packs.get(base, set()) - {ANYTHING}
                if base in objects and name in names and not imported:
                    yield node
            case ast.Call(ast.Attribute(attr="backward") as called, [_, *_]):
                if "backward" in names:
                    yield called


def _renamed(tree, nodes):
    """What has a builtin's name, but comes after a definition of the source's own."""
    lines = {}
    for node in tree.body:
        match node:
            case ast.FunctionDef(name) | ast.Assign([ast.Name(name)]):
                lines.setdefault(name, node.end_lineno)
    for node in nodes:
        renamed = isinstance(node, ast.Name) and node.id in BUILTINS & lines.keys()
        if renamed and node.lineno > lines[node.id]:
            yield node
