"""The code behind the verbs in do/.

The first lines stop a Python that is too old with one line: this file and the
verbs' own scripts are kept in syntax that any Python 3 can read.
"""

import sys

if sys.version_info < (3, 10):
    sys.stderr.write(
        "{}: needs Python 3.10 or newer, but this is Python {}.{}: run python3.12 {}\n".format(
            sys.argv[0], sys.version_info[0], sys.version_info[1], " ".join(sys.argv)
        )
    )
    sys.exit(2)
