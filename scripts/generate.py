"""Write everything that is checked in and follows from other files: `make generate`. For maintainers.

These are the pages, schemas and policies of the caller that the modules below write, interface.yml, and the goldens.
Their tests fail if they are stale.
"""

from __future__ import annotations

from extensions import (
    answers_schema,
    document_engines,
    document_frameworks,
    document_questions,
    document_verbs,
    record_interface,
)
from tests.renders import goldens

GENERATORS = (
    document_questions,
    document_frameworks,
    document_engines,
    document_verbs,
    answers_schema,
    record_interface,
    goldens,
)


def main() -> None:
    """Run every generator."""
    for generator in GENERATORS:
        print(generator.__name__, flush=True)
        generator.main()


if __name__ == "__main__":
    main()
