#!/usr/bin/env python3
"""Packs an installed tree of Hewn as a Python wheel (scripts/package.sh --wheel) in the folder OUT: PREFIX/bin/hewn
becomes a command, PREFIX/share, without the documentation, the files beside it. The bytes depend only on these files.

    scripts/wheel.py PREFIX VERSION SUMMARY PLATFORM OUT      PLATFORM: such as manylinux_2_34_x86_64
"""

import base64
import hashlib
import pathlib
import sys
import zipfile

prefix, version, summary, platform, out = sys.argv[1:]
prefix = pathlib.Path(prefix)
documents = prefix / "share/doc/hewn"
info = f"hewn-{version}.dist-info"
tag = f"py3-none-{platform}"
metadata = f"""Metadata-Version: 2.1
Name: hewn
Version: {version}
Summary: {summary}
License: MIT
Classifier: License :: OSI Approved :: MIT License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: C++
Description-Content-Type: text/markdown

{(documents / "README.md").read_text(encoding="utf-8")}"""

content = {}  # bytes by name in the wheel
for path in sorted(prefix.rglob("*")):
    name = path.relative_to(prefix).as_posix()
    if path.is_dir():
        continue
    if name == "bin/hewn":
        content[f"hewn-{version}.data/scripts/hewn"] = path.read_bytes()
    elif path == documents / "LICENSE" or path.parent == documents / "licences":
        content[f"{info}/{path.relative_to(documents).as_posix()}"] = path.read_bytes()
    elif name.startswith("share/") and documents not in path.parents:
        content[f"hewn-{version}.data/data/{name}"] = path.read_bytes()
content[f"{info}/METADATA"] = metadata.encode()
content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: hewn\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
record = ""
for name, data in content.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    record += f"{name},sha256={digest},{len(data)}\n"
content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()

with zipfile.ZipFile(f"{out}/hewn-{version}-{tag}.whl", "w") as archive:
    for name, data in content.items():
        entry = zipfile.ZipInfo(name)  # of 1980
        entry.create_system = 3  # Unix, whose permissions follow
        entry.external_attr = (0o100755 if name.endswith("/scripts/hewn") else 0o100644) << 16
        archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
