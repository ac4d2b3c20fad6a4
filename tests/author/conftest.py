"""Where the rows of the mistakes are."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
