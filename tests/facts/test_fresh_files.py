"""Facts of tokenizers, norms, requests and records: an honest state, and the nearest abuses.

Each abuse has harmless parts only, so that nothing but the place where they stand can be held
against the stream: a method that `__setstate__` calls is replaced, a part that it looks into is an
object, a name is called that may only be referred to.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.make import call, dict_of, integer, list_of, reference, text, tuple_of
from tests.e2e.program import verdict_of

PRINT = reference("builtins:print")
NONE, TRUE = b"N", b"\x88"


def made(key: str, state: bytes) -> bytes:
    """An instance that NEWOBJ makes, with a state."""
    return reference(key) + b")\x81" + state + b"b"


OBJECT = made("argparse:Action", dict_of(text("n"), integer(1)))
ADAPTER, JAR = "requests.adapters:HTTPAdapter", "requests.cookies:RequestsCookieJar"
REGISTRY, NODE = "matplotlib.cbook:CallbackRegistry", "matplotlib.transforms:TransformNode"
VERSION, MPF = "packaging.version:Version", "mpmath.ctx_mp_python:mpf"
VALIDATOR, NORM = "attr.validators:_InstanceOfValidator", "matplotlib.colors:LogNorm"
VECTORS = "stable_baselines3.common.vec_env.vec_normalize:VecNormalize"
EMPTY_NORM = "matplotlib.colors:_create_empty_object_of_class"
BOX, DICT = "gymnasium.spaces.discrete:Discrete", "gymnasium.spaces.dict:Dict"
DISTANCE = "hdbscan.dist_metrics:EuclideanDistance"
TOKENIZER = "transformers.tokenization_utils_tokenizers:TokenizersBackend"
CACHE = "transformers.cache_utils:DynamicCache"
GRAPH = "networkx.classes.graph:Graph"
pool = (text("_pool_connections"), integer(10), text("_pool_maxsize"), integer(10))
digits = (integer(0), text("3"), integer(-1 & 0xFF), integer(2))

HONEST = {
    "adapter": made(ADAPTER, dict_of(*pool, text("_pool_block"), TRUE)),
    "jar": made(JAR, dict_of(text("_cookies"), dict_of())),
    "registry": made(REGISTRY, dict_of(text("callbacks"), dict_of(), text("_cid_gen"), integer(3))),
    "node": made(NODE, dict_of(text("_parents"), dict_of(integer(7), OBJECT))),
    "version": made(VERSION, tuple_of(integer(0), tuple_of(integer(2)), *[NONE] * 4)),
    "validator": made(VALIDATOR, dict_of(text("type"), reference("builtins:int"))),
    "mpf": made(MPF, tuple_of(*digits)),
    "norm": call(EMPTY_NORM, reference(NORM)) + dict_of(text("vmin"), integer(1)) + b"b",
    "tokenizer": made(TOKENIZER, dict_of(text("verbose"), TRUE)),
    "cache": made(CACHE, dict_of(text("layers"), list_of())),
    "graph": made(GRAPH, dict_of(text("__networkx_cache__"), dict_of(), text("_node"), dict_of())),
    "similarity": reference("sentence_transformers.util.similarity:cos_sim"),
    "schedule": reference("stable_baselines3.common.policies:BasePolicy._dummy_schedule"),
    "url": reference("pydantic_core._pydantic_core:Url") + tuple_of(text("http://a/")) + b"\x81",
    "member": reference("PIL.Image:Resampling.BILINEAR"),
    "plateau": reference("transformers.trainer_utils:SchedulerType.REDUCE_ON_PLATEAU"),
}

ABUSES = {
    "adapter_calls": made(ADAPTER, dict_of(*pool, text("init_poolmanager"), PRINT)),
    "adapter_size": made(ADAPTER, dict_of(text("_pool_connections"), OBJECT)),
    "adapter_hook": made(ADAPTER, dict_of(text("__class__"), reference("builtins:dict"))),
    "jar_hook": made(JAR, dict_of(text("__class__"), reference("builtins:dict"))),
    "registry_callback": made(
        REGISTRY,
        dict_of(
            text("callbacks"),
            dict_of(text("s"), dict_of(integer(1), OBJECT)),
            text("_cid_gen"),
            integer(3),
        ),
    ),
    "registry_counts": made(
        REGISTRY, dict_of(text("callbacks"), dict_of(), text("_cid_gen"), OBJECT)
    ),
    "registry_removes": made(
        REGISTRY,
        dict_of(
            text("callbacks"), dict_of(), text("_cid_gen"), integer(3), text("_remove_proxy"), PRINT
        ),
    ),
    "node_parents": made(NODE, dict_of(text("_parents"), OBJECT)),
    "version_old": made(VERSION, dict_of(text("_version"), OBJECT)),
    "version_slots": made(VERSION, tuple_of(NONE, dict_of(text("_version"), OBJECT))),
    "validator_object": made(VALIDATOR, OBJECT),
    "mpf_digits": made(MPF, tuple_of(integer(0), OBJECT, integer(1), integer(2))),
    "mpf_value": reference(MPF) + tuple_of(OBJECT) + b"\x81",
    "norm_of_another": call(EMPTY_NORM, reference("matplotlib.figure:Figure")),
    "figure": made("matplotlib.figure:Figure", dict_of(text("__mpl_version__"), text("3"))),
    "vectors_of_dict": made(
        VECTORS, dict_of(text("observation_space"), made(DICT, dict_of(text("spaces"), OBJECT)))
    ),
    "distance_arrays": call("hdbscan.dist_metrics:newObj", reference(DISTANCE))
    + tuple_of(b"G@\x00\x00\x00\x00\x00\x00\x00", OBJECT, OBJECT)
    + b"b",
    "tokenizer_hook": made(TOKENIZER, dict_of(text("__class__"), reference("builtins:dict"))),
    "cache_layers": made(CACHE, dict_of(text("_parameters"), OBJECT)),
    "graph_hook": made(GRAPH, dict_of(text("__class__"), reference("builtins:dict"))),
    "similarity_called": call("sentence_transformers.util.similarity:cos_sim", OBJECT, OBJECT),
    "seed_called": call("transformers.trainer_utils:set_seed", integer(1)),
    "url_object": reference("pydantic_core._pydantic_core:Url") + tuple_of(OBJECT) + b"\x81",
    "bar_made": reference("tqdm.std:tqdm") + b")\x81",
    "sentencepiece": made(
        "transformers.models.xlnet.tokenization_xlnet:XLNetTokenizer",
        dict_of(text("vocab_file"), text("/etc/passwd")),
    ),
    "plateau_is_no_method": reference("transformers.trainer_utils:SchedulerType.mro"),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_libraries_write_is_clean(name: str, tmp_path: Path) -> None:
    """Each is what a library of today writes, as far as its fact looks into it."""
    assert verdict_of(tmp_path, b"\x80\x04" + HONEST[name] + b".") == "clean"


@pytest.mark.parametrize("name", ABUSES)
def test_the_nearest_abuse_is_not(name: str, tmp_path: Path) -> None:
    """The same classes with a part that their code would run, convert or look into."""
    assert verdict_of(tmp_path, b"\x80\x04" + ABUSES[name] + b".") != "clean"
