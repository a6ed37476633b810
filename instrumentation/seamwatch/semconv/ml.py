"""Names of machine learning inference (proposed; stability: development)."""

from __future__ import annotations

from typing import Final

__all__ = [
    "EVENT_ML_DRIFT_DETECTED",
    "EVENT_ML_EVALUATION_RESULT",
    "EVENT_ML_GROUND_TRUTH",
    "EVENT_ML_PREDICTION",
    "METRIC_ML_DRIFT_SCORE",
    "METRIC_ML_INFERENCE_BATCH_SIZE",
    "METRIC_ML_INFERENCE_COST",
    "METRIC_ML_INFERENCE_DURATION",
    "METRIC_ML_MODEL_ACCURACY",
    "METRIC_ML_MODEL_HEALTH",
    "ML_DRIFT_METHOD",
    "ML_DRIFT_SCORE",
    "ML_DRIFT_THRESHOLD",
    "ML_EVALUATION_NAME",
    "ML_EVALUATION_SCORE_LABEL",
    "ML_EVALUATION_SCORE_VALUE",
    "ML_FEATURES",
    "ML_FEATURE_NAME",
    "ML_FRAMEWORK_NAME",
    "ML_FRAMEWORK_VERSION",
    "ML_GROUND_TRUTH_VALUE",
    "ML_MODEL_NAME",
    "ML_MODEL_TYPE",
    "ML_MODEL_VERSION",
    "ML_OPERATION_NAME",
    "ML_OUTPUT_LABEL",
    "ML_OUTPUT_SCORE",
    "ML_OUTPUT_VALUE",
    "ML_PREDICTION_ID",
    "ML_REQUEST_BATCH_SIZE",
    "ML_SEGMENT",
    "ML_USAGE_COST_AMOUNT",
    "ML_USAGE_COST_CURRENCY",
    "ML_USAGE_COST_SOURCE",
]

ML_OPERATION_NAME: Final = "ml.operation.name"
ML_MODEL_NAME: Final = "ml.model.name"
ML_MODEL_VERSION: Final = "ml.model.version"
ML_MODEL_TYPE: Final = "ml.model.type"
ML_FRAMEWORK_NAME: Final = "ml.framework.name"
ML_FRAMEWORK_VERSION: Final = "ml.framework.version"
ML_PREDICTION_ID: Final = "ml.prediction.id"
ML_REQUEST_BATCH_SIZE: Final = "ml.request.batch_size"
ML_USAGE_COST_AMOUNT: Final = "ml.usage.cost.amount"
ML_USAGE_COST_CURRENCY: Final = "ml.usage.cost.currency"
ML_USAGE_COST_SOURCE: Final = "ml.usage.cost.source"
ML_FEATURES: Final = "ml.features"
ML_OUTPUT_VALUE: Final = "ml.output.value"
ML_OUTPUT_LABEL: Final = "ml.output.label"
ML_OUTPUT_SCORE: Final = "ml.output.score"
ML_SEGMENT: Final = "ml.segment"
ML_GROUND_TRUTH_VALUE: Final = "ml.ground_truth.value"
ML_EVALUATION_NAME: Final = "ml.evaluation.name"
ML_EVALUATION_SCORE_VALUE: Final = "ml.evaluation.score.value"
ML_EVALUATION_SCORE_LABEL: Final = "ml.evaluation.score.label"
ML_DRIFT_METHOD: Final = "ml.drift.method"
ML_DRIFT_SCORE: Final = "ml.drift.score"
ML_DRIFT_THRESHOLD: Final = "ml.drift.threshold"
ML_FEATURE_NAME: Final = "ml.feature.name"
EVENT_ML_PREDICTION: Final = "ml.prediction"
EVENT_ML_GROUND_TRUTH: Final = "ml.ground_truth"
EVENT_ML_EVALUATION_RESULT: Final = "ml.evaluation.result"
EVENT_ML_DRIFT_DETECTED: Final = "ml.drift.detected"
METRIC_ML_INFERENCE_DURATION: Final = "ml.inference.duration"
METRIC_ML_INFERENCE_BATCH_SIZE: Final = "ml.inference.batch.size"
METRIC_ML_INFERENCE_COST: Final = "ml.inference.cost"
METRIC_ML_DRIFT_SCORE: Final = "ml.drift.score"
METRIC_ML_MODEL_ACCURACY: Final = "ml.model.accuracy"
METRIC_ML_MODEL_HEALTH: Final = "ml.model.health"
