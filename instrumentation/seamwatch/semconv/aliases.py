"""Old names of attributes and the canonical ones they became: the one table of renames."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from seamwatch.semconv import standard

__all__ = ["CANONICAL_NAMES"]

# http.host, http.target, http.server_name and net.peer.name are missing on purpose: each became
# different attributes on client and server spans, or part of one, so a rename would be wrong.
CANONICAL_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "http.method": standard.HTTP_REQUEST_METHOD,
        "http.status_code": standard.HTTP_RESPONSE_STATUS_CODE,
        "http.url": standard.URL_FULL,
        "http.scheme": standard.URL_SCHEME,
        "http.user_agent": standard.USER_AGENT_ORIGINAL,
        "http.client_ip": standard.CLIENT_ADDRESS,
        "http.request_content_length": standard.HTTP_REQUEST_BODY_SIZE,
        "http.response_content_length": standard.HTTP_RESPONSE_BODY_SIZE,
        "http.flavor": standard.NETWORK_PROTOCOL_VERSION,
        "http.resend_count": standard.HTTP_REQUEST_RESEND_COUNT,
        "net.peer.ip": standard.NETWORK_PEER_ADDRESS,
        "net.sock.peer.addr": standard.NETWORK_PEER_ADDRESS,
        "net.sock.peer.port": standard.NETWORK_PEER_PORT,
        "net.host.ip": standard.NETWORK_LOCAL_ADDRESS,
        "net.sock.host.addr": standard.NETWORK_LOCAL_ADDRESS,
        "net.sock.host.port": standard.NETWORK_LOCAL_PORT,
        "net.host.name": standard.SERVER_ADDRESS,
        "net.host.port": standard.SERVER_PORT,
        "net.transport": standard.NETWORK_TRANSPORT,
        "net.protocol.name": standard.NETWORK_PROTOCOL_NAME,
        "net.protocol.version": standard.NETWORK_PROTOCOL_VERSION,
        "deployment.environment": standard.DEPLOYMENT_ENVIRONMENT_NAME,
        "gen_ai.system": standard.GEN_AI_PROVIDER_NAME,
        "gen_ai.usage.prompt_tokens": standard.GEN_AI_USAGE_INPUT_TOKENS,
        "gen_ai.usage.completion_tokens": standard.GEN_AI_USAGE_OUTPUT_TOKENS,
        "feature_flag.variant": standard.FEATURE_FLAG_RESULT_VARIANT,
    }
)
