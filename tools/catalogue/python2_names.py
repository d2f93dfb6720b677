"""Write src/pickle/python2_names.inc from CPython's own table.

An unpickler renames what Python 2 called otherwise before it imports (protocols 0 to 2). The table
lives in CPython's `_compat_pickle`, including the additions that Python 3 made to it; it has not
changed from 3.8 to 3.13. Run again only when CPython's table changes:

    python3 tools/catalogue/python2_names.py > src/pickle/python2_names.inc
"""

from __future__ import annotations

import _compat_pickle as compat


def quoted(text: str) -> str:
    """Give the C++ literal of an ASCII name."""
    if not text.isascii() or '"' in text or "\\" in text:
        raise ValueError(text)
    return f'"{text}"'


def main() -> None:
    """Print both tables, sorted bytewise so that a lookup may bisect."""
    print("// Written by tools/catalogue/python2_names.py from CPython's _compat_pickle.")
    print("inline constexpr NamePair kNames[] = {")
    for (module, name), (to_module, to_name) in sorted(compat.NAME_MAPPING.items()):
        cells = ", ".join(map(quoted, (module, name, to_module, to_name)))
        print(f"    {{{cells}}},")
    print("};")
    print("inline constexpr ModulePair kModules[] = {")
    for module, to_module in sorted(compat.IMPORT_MAPPING.items()):
        print(f"    {{{quoted(module)}, {quoted(to_module)}}},")
    print("};")


if __name__ == "__main__":
    main()
