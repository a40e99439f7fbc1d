"""How the reviewing dashboard is started, without importing it: nothing here may know Streamlit."""

import importlib.util
import sys
from pathlib import Path

from mediscan.errors import ConfigError, ReviewError

LOOPBACK = "127.0.0.1"


def command(
    scores: Path, database: Path, *, port: int = 8501, host: str = LOOPBACK, headless: bool = False
) -> list[str]:
    """The program and arguments that serve the dashboard until it is stopped.

    Args:
        scores: A folder that `mediscan score` wrote.
        database: The file that reviews are saved in; it is made where there is none.
        port: The port to listen on.
        host: The address to listen on. There is no login, so any other than loopback opens the pages to the network.
        headless: Whether to leave the browser closed.

    Raises:
        ConfigError: The port is out of range.
        ReviewError: The dashboard's packages are not installed.
    """
    if not 0 < port < 65536:
        raise ConfigError(f"port {port} is out of range", remedy="Choose one from 1 to 65535.")
    app = importlib.util.find_spec("dashboards")
    if app is None or not app.submodule_search_locations or importlib.util.find_spec("streamlit") is None:
        raise ReviewError("the dashboard is not installed", remedy="Run `pip install mediscan[dashboard]`.")
    return [
        *(sys.executable, "-m", "streamlit", "run"),
        str(Path(app.submodule_search_locations[0]) / "app.py"),
        # The app's own configuration file says the same; on the command line no user's file can undo it.
        *("--server.address", host, "--server.port", str(port)),
        *("--server.headless", str(headless).lower(), "--server.showEmailPrompt", "false"),
        *("--browser.gatherUsageStats", "false", "--client.showErrorDetails", "none"),
        *("--", str(scores.resolve()), "--database", str(database.resolve())),
    ]
