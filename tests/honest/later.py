"""The later part of the corpus: makers that were written after the facts were frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.honest.others import (
    configuration_files,
    further_estimators,
    graph_files,
    language_files,
    metric_files,
    network_files,
    process_files,
    resampling_files,
    space_files,
    statistics_files,
    study_files,
    survival_files,
    trained_files,
)
from tests.honest.python2 import python2_files
from tests.honest.tables import (
    array_files,
    boosting_files,
    estimator_files,
    frame_files,
    python_again_files,
    scipy_again_files,
    workflow_files,
)
from tests.honest.training import distribution_files, training_files
from tests.honest.writers import File

LATER: dict[str, Callable[[], Iterator[File]]] = {
    "later-python": python_again_files,
    "later-python2": python2_files,
    "later-numpy": array_files,
    "later-scipy": scipy_again_files,
    "later-pandas": frame_files,
    "later-estimators": estimator_files,
    "later-workflows": workflow_files,
    "later-boosting": boosting_files,
    "later-training": training_files,
    "later-torch": distribution_files,
    "later-resampling": resampling_files,
    "later-survival": survival_files,
    "later-transformers": configuration_files,
    "later-graphs": graph_files,
    "later-metrics": metric_files,
    "later-networks": network_files,
    "later-spaces": space_files,
    "later-statistics": statistics_files,
    "later-processes": process_files,
    "later-language": language_files,
    "later-skorch": trained_files,
    "later-sklearn-like": further_estimators,
    "later-studies": study_files,
}
