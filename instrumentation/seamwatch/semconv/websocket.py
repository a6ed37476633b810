"""Names of WebSocket connections and messages (proposed; stability: development)."""

from __future__ import annotations

from typing import Final

__all__ = [
    "EVENT_WEBSOCKET_CLOSE",
    "EVENT_WEBSOCKET_OPEN",
    "METRIC_WEBSOCKET_CLIENT_ACTIVE_CONNECTIONS",
    "METRIC_WEBSOCKET_CLIENT_CONNECTION_DURATION",
    "METRIC_WEBSOCKET_CLIENT_HANDSHAKE_DURATION",
    "METRIC_WEBSOCKET_CLIENT_IO",
    "METRIC_WEBSOCKET_CLIENT_MESSAGES",
    "METRIC_WEBSOCKET_CLIENT_MESSAGE_PROCESS_DURATION",
    "METRIC_WEBSOCKET_CLIENT_PING_DURATION",
    "METRIC_WEBSOCKET_CLIENT_RECONNECTS",
    "METRIC_WEBSOCKET_CLIENT_SEND_QUEUE_SIZE",
    "METRIC_WEBSOCKET_SERVER_ACTIVE_CONNECTIONS",
    "METRIC_WEBSOCKET_SERVER_CONNECTION_DURATION",
    "METRIC_WEBSOCKET_SERVER_HANDSHAKE_DURATION",
    "METRIC_WEBSOCKET_SERVER_IO",
    "METRIC_WEBSOCKET_SERVER_MESSAGES",
    "METRIC_WEBSOCKET_SERVER_MESSAGE_PROCESS_DURATION",
    "METRIC_WEBSOCKET_SERVER_PING_DURATION",
    "METRIC_WEBSOCKET_SERVER_SEND_QUEUE_SIZE",
    "WEBSOCKET_CLOSE_CODE",
    "WEBSOCKET_CLOSE_INITIATOR",
    "WEBSOCKET_CLOSE_REASON",
    "WEBSOCKET_CONNECTION_ID",
    "WEBSOCKET_MESSAGE_DIRECTION",
    "WEBSOCKET_MESSAGE_SIZE",
    "WEBSOCKET_MESSAGE_TYPE",
    "WEBSOCKET_SUBPROTOCOL",
]

WEBSOCKET_CONNECTION_ID: Final = "websocket.connection.id"
WEBSOCKET_SUBPROTOCOL: Final = "websocket.subprotocol"
WEBSOCKET_MESSAGE_TYPE: Final = "websocket.message.type"
WEBSOCKET_MESSAGE_SIZE: Final = "websocket.message.size"
WEBSOCKET_MESSAGE_DIRECTION: Final = "websocket.message.direction"
WEBSOCKET_CLOSE_CODE: Final = "websocket.close.code"
WEBSOCKET_CLOSE_REASON: Final = "websocket.close.reason"
WEBSOCKET_CLOSE_INITIATOR: Final = "websocket.close.initiator"
EVENT_WEBSOCKET_OPEN: Final = "websocket.open"
EVENT_WEBSOCKET_CLOSE: Final = "websocket.close"
METRIC_WEBSOCKET_SERVER_ACTIVE_CONNECTIONS: Final = "websocket.server.active_connections"
METRIC_WEBSOCKET_SERVER_CONNECTION_DURATION: Final = "websocket.server.connection.duration"
METRIC_WEBSOCKET_SERVER_HANDSHAKE_DURATION: Final = "websocket.server.handshake.duration"
METRIC_WEBSOCKET_SERVER_MESSAGES: Final = "websocket.server.messages"
METRIC_WEBSOCKET_SERVER_IO: Final = "websocket.server.io"
METRIC_WEBSOCKET_SERVER_MESSAGE_PROCESS_DURATION: Final = (
    "websocket.server.message.process.duration"
)
METRIC_WEBSOCKET_SERVER_PING_DURATION: Final = "websocket.server.ping.duration"
METRIC_WEBSOCKET_SERVER_SEND_QUEUE_SIZE: Final = "websocket.server.send_queue.size"
METRIC_WEBSOCKET_CLIENT_ACTIVE_CONNECTIONS: Final = "websocket.client.active_connections"
METRIC_WEBSOCKET_CLIENT_CONNECTION_DURATION: Final = "websocket.client.connection.duration"
METRIC_WEBSOCKET_CLIENT_HANDSHAKE_DURATION: Final = "websocket.client.handshake.duration"
METRIC_WEBSOCKET_CLIENT_MESSAGES: Final = "websocket.client.messages"
METRIC_WEBSOCKET_CLIENT_IO: Final = "websocket.client.io"
METRIC_WEBSOCKET_CLIENT_MESSAGE_PROCESS_DURATION: Final = (
    "websocket.client.message.process.duration"
)
METRIC_WEBSOCKET_CLIENT_PING_DURATION: Final = "websocket.client.ping.duration"
METRIC_WEBSOCKET_CLIENT_SEND_QUEUE_SIZE: Final = "websocket.client.send_queue.size"
METRIC_WEBSOCKET_CLIENT_RECONNECTS: Final = "websocket.client.reconnects"
