"""Write a folder of facts with as many names as wanted, for measuring lookups.

python3 tools/catalogue/synthetic.py --names 500000 --output /tmp/facts
"""

from __future__ import annotations

import argparse
from pathlib import Path

PACKAGES = ("torch", "numpy", "sklearn", "transformers", "scipy", "pandas", "keras", "lightning")
LAYERS = ("nn", "modules", "core", "utils", "models", "optim", "linear_model", "_private")


def module_name(number: int) -> str:
    """Give a dotted name that shares long prefixes with others, as real ones do."""
    package = PACKAGES[number % len(PACKAGES)]
    first = LAYERS[number // 8 % len(LAYERS)]
    second = LAYERS[number // 64 % len(LAYERS)]
    return f"{package}.{first}.{second}.part{number // 512:04d}"


def main() -> None:
    """Write one file of modules and callables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--names", type=int, default=500_000)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    folder: Path = options.output / "inert"
    folder.mkdir(parents=True, exist_ok=True)
    per_module = 100
    with (folder / "synthetic.toml").open("w", encoding="ascii") as file:
        for module in range(options.names // per_module):
            names = ", ".join(f'"Class{n:03d}.method{module % 7}"' for n in range(per_module))
            file.write(f'[[callable]]\nmodule = "{module_name(module)}"\nnames = [{names}]\n')
            file.write('call = "()"\nwhy = "synthetic"\n\n')


if __name__ == "__main__":
    main()
