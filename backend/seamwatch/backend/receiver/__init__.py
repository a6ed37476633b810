"""Takes OTLP requests over gRPC and HTTP, decodes them and hands them to the sink.

The parts are imported by their modules, so that a decoder can be used without either transport.
"""

__all__: list[str] = []
