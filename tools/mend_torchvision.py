"""Let torchvision be imported beside a CPU torch, where it can't be.

torchvision's wheel from the Python Package Index is built for a CUDA torch. Beside a
CPU torch its import fails for want of two operators that its compiled part would have
registered. Run after installing, this tries the import and, only where it fails,
writes into the environment an import hook that declares the two. Data sets, transforms
and models work; `nms` itself does not.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

HOOK = '''"""Written by the book's tools/mend_torchvision.py, which says why."""
import sys


class DeclareOperators:
    def find_spec(self, name, path=None, target=None):
        if name != "torchvision":
            return None
        sys.meta_path.remove(self)
        import torch

        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor a, Tensor b, float c) -> Tensor")
        sys.modules[__name__].library = library  # it has to live as long as the process
        return None


sys.meta_path.insert(0, DeclareOperators())
'''


def imports() -> bool:
    """Whether `import torchvision` works in this environment."""
    attempt = [sys.executable, "-c", "import torchvision"]
    return subprocess.run(attempt, capture_output=True).returncode == 0


def main() -> None:
    packages = Path(sysconfig.get_path("purelib"))
    hook = packages / "declare_torchvision_operators.py"
    start = hook.with_suffix(".pth")
    for file in (start, hook):  # beside another torch it would do harm
        file.unlink(missing_ok=True)
    if imports():
        return
    hook.write_text(HOOK)
    start.write_text(f"import {hook.stem}\n")
    if not imports():
        sys.exit("torchvision can't be imported, and not for want of its operators")
    print("torchvision: its operators are declared, so that it can be imported")


if __name__ == "__main__":
    main()
