"""Names of webhook deliveries, receipts and chains (proposed; stability: development)."""

from __future__ import annotations

from typing import Final

__all__ = [
    "EVENT_WEBHOOK_DELIVERY_STARTED",
    "EVENT_WEBHOOK_RECEIVE_STARTED",
    "METRIC_WEBHOOK_CHAIN_DURATION",
    "METRIC_WEBHOOK_RECEIVER_DELIVERY_LAG",
    "METRIC_WEBHOOK_RECEIVER_PROCESS_DURATION",
    "METRIC_WEBHOOK_SENDER_DELIVERY_DURATION",
    "WEBHOOK_CHAIN_DEPTH",
    "WEBHOOK_CHAIN_ID",
    "WEBHOOK_CHAIN_ROOT_EVENT_TYPE",
    "WEBHOOK_DELIVERY_ATTEMPT",
    "WEBHOOK_DELIVERY_OUTCOME",
    "WEBHOOK_ENDPOINT_ID",
    "WEBHOOK_EVENT_TYPE",
    "WEBHOOK_ID",
    "WEBHOOK_PROVIDER_NAME",
    "WEBHOOK_SIGNATURE_SCHEME",
    "WEBHOOK_SIGNATURE_VERIFIED",
]

WEBHOOK_ID: Final = "webhook.id"
WEBHOOK_EVENT_TYPE: Final = "webhook.event.type"
WEBHOOK_PROVIDER_NAME: Final = "webhook.provider.name"
WEBHOOK_ENDPOINT_ID: Final = "webhook.endpoint.id"
WEBHOOK_DELIVERY_ATTEMPT: Final = "webhook.delivery.attempt"
WEBHOOK_DELIVERY_OUTCOME: Final = "webhook.delivery.outcome"
WEBHOOK_SIGNATURE_SCHEME: Final = "webhook.signature.scheme"
WEBHOOK_SIGNATURE_VERIFIED: Final = "webhook.signature.verified"
WEBHOOK_CHAIN_ID: Final = "webhook.chain.id"
WEBHOOK_CHAIN_DEPTH: Final = "webhook.chain.depth"
WEBHOOK_CHAIN_ROOT_EVENT_TYPE: Final = "webhook.chain.root_event.type"
EVENT_WEBHOOK_DELIVERY_STARTED: Final = "webhook.delivery.started"
EVENT_WEBHOOK_RECEIVE_STARTED: Final = "webhook.receive.started"
METRIC_WEBHOOK_SENDER_DELIVERY_DURATION: Final = "webhook.sender.delivery.duration"
METRIC_WEBHOOK_RECEIVER_PROCESS_DURATION: Final = "webhook.receiver.process.duration"
METRIC_WEBHOOK_RECEIVER_DELIVERY_LAG: Final = "webhook.receiver.delivery.lag"
METRIC_WEBHOOK_CHAIN_DURATION: Final = "webhook.chain.duration"
