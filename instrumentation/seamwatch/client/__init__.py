"""The light client: joins Seamwatch to the OpenTelemetry SDK of a service."""

from seamwatch.client.attach import attach
from seamwatch.client.pre_instrument import pre_instrument

__all__ = ["attach", "pre_instrument"]
