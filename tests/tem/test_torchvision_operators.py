"""The stand-in declares what is missing, once, and leaves a whole torchvision alone."""

import subprocess
import sys


def _run(code: str) -> str:
    """In a process of its own: what torch has registered cannot be taken back."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_torchvision_can_be_imported_after_it() -> None:
    code = (
        "from closedloop.tem.torchvision_operators import declare_missing_operators as declare\n"
        "first, second = declare(), declare()\n"
        "import torchvision\n"
        "print(second, torchvision.extension._has_ops() != first)\n"
    )
    # Declared exactly where the compiled part does not load; a second call does nothing.
    assert _run(code) == "False True"


def test_a_whole_torchvision_is_left_alone() -> None:
    code = (
        "from closedloop.tem import torchvision_operators as operators\n"
        "operators._compiled_part_loads = lambda: True\n"
        "print(operators.declare_missing_operators(), operators._kept_alive)\n"
    )
    assert _run(code) == "False []"
