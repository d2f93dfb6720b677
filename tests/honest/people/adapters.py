"""What is trained beside or on top of a model of the hub."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

from tests.honest.people.shared import REVIEWS, TINY, Pairs, fast_tokenizer, kept, trained
from tests.honest.writers import File, possible


def adapter_files() -> Iterator[File]:
    """peft, sentence-transformers and safetensors-like states."""
    import torch
    import transformers as hf

    def base() -> Any:
        return hf.BertForSequenceClassification(hf.BertConfig(**TINY))

    def causal() -> Any:
        return hf.LlamaForCausalLM(hf.LlamaConfig(**TINY))

    def adapters() -> Pairs:
        import peft

        yield (
            "lora",
            lambda: peft.get_peft_model(
                base(), peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
            ),
        )
        yield (
            "lora_causal",
            lambda: peft.get_peft_model(
                causal(), peft.LoraConfig(task_type="CAUSAL_LM", r=2, use_dora=True)
            ),
        )
        yield "ia3", lambda: peft.get_peft_model(causal(), peft.IA3Config(task_type="CAUSAL_LM"))
        yield (
            "adalora",
            lambda: peft.get_peft_model(
                causal(), peft.AdaLoraConfig(task_type="CAUSAL_LM", total_step=10)
            ),
        )
        yield "loha", lambda: peft.get_peft_model(base(), peft.LoHaConfig(target_modules=["query"]))
        yield (
            "prompt",
            lambda: peft.get_peft_model(
                causal(), peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
            ),
        )
        yield (
            "prefix",
            lambda: peft.get_peft_model(
                causal(), peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
            ),
        )
        yield (
            "merged",
            lambda: peft.get_peft_model(
                base(), peft.LoraConfig(r=2, target_modules=["query"])
            ).merge_and_unload(),
        )
        yield (
            "configs",
            lambda: [
                peft.LoraConfig(lora_alpha=16, bias="none"),
                peft.TaskType.CAUSAL_LM,
                peft.PrefixTuningConfig(),
                peft.PeftType.LORA,
            ],
        )
        yield (
            "state",
            lambda: peft.get_peft_model_state_dict(
                peft.get_peft_model(base(), peft.LoraConfig(r=2, target_modules=["query"]))
            ),
        )

    def sentences() -> Pairs:
        import sentence_transformers as st
        from sentence_transformers import losses
        from sentence_transformers import models as parts

        def static() -> Any:
            return st.SentenceTransformer(
                modules=[
                    parts.StaticEmbedding(fast_tokenizer().backend_tokenizer, embedding_dim=8)
                ],
                device="cpu",
            )

        def bags() -> Any:
            bow = parts.BoW(vocab=["good", "bad", "film"])
            return st.SentenceTransformer(
                modules=[
                    bow,
                    parts.Dense(3, 4, activation_function=torch.nn.Tanh()),
                    parts.Normalize(),
                ],
                device="cpu",
            )

        def full() -> Any:
            with tempfile.TemporaryDirectory() as folder:
                hf.BertModel(hf.BertConfig(**TINY)).save_pretrained(folder)
                fast_tokenizer().save_pretrained(folder)
                words = parts.Transformer(folder)
                return st.SentenceTransformer(modules=[words, parts.Pooling(8)], device="cpu")

        yield "static", static
        yield "bags", bags
        yield "full", full
        yield "loss", lambda: losses.CosineSimilarityLoss(static())
        yield "example", lambda: [st.InputExample(texts=["a", "b"], label=0.5)]
        yield (
            "vectors",
            lambda: {"sentences": REVIEWS[:2], "embeddings": static().encode(REVIEWS[:2])},
        )
        yield "similarity", lambda: [st.util.cos_sim, st.SimilarityFunction.COSINE]

    for part in (adapters, sentences):
        yield from possible({f"{part.__name__}_{n}": make for n, make in part()}, trained)
    yield from possible({f"pickled_{n}": make for n, make in sentences()}, kept)
