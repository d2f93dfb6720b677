"""A sixth group: what people keep of their own work, written before any of it was scanned.

The files of notebooks, competitions, training scripts, services and studies: mostly at the default
protocol, fitted on random data, several things in one file, as they are found in repositories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.honest.people.adapters import adapter_files
from tests.honest.people.agents import agent_files
from tests.honest.people.arrays import array_files
from tests.honest.people.boosting import boosting_files
from tests.honest.people.competitions import competition_files
from tests.honest.people.data import data_files
from tests.honest.people.estimators import estimator_files
from tests.honest.people.frames import frame_files
from tests.honest.people.hub import hub_files
from tests.honest.people.loops import loop_files
from tests.honest.people.modules import module_files
from tests.honest.people.pictures import picture_files
from tests.honest.people.science import science_files
from tests.honest.people.services import service_files
from tests.honest.people.standard import standard_files
from tests.honest.people.statistics_files import statistic_files
from tests.honest.people.studies import study_files
from tests.honest.people.text import text_files
from tests.honest.people.trainers import lightning_files
from tests.honest.writers import File

PEOPLE: dict[str, Callable[[], Iterator[File]]] = {
    "people-competitions": competition_files,
    "people-estimators": estimator_files,
    "people-services": service_files,
    "people-loops": loop_files,
    "people-modules": module_files,
    "people-data": data_files,
    "people-hub": hub_files,
    "people-adapters": adapter_files,
    "people-lightning": lightning_files,
    "people-agents": agent_files,
    "people-statistics": statistic_files,
    "people-boosting": boosting_files,
    "people-science": science_files,
    "people-arrays": array_files,
    "people-frames": frame_files,
    "people-text": text_files,
    "people-standard": standard_files,
    "people-pictures": picture_files,
    "people-studies": study_files,
}
