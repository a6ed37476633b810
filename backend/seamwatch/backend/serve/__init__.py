"""The running backend: everything wired together, started and stopped in order."""

from seamwatch.backend.serve.config import ServerConfig
from seamwatch.backend.serve.server import Server

__all__ = ["Server", "ServerConfig"]
