"""What do/test checks: http/ over HTTP, container/ what only a container shows."""
