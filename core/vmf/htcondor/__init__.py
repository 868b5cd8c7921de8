"""Moving in from HTCondor: submit descriptions and machine configurations in, specs with comments out.

Files become statements (`pages`, `language`), statements the commands of each process or the knobs of a machine
(`submit`, `config`), and those fields, row by row of one table each (`commands`, `knobs`).
"""

from __future__ import annotations

from vmf.htcondor.importing import Import, Kind, import_file

__all__ = ["Import", "Kind", "import_file"]
