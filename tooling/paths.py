"""Where things are. `COMPANION_VAR_DIR` moves the data, so that two instances can run from one clone."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
VAR = Path(os.environ.get("COMPANION_VAR_DIR") or ROOT / "var").resolve()
