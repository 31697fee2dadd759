"""Fails where a public name has no comment: `python3 .ci/undocumented.py XML`, the folder that Doxygen wrote.

A comment is of a name: overloads share it, a constructor and what it is given have their class's, names declared on one
line have that line's, and an override has what it overrides. Defaulted and deleted functions say what they are. The
members of a network in examples/ are the keys of its weights, and its own comment says whose.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def is_documented(node: ElementTree.Element) -> bool:
    parts = (node.find(name) for name in ("briefdescription", "detaileddescription"))
    return any(part is not None and "".join(part.itertext()).strip() for part in parts)


def place(node: ElementTree.Element) -> tuple[str, int]:
    where = node.find("location")
    return where.get("file", ""), int(where.get("line", 0))


def is_plain(member: ElementTree.Element) -> bool:
    """Whether there is nothing to say of it."""
    arguments = (member.findtext("argsstring") or "").replace(" ", "")
    name = member.findtext("name")
    return (
        arguments.endswith(("=default", "=delete", "override"))  # of what Doxygen sees through no template
        or name.startswith(("~", "@"))
        or member.find("reimplements") is not None
        or member.get("prot") == "private"
        or member.get("kind") == "friend"
    )


def undocumented(compound: ElementTree.Element) -> list[tuple[str, int, str]]:
    """File, line and name of each name of a class, a namespace or a file that has no comment."""
    kind, name = compound.get("kind"), compound.findtext("compoundname")
    found = []
    if kind in ("class", "struct") and not is_documented(compound):
        found.append((*place(compound), name))
    if name.startswith("upconv::examples::"):
        return found
    members = list(compound.iter("memberdef"))
    documented = [member for member in members if is_documented(member)]
    constructor = name.split("<")[0].split("::")[-1]
    names = {member.findtext("name") for member in documented} | {constructor}
    for member in members:
        if member.findtext("name") == constructor:
            names |= {given.text for given in member.iterfind("param/declname")}
    lines = {place(member) for member in documented}
    for member in members:
        own = member.findtext("name")
        if own not in names and place(member) not in lines and not is_plain(member):
            found.append((*place(member), f"{name}::{own}"))
        for value in member.iter("enumvalue"):
            if not is_documented(value) and not is_documented(member):
                found.append((*place(member), f"{name}::{own}::{value.findtext('name')}"))
    return found


def main(folder: Path) -> int:
    found = set()
    for file in folder.glob("*.xml"):
        for compound in ElementTree.parse(file).iter("compounddef"):
            if compound.get("kind") in ("class", "struct", "namespace"):
                found |= set(undocumented(compound))
    for file, line, name in sorted(found):
        print(f"{file}:{line}: {name} has no comment", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
